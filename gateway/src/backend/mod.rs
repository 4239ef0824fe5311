//! Client of the session service. Passes the caller's ids on, enforces the deadline and retries once if that is safe.

mod channel_pool;
mod detached;
mod discovery;
mod transport;

use crate::error::Problem;
use detached::Detached;
use discovery::Discovery;
use http::Uri;
use nono_proto::{
    chat::v1::{ChatRequest, ChatResponse, chat_service_client::ChatServiceClient},
    config::v1::config_service_client::ConfigServiceClient,
    limits::{GRPC_MESSAGE_MAX_BYTES, UNARY_CALL_TIMEOUT},
    reason,
    session::v1::session_service_client::SessionServiceClient,
};
use runtime::context::RequestContext;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, Streaming, body::Body};
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
use transport::{Transport, TransportError};

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

/// The session service, in this process or behind addresses. Clones share connections.
#[derive(Clone)]
pub struct Backend {
    transport: Transport,
    /// Connections of their own for chat streams, so that neither kind of call can end or delay the other.
    chat_transport: Transport,
    budget: Arc<TpsBudget>,
}

/// Whether a call may be retried when it is unknown if the first attempt had an effect.
#[derive(Clone, Copy, PartialEq, Eq)]
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

impl Backend {
    /// Creates a client of a service in this process.
    pub fn local<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = axum::body::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_err(TransportError::new)
            .map_response(|response: http::Response<B>| response.map(Body::new));
        Self::from_transport(BoxCloneSyncService::new(service))
    }

    /// Creates a client of the service at these addresses, which connects when it is first used.
    pub fn remote(addresses: &[Uri]) -> Self {
        let discovery = Arc::new(Discovery::new(addresses));
        let transport = || {
            let discovery = discovery.clone();
            channel_pool::transport(move || discovery.transport())
        };
        Self { chat_transport: transport(), ..Self::from_transport(transport()) }
    }

    fn from_transport(transport: Transport) -> Self {
        // At most one retry for ten calls, and at least one a second.
        Self {
            chat_transport: transport.clone(),
            transport,
            budget: Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.1)),
        }
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

    /// Makes a unary call with a client. The call runs to its end even if the caller is cancelled.
    pub(crate) async fn call<C, Q, A, F>(
        &self,
        client: C,
        context: &RequestContext,
        idempotency: Idempotency,
        request: Q,
        send: impl Fn(C, Request<Q>) -> F + Send + 'static,
    ) -> Result<A, Problem>
    where
        C: Clone + Send + 'static,
        Q: Clone + Send + 'static,
        A: Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send,
    {
        let deadline = Instant::now() + UNARY_CALL_TIMEOUT;
        let (context, budget) = (context.clone(), self.budget.clone());
        let attempt = move |request: Q| {
            let mut request = Request::new(request);
            request.set_timeout(deadline - Instant::now());
            context.inject(request.metadata_mut().as_mut());
            send(client.clone(), request)
        };
        let calling = async move {
            budget.deposit();
            match attempt(request.clone()).await {
                Err(status)
                    if idempotency == Idempotency::Idempotent
                        && is_unreachable(&status)
                        && budget.withdraw() =>
                {
                    attempt(request).await
                }
                result => result,
            }
        };
        let calling = tokio::time::timeout_at(deadline + DEADLINE_GRACE, calling);
        match Detached::new(calling.in_current_span()).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => Err(Problem::timeout()),
        }
    }

    /// Starts a turn. Returns once the user's message is stored.
    pub(crate) async fn chat_stream(
        &self,
        context: &RequestContext,
        request: ChatRequest,
    ) -> Result<Streaming<ChatResponse>, Problem> {
        let mut request = Request::new(request);
        context.inject(request.metadata_mut().as_mut());
        let mut client = self.chat();
        // A stream that is reset before the service has accepted it counts against the whole connection.
        let calling = tokio::time::timeout(UNARY_CALL_TIMEOUT, async move { client.chat(request).await });
        match Detached::new(calling.in_current_span()).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => Err(Problem::timeout()),
        }
    }

    /// Checks the health of the dependency `name`; the empty name is the service itself. Returns `None` without a response.
    pub(crate) async fn health(&self, name: &str) -> Option<bool> {
        let mut client = HealthClient::new(self.transport.clone());
        let check = client.check(HealthCheckRequest { service: name.into() });
        let answer = tokio::time::timeout(HEALTH_TIMEOUT, check).await.ok()?.ok()?;
        Some(answer.into_inner().status() == ServingStatus::Serving)
    }
}

/// Returns `true` if the status is an error of the transport and not of the service.
fn is_unreachable(status: &Status) -> bool {
    let is_ours = status.get_details_error_info().is_some_and(|info| info.domain == reason::DOMAIN);
    !is_ours && matches!(status.code(), Code::Unavailable | Code::Unknown)
}
