//! Running a program: telemetry, drain and exit code.

use crate::{
    Lifecycle, admin,
    memory::MemoryBudgets,
    output,
    reload::ReloadSignal,
    server::{ConnectionLimits, ConnectionMetrics, Port, Protocol, ServerTls},
    settings::{EXIT_USAGE, ProcessSettings},
    signals::Signals,
    telemetry::{DroppedLines, Telemetry},
    tls::TlsMetrics,
};
use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use prometheus_client::{metrics::info::Info, registry::Registry};
use std::{net::SocketAddr, panic::PanicHookInfo, process::ExitCode, time::Duration};
use tokio::net::{TcpListener, TcpSocket};

/// Maximum number of connections of a port that wait to be accepted. The kernel has a limit of its own (on Linux
/// `net.core.somaxconn`, 4096 by default), beyond which it resets some.
const BACKLOG: u32 = 4096;

/// The running process.
#[derive(Debug)]
pub struct Process {
    /// State of the process.
    pub lifecycle: Lifecycle,
    /// Timeout for calls in progress when the program stops.
    pub drain_timeout: Duration,
    /// Connection limits of each port.
    pub limits: ConnectionLimits,
    /// Connection metrics of all ports.
    pub connections: ConnectionMetrics,
    /// Memory budgets of the process.
    pub memory: MemoryBudgets,
    /// Watch over the files of settings.
    pub reload: ReloadSignal,
    /// TLS of the ports; `None` for plain connections.
    pub tls: Option<ServerTls>,
    /// Metrics of all certificates of the process.
    pub tls_metrics: TlsMetrics,
}

impl Process {
    /// Serves the admin port until the process ends.
    pub fn serve_admin(&self, listener: TcpListener, registry: Registry) {
        let is_loopback =
            listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        let router = admin::router(self.lifecycle.clone(), registry, is_loopback);
        let port = self.port("admin", Protocol::Admin, None);
        // The admin port outlives the drain, so that probes and scrapes can observe it.
        tokio::spawn(async move { port.serve(listener, router, &Lifecycle::default()).await });
    }

    /// Returns a registry that identifies the program and contains the metrics of every process.
    pub fn registry(&self, program: &'static str) -> Registry {
        let mut registry = Registry::default();
        let labels = vec![("program", program), ("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The program and its version", Info::new(labels));
        registry.register_collector(Box::new(DroppedLines));
        self.connections.register(&mut registry);
        self.memory.register(&mut registry);
        self.tls_metrics.register(&mut registry);
        registry
    }

    /// Returns the scheme of URLs of this process.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Returns a port with the limits, metrics and TLS of this process.
    pub fn port(&self, name: &'static str, protocol: Protocol, max_age: Option<Duration>) -> Port {
        let (limits, metrics, headers) = (self.limits, self.connections.clone(), self.memory.headers.clone());
        let tls = self.tls.as_ref().map(|tls| tls.port(protocol));
        Port { name, protocol, max_age, limits, metrics, headers, tls }
    }

    /// Runs `work` until it ends or the drain deadline passes, and logs the outcome.
    pub async fn finish(&self, what: &'static str, work: impl Future<Output = ()>) {
        if self.lifecycle.drain(self.drain_timeout, work).await {
            tracing::info!(what, "stopped");
        } else {
            tracing::warn!(what, timeout = ?self.drain_timeout, "stopped by the drain's deadline; calls were cut off");
        }
    }
}

/// Runs a program: installs telemetry and signal handlers, runs `work` and flushes. A second signal to stop exits immediately.
pub fn run<W>(program: &'static str, settings: &ProcessSettings, work: impl FnOnce(Process) -> W) -> ExitCode
where
    W: Future<Output = Result<()>>,
{
    // With a single worker, flushing the telemetry could deadlock.
    let workers = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.expect("the system gives a process its threads");
    let result = runtime.block_on(async {
        // First of all: until then, a signal ends the process without a drain.
        let signals = Signals::register().map_err(|error| (error.into(), 1))?;
        let telemetry = Telemetry::install(program, settings).map_err(|error| (error, EXIT_USAGE))?;
        run_inside(telemetry, signals, settings, work).await.map_err(|error| (error, 1))
    });
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, code)) => {
            // There may be no subscriber to log to.
            output::complain(format_args!("error: {error:#}\n"));
            ExitCode::from(code)
        }
    }
}

async fn run_inside<W>(
    telemetry: Telemetry,
    signals: Signals,
    settings: &ProcessSettings,
    work: impl FnOnce(Process) -> W,
) -> Result<()>
where
    W: Future<Output = Result<()>>,
{
    std::panic::set_hook(Box::new(log_panic));
    let lifecycle = Lifecycle::default();
    let reload = ReloadSignal::default();
    signals.handle(lifecycle.clone(), settings.drain_delay, reload.clone());
    reload.watch(settings.log_filter_file.iter().cloned().collect(), telemetry.filter_loader());
    let tls_metrics = TlsMetrics::default();
    if let Some(tls) = &settings.server_tls {
        tls.watch(&reload, &tls_metrics);
    }
    raise_file_limit();
    let process = Process {
        lifecycle,
        drain_timeout: settings.drain_timeout,
        limits: settings.connection_limits(),
        connections: ConnectionMetrics::default(),
        memory: settings.memory_budgets(),
        reload,
        tls: settings.server_tls.clone(),
        tls_metrics,
    };
    let result = work(process).await;
    if !telemetry.flush().await {
        tracing::warn!("the last spans were not sent in time");
    }
    result
}

/// Logs the location of a panic. Its message may quote what a caller wrote, so it is not logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(location, "panic");
}

/// Binds an address, inside a runtime.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A program that is started again uses the port of connections that the kernel still closes.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bind().with_context(|| format!("cannot listen on {address}"))
}

/// Raises the soft limit of open files to the hard limit: shells often set it below the number of connections allowed.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::debug!(%error, "limit of open files not raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        panic,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_logged_with_its_location_and_without_its_message() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        panic::set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(subscriber, || {
            let text = "é canary";
            panic::catch_unwind(|| text[1..].len()).unwrap_err()
        });
        drop(panic::take_hook());
        let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("run.rs:") && !log.contains("canary"), "{log}");
    }
}
