//! CPU time of processes on Linux.

use std::fs;

/// Ticks of `/proc` in a second, the same on every machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// Returns the CPU time of a process in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is running");
    // The name may contain anything. Of the fields after it, the 12th and 13th are the ticks in user and kernel mode.
    let (_, fields) = stat.rsplit_once(')').expect("the name is in parentheses");
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap_or_default());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
