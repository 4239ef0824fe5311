//! A real program as a process of its own.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStderr, Command},
    task::JoinHandle,
};

/// The longest that a program takes to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program; it is killed when this is dropped.
pub struct Program {
    child: Child,
    log: Option<Lines<BufReader<ChildStderr>>>,
    /// The lines of the log that were read.
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
        let mut child = command(name, arguments, environment).spawn().unwrap();
        let log = Some(BufReader::new(child.stderr.take().unwrap()).lines());
        Self { child, log, seen: Vec::new() }
    }

    /// Reads the log until a line contains `text`, and answers that line.
    pub async fn says(&mut self, text: &str) -> String {
        let reading = async {
            while let Some(line) = self.log.as_mut().unwrap().next_line().await.unwrap() {
                self.seen.push(line.clone());
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the program ended before it said {text:?}");
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("it never said {text:?}"))
    }

    /// Collects the whole log until the program ends. It is read at once, so that the program drops no line.
    pub fn collect_log(&mut self) -> JoinHandle<Vec<String>> {
        let (mut lines, mut log) = (std::mem::take(&mut self.seen), self.log.take().unwrap());
        tokio::spawn(async move {
            while let Some(line) = log.next_line().await.unwrap() {
                lines.push(line);
            }
            lines
        })
    }

    /// The first line of the program's standard output.
    pub async fn greeting(&mut self) -> String {
        let mut lines = BufReader::new(self.child.stdout.as_mut().unwrap()).lines();
        tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().unwrap().cast_signed()), signal).unwrap();
    }

    /// Waits for the program's end, and answers its exit code.
    pub async fn exit_code(&mut self) -> Option<i32> {
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap().code()
    }

    /// Runs a program to its end: exit code, standard output, standard error.
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
        let code = tokio::time::timeout(PATIENCE, reading).await.expect("it ends");
        (code, out, err)
    }
}

/// Prepares a program of the workspace, with piped standard streams.
pub fn command(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_nono")).with_file_name(name);
    assert!(path.exists(), "{name} is not built: cargo build --workspace");
    let mut command = Command::new(path);
    #[expect(
        clippy::disallowed_methods,
        reason = "what the caller's shell has set must not reach the program"
    )]
    for (variable, _) in std::env::vars() {
        if variable.starts_with("NONO_") || variable.starts_with("OTEL_") {
            command.env_remove(variable);
        }
    }
    command
        .args(arguments)
        .env_remove("RUST_LOG")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}
