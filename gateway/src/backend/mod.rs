//! Client of the session service: balancing over its endpoints, deadlines, and retries based on what is known about a failed
//! attempt.

mod admission;
mod balancer;
mod connection;
mod credential;
mod detached;
mod discovery;
mod endpoint;
mod health;
mod load;
mod metrics;
mod reports;
mod target;
mod tls;
mod transport;
mod turn_stream;

use crate::{caller::Caller, error::Problem, request_memory::RequestMemory};
use balancer::Balancer;
use detached::Detached;
use endpoint::Kind;
use futures_util::future::{Either, select};
use http::Uri;
use metrics::BackendMetrics;
use nono_proto::{
    chat::v1::{ChatRequest, chat_service_client::ChatServiceClient},
    config::v1::config_service_client::ConfigServiceClient,
    limits::{GRPC_MESSAGE_MAX_BYTES, UNARY_CALL_TIMEOUT},
    reason,
    session::v1::session_service_client::SessionServiceClient,
};
use prometheus_client::registry::Registry;
use runtime::admission::{Admission, Admitted};
use std::{pin::pin, sync::Arc, time::Duration};
use target::Host;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Request, Response, Status, body::Body};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_types::StatusExt;
use tower::{
    BoxError, Service, ServiceExt,
    retry::budget::{Budget, TpsBudget},
    util::BoxCloneSyncService,
};
use tracing::Instrument;
use transport::{Attempts, Transport};

pub use credential::BackendCredential;
pub(crate) use credential::parse_key;
pub(crate) use target::{is_https, server_name};
pub use tls::{BackendFiles, BackendTls};
pub(crate) use transport::TransportError;
pub(crate) use turn_stream::TurnStream;

/// Client of the session service's unary calls.
pub(crate) type SessionClient = SessionServiceClient<Transport>;
/// Client of the chat service's unary calls.
pub(crate) type PersonasClient = ChatServiceClient<Transport>;
/// Client of the configuration service.
pub(crate) type ConfigClient = ConfigServiceClient<Transport>;

/// Time by which the gateway waits longer than the service, whose own error is more precise.
const DEADLINE_GRACE: Duration = Duration::from_millis(250);
/// Timeout for a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_millis(1600);
/// Time without a response after which an idempotent call is also sent to another endpoint. Later than nearly all responses,
/// and early enough for a response within a second.
const HEDGE_DELAY: Duration = Duration::from_millis(750);
/// Maximum number of endpoints that a call is sent to one after the other.
const MAX_ATTEMPTS: usize = 3;

/// The session service, in this process or behind addresses. Clones share connections.
#[derive(Clone)]
pub struct Backend {
    transport: Transport,
    chat_transport: Transport,
    /// The endpoints of a service in other processes.
    balancer: Option<Arc<Balancer>>,
    /// Budget for attempts that may repeat work: at most one for ten calls, and at least one a second.
    budget: Arc<TpsBudget>,
    metrics: BackendMetrics,
    admission: Admission,
    credential: BackendCredential,
}

/// Whether a call may be retried when it is unknown if the first attempt had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idempotency {
    Idempotent,
    NonIdempotent,
}

impl Idempotency {
    /// Returns the idempotency of a write: the service recognizes a retry by its `request_id`.
    pub(crate) fn of_request_id(request_id: &str) -> Self {
        if request_id.is_empty() { Self::NonIdempotent } else { Self::Idempotent }
    }
}

/// A method of the service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Method {
    name: &'static str,
    idempotency: Idempotency,
}

impl Method {
    pub(crate) const fn new(name: &'static str, idempotency: Idempotency) -> Self {
        Self { name, idempotency }
    }

    /// Creates a method that can be retried without a `request_id`.
    pub(crate) const fn idempotent(name: &'static str) -> Self {
        Self::new(name, Idempotency::Idempotent)
    }
}

impl Backend {
    /// Creates a client of a service in this process.
    pub fn local<S, B>(service: S, registry: &mut Registry) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = axum::body::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_err(TransportError::unanswered)
            .map_response(|response: http::Response<B>| response.map(Body::new));
        let transport = BoxCloneSyncService::new(service);
        let metrics = BackendMetrics::register(registry);
        Self::new(transport.clone(), transport, None, metrics, admission::register(registry))
    }

    /// Creates a client of the service at these addresses and starts connecting to them. An `https` address requires TLS.
    pub fn remote(addresses: &[Uri], tls: Option<&BackendTls>, registry: &mut Registry) -> Self {
        let metrics = BackendMetrics::register(registry);
        let balancer = Arc::new(Balancer::new(metrics.clone()));
        let hosts = addresses.iter().map(|address| Host::new(address, tls)).collect();
        discovery::start(hosts, &balancer, metrics.clone());
        let (unary, chat) = (balancer.transport(Kind::Unary), balancer.transport(Kind::Chat));
        Self::new(unary, chat, Some(balancer), metrics, admission::register(registry))
    }

    fn new(
        transport: Transport,
        chat_transport: Transport,
        balancer: Option<Arc<Balancer>>,
        metrics: BackendMetrics,
        admission: Admission,
    ) -> Self {
        let budget = Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.1));
        let credential = BackendCredential::default();
        Self { transport, chat_transport, balancer, budget, metrics, admission, credential }
    }

    /// Returns the client with the credential of the gateway.
    #[must_use]
    pub fn with_credential(self, credential: BackendCredential) -> Self {
        Self { credential, ..self }
    }

    /// Returns a client for sessions and their messages.
    pub(crate) fn sessions(&self) -> SessionClient {
        SessionServiceClient::new(self.transport.clone())
            .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    /// Returns a client for the unary calls of the chat service.
    pub(crate) fn personas(&self) -> PersonasClient {
        ChatServiceClient::new(self.transport.clone()).max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    fn chat(&self) -> ChatServiceClient<Transport> {
        ChatServiceClient::new(self.chat_transport.clone())
            .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    /// Returns a client for the configuration.
    pub(crate) fn config(&self) -> ConfigClient {
        ConfigServiceClient::new(self.transport.clone())
    }

    /// Returns the names of the endpoints with the labels of their states.
    pub(crate) fn endpoints(&self) -> Vec<(Arc<str>, &'static str)> {
        let states = self.balancer.iter().flat_map(|balancer| balancer.states());
        states.map(|(name, health)| (name, health.as_label())).collect()
    }

    /// Returns the reasons why TLS to endpoints fails, in one line; `None` if it does not.
    pub(crate) fn tls_failures(&self) -> Option<String> {
        let failures = self.balancer.iter().flat_map(|balancer| balancer.tls_failures());
        let failures: Vec<_> = failures.map(|(name, reason)| format!("{name}: {reason}")).collect();
        (!failures.is_empty()).then(|| failures.join("; "))
    }

    /// Makes a unary call with a client. The call runs to its end even if the caller is cancelled.
    pub(crate) async fn call<C, Q, A, F>(
        &self,
        client: C,
        caller: &Caller,
        method: Method,
        request: Q,
        send: impl Fn(C, Request<Q>) -> F + Clone + Send + 'static,
    ) -> Result<A, Problem>
    where
        C: Clone + Send + 'static,
        Q: Clone + Send + 'static,
        A: Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send,
    {
        let admitted = self.admit(method).await?;
        let (start, deadline) = (Instant::now(), Instant::now() + UNARY_CALL_TIMEOUT);
        let credential = self.credential.clone();
        let caller = caller.clone();
        let attempt = move |attempts: Attempts| {
            let (client, caller, request, send) =
                (client.clone(), caller.clone(), request.clone(), send.clone());
            let credential = credential.clone();
            let memory = RequestMemory::current();
            let attempting = async move {
                // The request needs its memory until the end of the call, even if the caller disconnects.
                let _memory = memory;
                let mut request = Request::new(request);
                request.set_timeout(deadline - Instant::now());
                request.extensions_mut().insert(attempts);
                caller.inject(request.metadata_mut());
                credential.inject(request.metadata_mut());
                let sending = timeout_at(deadline + DEADLINE_GRACE, send(client, request));
                sending.await.unwrap_or_else(|_| Err(Status::deadline_exceeded("no response in time")))
            };
            // A call that was sent is not dropped: too many resets would end the connection.
            Detached::new(attempting.in_current_span())
        };
        self.metrics.call_started(method.name);
        let result = self.retry(method.idempotency, attempt).await;
        let code = result.as_ref().err().map_or(Code::Ok, Status::code);
        self.metrics.call_ended(method.name, code, start.elapsed());
        // A rejection is fast and a failure may be slow, whatever the load.
        if let Some(mut admitted) = admitted.filter(|_| code == Code::Ok) {
            admitted.record_latency();
        }
        self.finish(result).map(Response::into_inner)
    }

    /// Returns the response to a call, or its problem. A client cannot correct the credential of the gateway.
    fn finish<A>(&self, result: Result<A, Status>) -> Result<A, Problem> {
        if self.credential.check(&result) {
            return Err(Problem::credential_rejected());
        }
        result.map_err(Problem::from)
    }

    /// Admits a call of a method that has a limit.
    async fn admit(&self, method: Method) -> Result<Option<Admitted>, Problem> {
        let Some(class) = admission::class(method.name) else { return Ok(None) };
        self.admission.admit(class, None).await.map(Some).ok_or_else(Problem::too_many_calls)
    }

    /// Makes attempts until one succeeds, or until a further one could not help or might do harm.
    async fn retry<A, F>(
        &self,
        idempotency: Idempotency,
        attempt: impl Fn(Attempts) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<Response<A>, Status>> + Unpin,
    {
        self.budget.deposit();
        let attempts = Attempts::default();
        let is_idempotent = idempotency == Idempotency::Idempotent;
        for _ in 1..MAX_ATTEMPTS {
            let count = attempts.count();
            let result = if is_idempotent {
                self.hedge(&attempts, &attempt).await
            } else {
                attempt(attempts.clone()).await
            };
            let Err(status) = result else { return result };
            match TransportError::of(&status) {
                // Without an endpoint to send the call to, a further attempt would not find one either.
                Some(error) if error.is_unsent() && attempts.count() > count => {
                    self.metrics.retried("unsent")
                }
                Some(error) if error.is_unsent() => return Err(status),
                error if is_idempotent && (error.is_some() || is_foreign_unavailable(&status)) => {
                    if attempts.count() > 1 || !self.budget.withdraw() {
                        return Err(status);
                    }
                    self.metrics.retried("unanswered");
                }
                _ => return Err(status),
            }
        }
        attempt(attempts).await
    }

    /// Makes an attempt, and a second one on another endpoint if the response is late. Returns the first response.
    async fn hedge<A, F>(
        &self,
        attempts: &Attempts,
        attempt: impl Fn(Attempts) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<Response<A>, Status>> + Unpin,
    {
        let first = attempt(attempts.clone());
        let delay = pin!(sleep(HEDGE_DELAY));
        let first = match select(first, delay).await {
            Either::Left((result, _)) => return result,
            Either::Right(((), first)) => first,
        };
        let has_other = self.balancer.as_ref().is_some_and(|balancer| balancer.has_other(attempts));
        if !has_other || !self.budget.withdraw() {
            return first.await;
        }
        self.metrics.retried("slow");
        let (result, other) = match select(first, attempt(attempts.clone())).await {
            Either::Left((result, other)) | Either::Right((result, other)) => (result, other),
        };
        match result {
            // An error of the service itself is final: the other endpoint has the same store.
            Err(status) if TransportError::of(&status).is_some() => other.await,
            result => result,
        }
    }

    /// Starts a turn. Returns once the user's message is stored. An attempt is repeated only if it was not sent: the service
    /// would reject a second one while the first is running.
    pub(crate) async fn chat_stream(
        &self,
        caller: &Caller,
        request: ChatRequest,
    ) -> Result<TurnStream, Problem> {
        let (start, deadline) = (Instant::now(), Instant::now() + UNARY_CALL_TIMEOUT);
        let attempt = |attempts: Attempts| {
            let (mut client, mut request) = (self.chat(), Request::new(request.clone()));
            request.extensions_mut().insert(attempts);
            caller.inject(request.metadata_mut());
            self.credential.inject(request.metadata_mut());
            let memory = RequestMemory::current();
            let starting = async move {
                let _memory = memory;
                let starting = timeout_at(deadline, client.chat(request)).await;
                starting.unwrap_or_else(|_| Err(Status::deadline_exceeded("no response in time")))
            };
            Detached::new(starting.in_current_span())
        };
        self.metrics.call_started("Chat");
        let result = self.retry(Idempotency::NonIdempotent, attempt).await;
        if let Err(status) = &result {
            self.metrics.call_ended("Chat", status.code(), start.elapsed());
        }
        let response = self.finish(result)?;
        Ok(TurnStream::new(response.into_inner(), self.metrics.clone(), start))
    }

    /// Checks the health of the dependency `name`; the empty name is the service itself. Returns `None` without a response.
    pub(crate) async fn health(&self, name: &str) -> Option<bool> {
        let mut client = HealthClient::new(self.transport.clone());
        let check = client.check(HealthCheckRequest { service: name.into() });
        let response = tokio::time::timeout(HEALTH_TIMEOUT, check).await.ok()?.ok()?;
        Some(response.into_inner().status() == ServingStatus::Serving)
    }
}

/// Returns `true` for UNAVAILABLE and UNKNOWN of a proxy or a server that is not the service.
fn is_foreign_unavailable(status: &Status) -> bool {
    let is_ours = status.get_details_error_info().is_some_and(|info| info.domain == reason::DOMAIN);
    !is_ours && matches!(status.code(), Code::Unavailable | Code::Unknown)
}
