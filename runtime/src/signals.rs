//! Signals of a process: those that stop it, the one that reloads its files, and those that only reach its log.

use crate::{Lifecycle, reload::ReloadSignal};
use std::{io, time::Duration};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code after a second signal to stop.
const EXIT_IMMEDIATELY: i32 = 130;
/// Time for the last log line to be written.
const LAST_LINE_WAIT: Duration = Duration::from_millis(20);

/// Registered signal handlers. From the registration on, no signal but SIGKILL ends the process without a drain.
pub(crate) struct Signals {
    stop: StopSignals,
    other: OtherSignals,
}

struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

struct OtherSignals {
    hangup: Signal,
    user_1: Signal,
    user_2: Signal,
}

impl Signals {
    /// Registers the handlers. A signal that arrives before [`Signals::handle`] is handled then.
    pub(crate) fn register() -> io::Result<Self> {
        Ok(Self {
            stop: StopSignals {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
            },
            other: OtherSignals {
                hangup: signal(SignalKind::hangup())?,
                user_1: signal(SignalKind::user_defined1())?,
                user_2: signal(SignalKind::user_defined2())?,
            },
        })
    }

    /// Starts to handle the signals: the first one to stop begins the drain, the second one exits immediately.
    pub(crate) fn handle(self, lifecycle: Lifecycle, drain_delay: Duration, reload: ReloadSignal) {
        tokio::spawn(self.stop.handle(lifecycle, drain_delay));
        tokio::spawn(self.other.handle(reload));
    }
}

impl StopSignals {
    async fn handle(mut self, lifecycle: Lifecycle, drain_delay: Duration) {
        let first = self.next().await;
        tracing::info!(signal = first, "stopping");
        tokio::join!(lifecycle.stop(drain_delay), async {
            let second = self.next().await;
            tracing::warn!(signal = second, "exiting immediately");
            // Another thread writes the log.
            tokio::time::sleep(LAST_LINE_WAIT).await;
            #[expect(clippy::disallowed_methods, reason = "a second signal asks for just this")]
            std::process::exit(EXIT_IMMEDIATELY);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }
}

impl OtherSignals {
    async fn handle(mut self, reload: ReloadSignal) {
        loop {
            let signal = tokio::select! {
                _ = self.hangup.recv() => {
                    tracing::info!(signal = "SIGHUP", "reading the files of settings again");
                    reload.trigger();
                    continue;
                }
                _ = self.user_1.recv() => "SIGUSR1",
                _ = self.user_2.recv() => "SIGUSR2",
            };
            tracing::info!(signal, "signal ignored");
        }
    }
}
