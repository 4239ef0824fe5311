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
mod kind;
mod load;
mod metrics;
mod pool;
mod reports;
mod retry;
mod server_stream;
mod shared_writes;
mod target;
mod tls;
mod transport;

use crate::{caller::Caller, error::Problem, request_memory::RequestMemory};
use balancer::Balancer;
use detached::Detached;
use http::Uri;
use kind::Kind;
use metrics::BackendMetrics;
use nono_proto::{
    chat::v1::{ChatRequest, ChatResponse, chat_service_client::ChatServiceClient},
    config::v1::config_service_client::ConfigServiceClient,
    limits::{GRPC_MESSAGE_MAX_BYTES, UNARY_CALL_TIMEOUT},
    session::v1::{WatchRequest, WatchResponse, session_service_client::SessionServiceClient},
};
use prometheus_client::registry::Registry;
use retry::Retries;
use runtime::admission::{Admission, Admitted};
use server_stream::StreamResponse;
use std::{sync::Arc, time::Duration};
use target::Host;
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Request, Response, Status, Streaming, body::Body};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;
use transport::{Attempts, Transport};

pub use credential::BackendCredential;
pub(crate) use credential::parse_key;
pub(crate) use retry::{Idempotency, Method};
pub(crate) use server_stream::ServerStream;
pub(crate) use target::{is_https, server_name};
pub use tls::{BackendFiles, BackendTls};
pub(crate) use transport::TransportError;

/// Client of the session service's unary calls.
pub(crate) type SessionClient = SessionServiceClient<Transport>;
/// Client of the chat service's unary calls.
pub(crate) type ChatClient = ChatServiceClient<Transport>;
/// Client of the configuration service.
pub(crate) type ConfigClient = ConfigServiceClient<Transport>;

/// Time by which the gateway waits longer than the service, whose own error is more precise.
const DEADLINE_GRACE: Duration = Duration::from_millis(250);
/// Timeout for a health check.
const HEALTH_TIMEOUT: Duration = Duration::from_millis(1600);

/// The session service, in this process or behind addresses. Clones share connections.
#[derive(Clone)]
pub struct Backend {
    transport: Transport,
    chat_transport: Transport,
    watch_transport: Transport,
    /// The endpoints of a service in other processes.
    balancer: Option<Arc<Balancer>>,
    retries: Retries,
    metrics: BackendMetrics,
    admission: Admission,
    credential: BackendCredential,
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
        let transports = [transport.clone(), transport.clone(), transport];
        Self::new(transports, None, metrics, admission::register(registry))
    }

    /// Creates a client of the service at these addresses and starts connecting to them. An `https` address requires TLS.
    pub fn remote(addresses: &[Uri], tls: Option<&BackendTls>, registry: &mut Registry) -> Self {
        let metrics = BackendMetrics::register(registry);
        let balancer = Arc::new(Balancer::new(metrics.clone()));
        let hosts = addresses.iter().map(|address| Host::new(address, tls)).collect();
        discovery::start(hosts, &balancer, metrics.clone());
        let transports = [Kind::Unary, Kind::Chat, Kind::Watch].map(|kind| balancer.transport(kind));
        Self::new(transports, Some(balancer), metrics, admission::register(registry))
    }

    fn new(
        [transport, chat_transport, watch_transport]: [Transport; 3],
        balancer: Option<Arc<Balancer>>,
        metrics: BackendMetrics,
        admission: Admission,
    ) -> Self {
        let retries = Retries::new(balancer.clone(), metrics.clone());
        let credential = BackendCredential::default();
        Self { transport, chat_transport, watch_transport, balancer, retries, metrics, admission, credential }
    }

    /// Returns the client with the credential of the gateway.
    #[must_use]
    pub fn with_credential(self, credential: BackendCredential) -> Self {
        Self { credential, ..self }
    }

    /// Returns a client for sessions and their messages.
    pub(crate) fn sessions(&self) -> SessionClient {
        session_client(&self.transport)
    }

    /// Returns a client for the unary calls of the chat service.
    pub(crate) fn chat(&self) -> ChatClient {
        chat_client(&self.transport)
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
        let result = self.retries.run(method, attempt).await;
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

    /// Starts a turn. Returns once the user's message is stored. An attempt is repeated only if it was not sent: a second one
    /// without a `request_id` would be another turn.
    pub(crate) async fn chat_stream(
        &self,
        caller: &Caller,
        request: ChatRequest,
    ) -> Result<ServerStream<ChatResponse>, Problem> {
        let client = chat_client(&self.chat_transport);
        let send = move |request| {
            let mut client = client.clone();
            async move { client.chat(request).await }
        };
        self.start_stream(caller, Idempotency::NonIdempotent, request, send).await
    }

    /// Starts to watch a session. Returns once the service has read its state.
    pub(crate) async fn watch_stream(
        &self,
        caller: &Caller,
        request: WatchRequest,
    ) -> Result<ServerStream<WatchResponse>, Problem> {
        let client = session_client(&self.watch_transport);
        let send = move |request| {
            let mut client = client.clone();
            async move { client.watch(request).await }
        };
        self.start_stream(caller, Idempotency::Idempotent, request, send).await
    }

    /// Starts a server stream. Only its start has a deadline.
    async fn start_stream<Q, R, F>(
        &self,
        caller: &Caller,
        idempotency: Idempotency,
        request: Q,
        send: impl Fn(Request<Q>) -> F,
    ) -> Result<ServerStream<R>, Problem>
    where
        Q: Clone,
        R: StreamResponse + Send + 'static,
        F: Future<Output = Result<Response<Streaming<R>>, Status>> + Send + 'static,
    {
        let (start, deadline) = (Instant::now(), Instant::now() + UNARY_CALL_TIMEOUT);
        let attempt = |attempts: Attempts| {
            let mut request = Request::new(request.clone());
            request.extensions_mut().insert(attempts);
            caller.inject(request.metadata_mut());
            self.credential.inject(request.metadata_mut());
            let memory = RequestMemory::current();
            let starting = send(request);
            let starting = async move {
                let _memory = memory;
                let starting = timeout_at(deadline, starting).await;
                starting.unwrap_or_else(|_| Err(Status::deadline_exceeded("no response in time")))
            };
            Detached::new(starting.in_current_span())
        };
        self.metrics.call_started(R::METHOD);
        let result = self.retries.run(Method::new(R::METHOD, idempotency), attempt).await;
        if let Err(status) = &result {
            self.metrics.call_ended(R::METHOD, status.code(), start.elapsed());
        }
        let response = self.finish(result)?;
        Ok(ServerStream::new(response.into_inner(), self.metrics.clone(), start))
    }

    /// Checks the health of the dependency `name`; the empty name is the service itself. Returns `None` without a response.
    pub(crate) async fn health(&self, name: &str) -> Option<bool> {
        let mut client = HealthClient::new(self.transport.clone());
        let check = client.check(HealthCheckRequest { service: name.into() });
        let response = tokio::time::timeout(HEALTH_TIMEOUT, check).await.ok()?.ok()?;
        Some(response.into_inner().status() == ServingStatus::Serving)
    }
}

fn session_client(transport: &Transport) -> SessionClient {
    SessionServiceClient::new(transport.clone())
        .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
        .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
}

fn chat_client(transport: &Transport) -> ChatClient {
    ChatServiceClient::new(transport.clone())
        .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
        .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
}
