//! How much of a core processes use, as Linux counts it.

use std::fs;

/// What `/proc` counts in, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// The time in microseconds that each of the processes has had of a core since it began.
pub(super) fn used<const N: usize>(pids: [u32; N]) -> [f64; N] {
    pids.map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name before it may hold anything; of what follows the 12th and 13th are the ticks in the program and the kernel.
        let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND * 1e6
    })
}
