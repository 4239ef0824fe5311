//! One address of the service: its connections, its health and its load.
//!
//! An endpoint is ready once a connection is established and the service reports by `grpc.health.v1` that it is serving. It
//! is not ready while the service drains. Repeated failures of calls eject it, and it returns after a successful check.

use super::{
    connection::Connection,
    health::Health,
    kind::Kind,
    load::Load,
    metrics::BackendMetrics,
    pool::Pool,
    reports::{HEALTH_TIMEOUT, Reports, responds, watch_health},
    target::Target,
    tls::TlsFailure,
    transport::TransportError,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

/// Time without a response to a call after which the health of its endpoint is checked.
const CHECK_AFTER: Duration = Duration::from_millis(500);
/// Time without a response after which a call counts as a failure of its endpoint.
const STALL_TIMEOUT: Duration = Duration::from_secs(1);
/// Number of consecutive failures that eject an endpoint.
const MAX_FAILURES: u32 = 3;
/// Number of successful calls after which an endpoint that returned from an ejection is trusted again. Until then its first
/// failure ejects it.
const PROBATION_CALLS: u32 = 10;
/// Delay before the first attempt to reach an endpoint again. It doubles with each further one.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// Maximum delay between attempts to connect.
const MAX_CONNECT_BACKOFF: Duration = Duration::from_secs(1);
/// Maximum delay between checks of an ejected endpoint.
const MAX_EJECTION_BACKOFF: Duration = Duration::from_secs(10);

/// Time without an ejection after which the delay starts from the minimum again.
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// An address of the service.
pub(super) struct Endpoint {
    /// Host and port.
    pub(super) name: Arc<str>,
    target: Target,
    /// Reason why TLS failed in the last attempt to connect.
    tls_failure: Mutex<Option<TlsFailure>>,
    /// Calls, without watch streams.
    load: Load,
    /// Watch streams. They are idle, so they keep no calls away.
    watch_load: Load,
    health: watch::Sender<Health>,
    failed_attempts: AtomicU64,
    unary: Pool,
    chat: Pool,
    watch: Pool,
    failures: AtomicU32,
    /// Number of calls that must still succeed before the endpoint is trusted again.
    probation: AtomicU32,
    eject: Notify,
    /// Notified when a call has no response yet after `CHECK_AFTER`.
    stalled: Notify,
    retry_now: Notify,
    /// Notified after every change of the health and every failed attempt to connect.
    changes: Arc<watch::Sender<()>>,
    metrics: BackendMetrics,
}

impl Endpoint {
    /// Creates an endpoint and starts connecting to it, until `removed` is cancelled. Its calls in progress then finish.
    pub(super) fn start(
        target: Target,
        changes: Arc<watch::Sender<()>>,
        metrics: BackendMetrics,
        removed: CancellationToken,
    ) -> Arc<Self> {
        metrics.endpoint_added(Health::Connecting);
        let endpoint = Arc::new(Self {
            name: target.address.clone(),
            target,
            tls_failure: Mutex::default(),
            load: Load::default(),
            watch_load: Load::default(),
            health: watch::Sender::new(Health::Connecting),
            failed_attempts: AtomicU64::new(0),
            unary: Pool::new(Kind::Unary),
            chat: Pool::new(Kind::Chat),
            watch: Pool::new(Kind::Watch),
            failures: AtomicU32::new(0),
            probation: AtomicU32::new(0),
            eject: Notify::new(),
            stalled: Notify::new(),
            retry_now: Notify::new(),
            changes,
            metrics,
        });
        let supervised = endpoint.clone();
        tokio::spawn(async move {
            removed.run_until_cancelled(supervised.supervise()).await;
            supervised.metrics.endpoint_removed(supervised.health());
            for kind in [Kind::Unary, Kind::Chat, Kind::Watch] {
                supervised.pool(kind).clear();
            }
        });
        endpoint
    }

    pub(super) fn health(&self) -> Health {
        *self.health.borrow()
    }

    /// Returns the number of attempts to connect that have failed.
    pub(super) fn failed_attempts(&self) -> u64 {
        self.failed_attempts.load(Ordering::Acquire)
    }

    /// Ends the current backoff.
    pub(super) fn retry_now(&self) {
        self.retry_now.notify_one();
    }

    fn pool(&self, kind: Kind) -> &Pool {
        match kind {
            Kind::Unary => &self.unary,
            Kind::Chat => &self.chat,
            Kind::Watch => &self.watch,
        }
    }

    /// Returns the load that calls of a kind are balanced by.
    pub(super) fn load(&self, kind: Kind) -> &Load {
        if kind == Kind::Watch { &self.watch_load } else { &self.load }
    }

    fn set_health(&self, health: Health) {
        let previous = self.health.send_replace(health);
        self.metrics.endpoint_changed(previous, health);
        self.changes.send_replace(());
    }

    /// Sends a request over a connection with a free stream. The service may wait for `wait` before it responds.
    pub(super) async fn send(
        self: Arc<Self>,
        kind: Kind,
        request: Request<Body>,
        wait: Duration,
    ) -> Result<Response<Body>, TransportError> {
        let call = self.load(kind).begin();
        let (connection, permit) = match self.pool(kind).acquire(&self.target).await {
            Ok(acquired) => acquired,
            Err(error) => {
                self.failed();
                return Err(TransportError::unsent(error));
            }
        };
        let result = self.watched(connection.send(request), wait).await;
        match &result {
            Ok(response) if is_unavailable(response) => self.failed(),
            Ok(_) => {
                self.succeeded();
                // A response that had to wait tells nothing about the load.
                if wait.is_zero() {
                    call.record_latency();
                }
            }
            Err(_) => self.failed(),
        }
        // The stream and the call end with the body of the response.
        Ok(result?.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held = (&permit, &call);
                frame
            }))
        }))
    }

    /// Waits for the response to a call, and notes when it is late. It may take `wait` before it counts as late.
    async fn watched<T>(&self, call: impl Future<Output = T>, wait: Duration) -> T {
        let mut call = std::pin::pin!(call);
        if let Ok(response) = timeout(wait + CHECK_AFTER, call.as_mut()).await {
            return response;
        }
        self.stalled.notify_one();
        if let Ok(response) = timeout(STALL_TIMEOUT - CHECK_AFTER, call.as_mut()).await {
            return response;
        }
        self.failed();
        call.await
    }

    fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        if self.probation.load(Ordering::Relaxed) > 0 {
            let less = |count: u32| count.checked_sub(1);
            let _ = self.probation.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    /// Counts a failed call, and ejects the endpoint after too many in succession.
    fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if self.has_failed() && self.health() == Health::Ready {
            self.eject.notify_one();
        }
    }

    fn has_failed(&self) -> bool {
        let max = if self.probation.load(Ordering::Relaxed) > 0 { 1 } else { MAX_FAILURES };
        self.failures.load(Ordering::Relaxed) >= max
    }

    /// Connects, follows the reported health, and repeats that after the connection has ended or calls have failed.
    async fn supervise(&self) {
        let (mut backoff, mut ejection_backoff) = (MIN_BACKOFF, MIN_BACKOFF);
        loop {
            match self.connect().await {
                Err(error) => {
                    self.note_failure(&error);
                    // A connected service without a health report may be overloaded: it is used if no other is ready.
                    let health =
                        if self.unary.is_connected() { Health::NotServing } else { Health::Connecting };
                    if self.health() != health {
                        self.set_health(health);
                    }
                    self.failed_attempts.fetch_add(1, Ordering::Release);
                    self.changes.send_replace(());
                }
                Ok((connection, reports)) => {
                    self.set_tls_failure(None);
                    let start = Instant::now();
                    let end = self.follow(&connection, reports).await;
                    if start.elapsed() > FORGIVEN_AFTER {
                        ejection_backoff = MIN_BACKOFF;
                    }
                    backoff = MIN_BACKOFF;
                    if matches!(end, End::Ejected) {
                        self.metrics.ejected();
                        tracing::warn!(endpoint = %self.name, "endpoint ejected after failed calls");
                        self.set_health(Health::Ejected);
                        self.wait_for_recovery(&connection, &mut ejection_backoff).await;
                        self.probation.store(PROBATION_CALLS, Ordering::Relaxed);
                        tracing::warn!(endpoint = %self.name, "endpoint returns after a successful check");
                        continue;
                    }
                }
            }
            tokio::select! {
                () = sleep(runtime::jittered(backoff)) => {}
                () = self.retry_now.notified() => {}
            }
            backoff = (2 * backoff).min(MAX_CONNECT_BACKOFF);
        }
    }

    /// Logs a failed attempt to connect. A failure of TLS needs an operator, and is logged as a warning once.
    fn note_failure(&self, error: &TransportError) {
        let failure = TlsFailure::of(error.cause());
        if let (true, Some(reason)) = (self.set_tls_failure(failure.clone()), failure) {
            tracing::warn!(endpoint = %self.name, %reason, "no TLS connection to the session service");
        }
        tracing::debug!(endpoint = %self.name, %error, "session service not reached");
    }

    /// Returns the reason why TLS failed in the last attempt to connect.
    pub(super) fn tls_failure(&self) -> Option<TlsFailure> {
        self.tls_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns `true` if the reason has changed.
    fn set_tls_failure(&self, failure: Option<TlsFailure>) -> bool {
        let mut current = self.tls_failure.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, failure.clone()) != failure
    }

    /// Connects and waits for the first health report.
    async fn connect(&self) -> Result<(Connection, Reports), TransportError> {
        let connection = self.unary.connect(&self.target).await.map_err(TransportError::unsent)?;
        let reports = timeout(HEALTH_TIMEOUT, watch_health(&connection));
        match reports.await {
            Ok(Ok(reports)) => Ok((connection, reports)),
            Ok(Err(status)) => match connection.tls_failure().await {
                Some(failure) => Err(TransportError::unanswered(failure)),
                None => Err(TransportError::unanswered(status)),
            },
            Err(_) => Err(TransportError::unanswered("no health report in time")),
        }
    }

    /// Follows the reported health until the connection ends or the endpoint is ejected.
    async fn follow(&self, connection: &Connection, mut reports: Reports) -> End {
        let end = loop {
            self.failures.store(0, Ordering::Relaxed);
            let health = if reports.is_serving { Health::Ready } else { Health::NotServing };
            if self.health() != health {
                self.set_health(health);
            }
            tokio::select! {
                () = connection.ended() => break End::Lost,
                () = self.eject.notified() => {
                    // A notification may be left over from before the last ejection.
                    if self.has_failed() {
                        break End::Ejected;
                    }
                }
                () = self.stalled.notified() => {
                    // Its calls in progress keep further ones away, so that a few calls never fail often enough.
                    if !responds(connection).await {
                        break End::Ejected;
                    }
                }
                report = reports.next() => if !report { break End::Lost },
            }
        };
        if matches!(end, End::Lost) {
            tracing::info!(endpoint = %self.name, "connection to the session service ended");
            self.unary.prune();
            self.set_health(Health::Connecting);
        }
        end
    }

    /// Checks an ejected endpoint with growing delays until it is serving or its connection ends.
    async fn wait_for_recovery(&self, connection: &Connection, backoff: &mut Duration) {
        loop {
            sleep(runtime::jittered(*backoff)).await;
            *backoff = (2 * *backoff).min(MAX_EJECTION_BACKOFF);
            if connection.is_closed() {
                self.set_health(Health::Connecting);
                return;
            }
            if let Ok(Ok(reports)) = timeout(HEALTH_TIMEOUT, watch_health(connection)).await
                && reports.is_serving
            {
                return;
            }
        }
    }
}

/// Reason why an endpoint is not followed any more.
enum End {
    Lost,
    Ejected,
}

/// Returns `true` if the response consists of the status UNAVAILABLE.
fn is_unavailable(response: &Response<Body>) -> bool {
    response.headers().get(Status::GRPC_STATUS).is_some_and(|code| code == "14")
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;

    /// Starts an endpoint that cannot be connected to.
    fn endpoint(name: &str) -> Arc<Endpoint> {
        let target = Target { address: name.into(), tls: None };
        let metrics = BackendMetrics::register(&mut Registry::default());
        Endpoint::start(target, Arc::new(watch::Sender::new(())), metrics, CancellationToken::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_response_starts_a_check_before_it_counts_as_a_failure() {
        let endpoint = endpoint("127.0.0.1:1");
        let wait = Duration::from_secs(2);
        let signs = async |waited: Duration| {
            assert!(timeout(waited, endpoint.watched(std::future::pending::<()>(), wait)).await.is_err());
            let is_checked = timeout(Duration::ZERO, endpoint.stalled.notified()).await.is_ok();
            (is_checked, endpoint.failures.load(Ordering::Relaxed))
        };
        let moment = Duration::from_millis(5);
        assert_eq!(signs(wait + CHECK_AFTER - moment).await, (false, 0));
        assert_eq!(signs(wait + CHECK_AFTER + moment).await, (true, 0));
        assert_eq!(signs(wait + STALL_TIMEOUT + moment).await, (true, 1));
    }

    #[tokio::test]
    async fn watch_streams_keep_no_other_calls_away() {
        let (watched, idle) = (endpoint("127.0.0.1:1"), endpoint("127.0.0.1:2"));
        let _streams: Vec<_> = (0..1000).map(|_| watched.load(Kind::Watch).begin()).collect();
        let is_preferred = |kind| idle.load(kind).is_less_than(watched.load(kind), Instant::now());
        assert!(!is_preferred(Kind::Unary) && !is_preferred(Kind::Chat));
        assert!(is_preferred(Kind::Watch), "further streams are balanced");
    }
}
