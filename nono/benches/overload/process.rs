//! Memory and cores of processes on Linux.

use std::{fs, process::Command, thread::available_parallelism};

/// Returns the largest resident memory of a process in MiB since [`reset_peak`].
pub(super) fn peak_mebibytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Starts a new measurement of the largest resident memory.
pub(super) fn reset_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
}

/// Moves a process with all its threads to the cores of the servers: all but the last.
pub(super) fn move_to_server_cores(pid: u32) {
    match cores() {
        1 => {}
        2 => set_cores(pid, "0"),
        cores => set_cores(pid, &format!("0-{}", cores - 2)),
    }
}

/// Moves this process to the core of the load generator.
pub(super) fn move_to_generator_core() {
    if cores() > 1 {
        set_cores(std::process::id(), &(cores() - 1).to_string());
    }
}

/// Returns the number of cores of the machine. It does not change once this process has been moved to one of them.
fn cores() -> usize {
    static CORES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().unwrap().get())
}

fn set_cores(pid: u32, list: &str) {
    let pid = pid.to_string();
    let output = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", list, &pid]).output();
    assert!(output.unwrap().status.success(), "taskset of util-linux moves a process");
}
