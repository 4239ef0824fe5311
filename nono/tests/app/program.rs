//! Programs as processes.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};

/// Timeout for the start and the end of a program.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A running program, which is killed when it is dropped.
pub struct Program {
    child: Child,
    log: Option<Lines<BufReader<ChildStderr>>>,
    /// Log lines that were read so far.
    seen: Vec<String>,
}

impl Program {
    /// Starts `nono` on free ports.
    pub fn nono(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let ports =
            ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        Self::start("nono", &[&ports, arguments].concat(), environment)
    }

    /// Starts a program of the workspace.
    pub fn start(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::spawn(command(name, arguments, environment))
    }

    /// Starts a program of the workspace in another network.
    pub fn start_in(network: &Path, name: &str, arguments: &[&str]) -> Self {
        let mut command = configured(Command::new("nsenter"), &[]);
        command.arg(format!("--net={}", network.display())).arg(path(name)).args(arguments);
        Self::spawn(command)
    }

    /// Starts a program of the workspace under Callgrind, which writes its dumps to `output` with their numbers.
    pub fn start_counted(output: &Path, name: &str, arguments: &[&str]) -> Self {
        let mut command = configured(Command::new("valgrind"), &[("TOKIO_WORKER_THREADS", "1")]);
        command
            .args(["--tool=callgrind", "--dump-line=no", "--quiet"])
            .arg(format!("--callgrind-out-file={}", output.display()))
            .arg(path(name))
            .args(arguments);
        Self::spawn(command)
    }

    pub(super) fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Some(BufReader::new(child.stderr.take().unwrap()).lines());
        Self { child, log, seen: Vec::new() }
    }

    /// Reads the log until a line contains `text`, and returns that line.
    pub async fn wait_for_log(&mut self, text: &str) -> String {
        let reading = async {
            while let Some(line) = self.log.as_mut().unwrap().next_line().await.unwrap() {
                self.seen.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the program ended before it logged {text:?}");
        };
        tokio::time::timeout(TIMEOUT, reading)
            .await
            .unwrap_or_else(|_| panic!("the log does not contain {text:?}"))
    }

    /// Collects the whole log until the program ends. The log is read continuously, so that the program drops no line.
    pub fn collect_log(&mut self) -> JoinHandle<Vec<String>> {
        let (mut lines, mut log) = (std::mem::take(&mut self.seen), self.log.take().unwrap());
        tokio::spawn(async move {
            while let Some(line) = log.next_line().await.unwrap() {
                lines.push(line);
            }
            lines
        })
    }

    /// Returns the first line of the program's standard output.
    pub async fn greeting(&mut self) -> String {
        let mut lines = BufReader::new(self.child.stdout.as_mut().unwrap()).lines();
        tokio::time::timeout(TIMEOUT, lines.next_line()).await.unwrap().unwrap().unwrap()
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the program is running")
    }

    /// Sends a signal. Returns after SIGSTOP once every thread has stopped.
    pub fn signal(&self, signal: Signal) {
        let id = self.child.id().unwrap();
        kill(Pid::from_raw(id.cast_signed()), signal).unwrap();
        while signal == Signal::SIGSTOP && has_running_thread(id) {
            std::thread::yield_now();
        }
    }

    /// Waits for the end of the program and returns its exit code.
    pub async fn exit_code(&mut self) -> Option<i32> {
        tokio::time::timeout(TIMEOUT, self.child.wait()).await.expect("the program ends").unwrap().code()
    }

    /// Runs a program to its end. Returns its exit code, standard output and standard error.
    pub async fn run(
        name: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> (Option<i32>, String, String) {
        let mut child = command(name, arguments, environment).spawn().unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        let reading = async {
            let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let _ = tokio::join!(stdout.read_to_string(&mut out), stderr.read_to_string(&mut err));
            child.wait().await.unwrap().code()
        };
        let code = tokio::time::timeout(TIMEOUT, reading).await.expect("the program ends");
        (code, out, err)
    }
}

/// Returns `true` if a thread of a process is not stopped, as far as the system reports it.
fn has_running_thread(process: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let mut states = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    states.any(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')))
}

/// Prepares a program of the workspace, with piped standard streams.
pub fn command(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = configured(Command::new(path(name)), environment);
    command.args(arguments);
    command
}

pub(super) fn path(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_nono")).with_file_name(name);
    assert!(path.exists(), "{name} is not built: cargo build --workspace");
    path
}

pub(super) fn configured(mut command: Command, environment: &[(&str, &str)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "variables of the shell must not reach the program")]
    for (variable, _) in std::env::vars() {
        if variable.starts_with("NONO_") || variable.starts_with("OTEL_") {
            command.env_remove(variable);
        }
    }
    command
        .env_remove("RUST_LOG")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
