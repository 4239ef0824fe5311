//! CPU time of processes on Linux.

use std::fs;

/// Microseconds per tick of `/proc`, the same on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the CPU time of each process in microseconds.
pub(super) fn used<const N: usize>(pids: [u32; N]) -> [f64; N] {
    pids.map(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name may contain anything. Of the fields after it, the 12th and 13th are the ticks in user and kernel mode.
        let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND * 1e6
    })
}
