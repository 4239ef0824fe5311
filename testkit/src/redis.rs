//! A real Redis on a free port, which dies with the test.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

/// The shell kills the server when its own standard input ends, which happens even if the test process is killed.
const WATCH: &str = r#"redis-server "$@" & echo "pid $!"; read -r _; kill -9 $!; wait $!"#;

/// A `redis-server` with a port and a folder of its own.
pub struct RedisServer {
    port: u16,
    folder: TempDir,
    options: Vec<String>,
    running: Option<Running>,
}

struct Running {
    shell: Child,
    pid: Pid,
}

impl RedisServer {
    /// Starts a server that keeps nothing on disk.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server that has every acknowledged write on disk.
    pub fn start_durable() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with these options.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let options = options.iter().map(ToString::to_string).collect();
        let mut server = Self { port: free_port(), folder, options, running: None };
        server.restart();
        server
    }

    /// A server that is not running yet.
    pub fn absent() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { port: free_port(), folder, options: Vec::new(), running: None }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `--store`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it (again), and waits until it serves.
    pub fn restart(&mut self) {
        self.kill();
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "sh", "--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--dir", self.folder.path().to_str().expect("the path is UTF-8")])
            .args(&self.options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server can be started");
        let mut lines = BufReader::new(shell.stdout.take().expect("it is piped")).lines();
        let mut pid = None;
        loop {
            let line = lines.next().expect("redis-server starts").expect("its output is text");
            if let Some(number) = line.strip_prefix("pid ") {
                pid = number.parse().ok();
            }
            if line.contains("Ready to accept connections") {
                break;
            }
        }
        std::thread::spawn(move || lines.for_each(drop));
        self.running = Some(Running { shell, pid: Pid::from_raw(pid.expect("the shell says the pid")) });
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = kill(running.pid, Signal::SIGKILL);
            drop(running.shell.stdin.take());
            let _ = running.shell.wait();
        }
    }

    /// Stops it with SIGSTOP: its connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let running = self.running.as_ref().expect("the server is running");
        kill(running.pid, signal).expect("the server can be signalled");
    }

    /// Sends one command and answers the raw reply, in the words of the protocol.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("redis is there");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("it can be set");
        for words in [command, &["QUIT"]] {
            write!(stream, "*{}\r\n", words.len()).expect("redis reads");
            for word in words {
                write!(stream, "${}\r\n{word}\r\n", word.len()).expect("redis reads");
            }
        }
        let mut reply = String::new();
        stream.read_to_string(&mut reply).expect("redis answers and closes");
        reply.strip_suffix("+OK\r\n").expect("redis says goodbye").to_owned()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
