//! One Redis on a free port.

use super::{
    certificates::{Certificates, ClientCertificates},
    connection::{Address, Answer, Connection, field},
    ports::Port,
    process::Process,
};
use nix::sys::signal::Signal;
use std::{fs, path::Path, thread, time::Duration};
use tempfile::TempDir;

/// How long a server may take to answer a test that says it is there.
const LONGEST_ANSWER: Duration = Duration::from_secs(5);
/// How often a server is tried on another port, because a stranger took the one that was free.
const TRIES: usize = 3;

/// A `redis-server` with a port and a folder of its own.
pub struct RedisServer {
    port: Port,
    folder: TempDir,
    is_secure: bool,
    options: Vec<String>,
    process: Option<Process>,
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
        Self::start_on_some_port(|port| Self::new(port, options))
    }

    /// Starts a server that speaks nothing but TLS, with these further options.
    pub fn start_tls(certificates: &Certificates, clients: ClientCertificates, options: &[&str]) -> Self {
        Self::start_on_some_port(|port| Self::new_tls(port, certificates, clients, options))
    }

    /// A server that is not running yet.
    pub fn absent() -> Self {
        Self::new(Port::claim(), &[])
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The process, for whoever looks at what it uses.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server runs").pid().as_raw().unsigned_abs()
    }

    /// Its address for `--store`.
    pub fn url(&self) -> String {
        let scheme = if self.is_secure { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// Starts it (again), and waits until it serves.
    pub fn restart(&mut self) {
        self.kill();
        self.launch().unwrap_or_else(|said| panic!("{said}"));
    }

    /// Kills it with SIGKILL.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Stops it with SIGSTOP: its connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.running().signal(Signal::SIGSTOP);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.running().signal(Signal::SIGCONT);
    }

    /// Sends one command and answers the raw reply, in the words of the protocol. Gives the password first if the
    /// server was started with one, and works without TLS whatever the server wants of others.
    pub fn ask(&self, command: &[&str]) -> String {
        let answered = self.ask_all(&[command], LONGEST_ANSWER);
        answered.unwrap_or_else(|reason| panic!("{command:?} has no answer: {reason}")).remove(0).raw
    }

    /// How many commands it has processed, this question and those of other servers among them.
    pub fn commands_processed(&self) -> u64 {
        let stats = self.ask(&["INFO", "stats"]);
        let count = field(&stats, "total_commands_processed").and_then(|count| count.parse().ok());
        count.expect("a server counts its commands")
    }

    /// How often it was called with this command, whose name is in lower case.
    pub fn calls(&self, command: &str) -> u64 {
        let stats = self.ask(&["INFO", "commandstats"]);
        let calls = field(&stats, &format!("cmdstat_{command}"))
            .and_then(|stat| stat.strip_prefix("calls=")?.split(',').next()?.parse().ok());
        calls.unwrap_or(0)
    }

    /// A server that is not running yet.
    pub(super) fn new(port: Port, options: &[&str]) -> Self {
        let listen = ["--port".to_owned(), port.number().to_string()];
        Self::with_options(port, listen.into_iter().chain(options.iter().map(ToString::to_string)))
    }

    /// A server that speaks nothing but TLS and is not running yet.
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
        server.options.extend(["--unixsocket".to_owned(), server.path("ask.sock")]);
        server
    }

    fn with_options(port: Port, options: impl IntoIterator<Item = String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut server = Self { port, folder, is_secure: false, options: Vec::new(), process: None };
        // The server writes there what it is told about itself, such as whose replica it is, and knows it after a
        // restart. The options come later and win.
        server.write("redis.conf", "");
        server.options.extend([server.path("redis.conf"), "--bind".to_owned(), "127.0.0.1".to_owned()]);
        server.options.extend(["--dir".to_owned(), server.path("")]);
        server.options.extend(options);
        server
    }

    /// Writes a file of its folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("the folder can be written");
    }

    fn path(&self, name: &str) -> String {
        let folder: &Path = self.folder.path();
        folder.join(name).to_str().expect("the path is UTF-8").to_owned()
    }

    fn start_on_some_port(new: impl Fn(Port) -> Self) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            let mut server = new(Port::claim());
            match server.launch() {
                Ok(()) => return server,
                Err(reason) => said = reason,
            }
        }
        panic!("{said}");
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

    /// The password that it asks for.
    pub(super) fn password(&self) -> Option<&str> {
        let option = self.options.iter().position(|option| option == "--requirepass")?;
        self.options.get(option + 1).map(String::as_str)
    }

    /// Sends commands over one connection, and answers their answers.
    pub(super) fn ask_all(&self, commands: &[&[&str]], patience: Duration) -> Result<Vec<Answer>, String> {
        // A port whose server is down could be answered by a stranger.
        self.process.as_ref().ok_or("the server is not running")?;
        let address = match self.is_secure {
            true => Address::Socket(self.path("ask.sock").into()),
            false => Address::Port(self.port()),
        };
        let ask = || {
            let mut connection = Connection::open(&address, patience)?;
            if let Some(password) = self.password() {
                connection.ask(&["AUTH", password])?;
            }
            commands.iter().map(|command| connection.ask(command)).collect::<Result<Vec<_>, _>>()
        };
        ask().map_err(|error| error.to_string())
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
