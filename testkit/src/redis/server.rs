//! A single Redis server on a free port.

use super::{
    certificates::{Certificates, ClientCertificates},
    connection::{Address, Connection, Reply, field},
    process::Process,
};
use crate::ports::Port;
use nix::sys::signal::Signal;
use std::{fs, path::Path, thread, time::Duration};
use tempfile::TempDir;

/// Timeout for a reply to a test.
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of attempts to start a server, because another program may take a free port.
const START_ATTEMPTS: usize = 3;

/// A `redis-server` with its own port and folder.
pub struct RedisServer {
    port: Port,
    folder: TempDir,
    is_secure: bool,
    options: Vec<String>,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server without persistence.
    pub fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"])
    }

    /// Starts a server that writes every change to disk before it acknowledges it.
    pub fn start_durable() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "yes", "--appendfsync", "always"])
    }

    /// Starts a server with options.
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_on_free_port(|port| Self::new(port, options))
    }

    /// Starts a server that accepts only TLS, with further options.
    pub fn start_tls(certificates: &Certificates, clients: ClientCertificates, options: &[&str]) -> Self {
        Self::start_on_free_port(|port| Self::new_tls(port, certificates, clients, options))
    }

    /// Reserves a port for a server that is not started yet.
    pub fn absent() -> Self {
        Self::new(Port::claim(), &[])
    }

    /// Returns the port of the server.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns the process id, for measurements.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").pid().as_raw().unsigned_abs()
    }

    /// Returns the address for `--store`.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// Starts or restarts the server, and waits until it accepts connections.
    pub fn restart(&mut self) {
        self.kill();
        self.launch().unwrap_or_else(|log| panic!("{log}"));
    }

    /// Kills the server with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Pauses the server with SIGSTOP: connections stay open without replies.
    pub fn freeze(&self) {
        self.running().signal(Signal::SIGSTOP);
    }

    /// Resumes a paused server.
    pub fn thaw(&self) {
        self.running().signal(Signal::SIGCONT);
    }

    /// Sends a command and returns the raw reply. Authenticates if the server has a password, and works without TLS in
    /// any case.
    pub fn ask(&self, command: &[&str]) -> String {
        let replies = self.ask_all(&[command], REPLY_TIMEOUT);
        replies.unwrap_or_else(|reason| panic!("{command:?} failed: {reason}")).remove(0).raw
    }

    /// Returns the number of processed commands, including this one and those of other servers.
    pub fn commands_processed(&self) -> u64 {
        let stats = self.ask(&["INFO", "stats"]);
        let count = field(&stats, "total_commands_processed").and_then(|count| count.parse().ok());
        count.expect("a server counts its commands")
    }

    /// Returns the number of calls of a command, whose name is in lower case.
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.ask(&["INFO", "commandstats"]);
        let calls = field(&stats, &format!("cmdstat_{command}"))
            .and_then(|stat| stat.strip_prefix("calls=")?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    }

    /// Creates a server that is not started yet.
    pub(super) fn new(port: Port, options: &[&str]) -> Self {
        let listen = ["--port".to_owned(), port.number().to_string()];
        Self::with_options(port, listen.into_iter().chain(options.iter().map(ToString::to_string)))
    }

    /// Creates a server that accepts only TLS and is not started yet.
    pub(super) fn new_tls(
        port: Port,
        certificates: &Certificates,
        clients: ClientCertificates,
        options: &[&str],
    ) -> Self {
        let number = port.number().to_string();
        let listen = ["--port", "0", "--tls-port", &number].map(str::to_owned);
        let listen = listen.into_iter().chain(certificates.options(clients));
        let options = listen.chain(options.iter().map(ToString::to_string));
        let mut server = Self::with_options(port, options);
        server.is_secure = true;
        server.options.extend(["--unixsocket".to_owned(), server.path("server.sock")]);
        server
    }

    fn with_options(port: Port, options: impl IntoIterator<Item = String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be created");
        let mut server = Self { port, folder, is_secure: false, options: Vec::new(), process: None };
        // The server stores changes of its configuration there, such as its primary, and reads them after a restart. The
        // options follow and override them.
        server.write("redis.conf", "");
        server.options.extend([server.path("redis.conf"), "--bind".to_owned(), "127.0.0.1".to_owned()]);
        server.options.extend(["--dir".to_owned(), server.path("")]);
        server.options.extend(options);
        server
    }

    /// Writes a file in the server's folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder is writable");
    }

    fn path(&self, name: &str) -> String {
        let folder: &Path = self.folder.path();
        folder.join(name).to_str().expect("the path is UTF-8").to_owned()
    }

    fn start_on_free_port(new: impl Fn(Port) -> Self) -> Self {
        let mut log = String::new();
        for _ in 0..START_ATTEMPTS {
            let mut server = new(Port::claim());
            match server.launch() {
                Ok(()) => return server,
                Err(reason) => log = reason,
            }
        }
        panic!("{log}");
    }

    fn launch(&mut self) -> Result<(), String> {
        self.process = Some(Process::start(&self.options)?);
        Ok(())
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    fn running(&self) -> &Process {
        self.process.as_ref().expect("the server is running")
    }

    /// Returns the password of the server.
    pub(super) fn password(&self) -> Option<&str> {
        let option = self.options.iter().position(|option| option == "--requirepass")?;
        self.options.get(option + 1).map(String::as_str)
    }

    /// Sends commands over one connection and returns their replies.
    pub(super) fn ask_all(&self, commands: &[&[&str]], timeout: Duration) -> Result<Vec<Reply>, String> {
        // Another program could use the port of a server that is down.
        self.process.as_ref().ok_or("the server is not running")?;
        let address = match self.is_secure {
            true => Address::Socket(self.path("server.sock").into()),
            false => Address::Port(self.port()),
        };
        let send = || {
            let mut connection = Connection::open(&address, timeout)?;
            if let Some(password) = self.password() {
                connection.send(&["AUTH", password])?;
            }
            commands.iter().map(|command| connection.send(command)).collect::<Result<Vec<_>, _>>()
        };
        send().map_err(|error| error.to_string())
    }
}

/// Starts servers at the same time.
pub(super) fn start_together(servers: &mut [RedisServer]) {
    thread::scope(|scope| {
        let starts: Vec<_> = servers.iter_mut().map(|server| scope.spawn(|| server.restart())).collect();
        for start in starts {
            start.join().expect("the server starts");
        }
    });
}
