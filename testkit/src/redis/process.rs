//! The process of a server, which ends with the test process, even if that is killed.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// The shell kills the server when its own standard input ends, which happens even if the test process is killed. It
/// closes its standard output, so that the pipe ends with the server.
const WATCH: &str =
    r#"redis-server "$@" 2>&1 & echo "pid $!"; exec >/dev/null; read -r _; kill -9 $!; wait $!"#;
/// Log messages of a server and of a Sentinel that accept connections.
const READY: [&str; 2] = ["Ready to accept connections", "+monitor master"];
/// Timeout for the start of a server.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// A running `redis-server`, which is killed when it is dropped.
pub(super) struct Process {
    shell: Child,
    pid: Option<Pid>,
}

impl Process {
    /// Starts a server and waits until it accepts connections. The error is its log.
    pub(super) fn start(arguments: &[String]) -> Result<Self, String> {
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be started");
        let lines = lines(shell.stdout.take().expect("the output is piped"));
        let mut process = Self { shell, pid: None };
        process.await_ready(&lines)?;
        Ok(process)
    }

    fn await_ready(&mut self, lines: &Receiver<String>) -> Result<(), String> {
        let (started, mut log) = (Instant::now(), String::new());
        let mut is_ready = false;
        // On a busy machine the server can be ready before the shell prints its pid.
        while !is_ready || self.pid.is_none() {
            let left = START_TIMEOUT.saturating_sub(started.elapsed());
            let Ok(line) = lines.recv_timeout(left) else {
                return Err(format!("redis-server does not start:\n{log}"));
            };
            is_ready |= READY.iter().any(|ready| line.contains(ready));
            match line.strip_prefix("pid ") {
                Some(number) => self.pid = number.parse().ok().map(Pid::from_raw),
                None => log = log + &line + "\n",
            }
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid.expect("the shell printed the pid")
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the server accepts signals");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            let _ = kill(pid, Signal::SIGKILL);
        }
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Reads the output for as long as the server runs, because a full pipe would block it.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}
