//! The session service as the gateway calls it: with the caller's ids, within a time limit, once more where that is safe.

use crate::{balance::Places, detached::Detached, error::Problem, lanes};
use http::Uri;
use nono_proto::{
    chat::v1::{ChatRequest, ChatResponse, chat_service_client::ChatServiceClient},
    config::v1::config_service_client::ConfigServiceClient,
    limits::{GRPC_MESSAGE_MAX_BYTES, UNARY_CALL_MAX},
    reason,
    session::v1::session_service_client::SessionServiceClient,
};
use process::call::Call;
use std::{error::Error, fmt, sync::Arc, time::Duration};
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

/// How much longer than the service the gateway waits: the service's own answer is the better one.
const GRACE: Duration = Duration::from_millis(250);
/// The longest wait for an answer about health.
const HEALTH_MAX_WAIT: Duration = Duration::from_millis(1600);

/// What carries a call to the service.
pub(crate) type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, TransportError>;

/// Why a call did not get through.
#[derive(Debug)]
pub(crate) struct TransportError(BoxError);

impl From<BoxError> for TransportError {
    fn from(cause: BoxError) -> Self {
        Self(cause)
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for TransportError {
    /// The cause itself: tonic looks for what it knows in the chain.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// The session service, wherever it runs. Clones share connections.
#[derive(Clone)]
pub struct Backend {
    transport: Transport,
    /// Connections of their own for chat streams, so that neither kind of call can end or delay the other.
    chat_transport: Transport,
    budget: Arc<TpsBudget>,
}

/// Whether a call may be made again when nobody knows whether the first one arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Safe,
    Unsafe,
}

impl Repeat {
    /// A write may be repeated if the service can tell that it is one.
    pub(crate) fn with(request_id: &str) -> Self {
        if request_id.is_empty() { Self::Unsafe } else { Self::Safe }
    }
}

impl Backend {
    /// A service in this process.
    pub fn local<S, B>(service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body<Data = axum::body::Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = service
            .map_err(|error| TransportError(error.into()))
            .map_response(|response: http::Response<B>| response.map(Body::new));
        Self::over(BoxCloneSyncService::new(service))
    }

    /// The service at these addresses, connected to when it is first needed.
    pub fn remote(addresses: &[Uri]) -> Self {
        let places = Places::new(addresses);
        let places = Arc::new(places);
        let transport = || {
            let places = places.clone();
            lanes::transport(move || places.transport())
        };
        Self { chat_transport: transport(), ..Self::over(transport()) }
    }

    fn over(transport: Transport) -> Self {
        // At most one call in ten is repeated, and one a second when there are few.
        Self {
            chat_transport: transport.clone(),
            transport,
            budget: Arc::new(TpsBudget::new(Duration::from_secs(10), 1, 0.1)),
        }
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Transport> {
        SessionServiceClient::new(self.transport.clone())
            .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    /// Returns a client for the unary calls of the chat service.
    pub(crate) fn personas(&self) -> ChatServiceClient<Transport> {
        ChatServiceClient::new(self.transport.clone()).max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    fn chat(&self) -> ChatServiceClient<Transport> {
        ChatServiceClient::new(self.chat_transport.clone())
            .max_decoding_message_size(GRPC_MESSAGE_MAX_BYTES)
            .max_encoding_message_size(GRPC_MESSAGE_MAX_BYTES)
    }

    pub(crate) fn config(&self) -> ConfigServiceClient<Transport> {
        ConfigServiceClient::new(self.transport.clone())
    }

    /// Makes a unary call with a client. The call runs to its end even if the caller is cancelled.
    pub(crate) async fn call<C, Q, A, F>(
        &self,
        client: C,
        call: &Call,
        repeat: Repeat,
        request: Q,
        send: impl Fn(C, Request<Q>) -> F + Send + 'static,
    ) -> Result<A, Problem>
    where
        C: Clone + Send + 'static,
        Q: Clone + Send + 'static,
        A: Send + 'static,
        F: Future<Output = Result<Response<A>, Status>> + Send,
    {
        let deadline = Instant::now() + UNARY_CALL_MAX;
        let (call, budget) = (call.clone(), self.budget.clone());
        let attempt = move |request: Q| {
            let mut request = Request::new(request);
            request.set_timeout(deadline - Instant::now());
            call.pass_on(request.metadata_mut().as_mut());
            send(client.clone(), request)
        };
        let calling = async move {
            budget.deposit();
            match attempt(request.clone()).await {
                Err(status) if repeat == Repeat::Safe && was_unreachable(&status) && budget.withdraw() => {
                    attempt(request).await
                }
                result => result,
            }
        };
        let calling = tokio::time::timeout_at(deadline + GRACE, calling);
        match Detached::new(calling.in_current_span()).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => Err(Problem::timeout()),
        }
    }

    /// Begins a turn; the answer is there once the user's message is stored.
    pub(crate) async fn chat_stream(
        &self,
        call: &Call,
        request: ChatRequest,
    ) -> Result<Streaming<ChatResponse>, Problem> {
        let mut request = Request::new(request);
        call.pass_on(request.metadata_mut().as_mut());
        let mut client = self.chat();
        // A stream that is reset before the service has accepted it counts against the whole connection.
        let calling = tokio::time::timeout(UNARY_CALL_MAX, async move { client.chat(request).await });
        match Detached::new(calling.in_current_span()).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(status.into()),
            Err(_) => Err(Problem::timeout()),
        }
    }

    /// Whether the service says that what is called `name` serves; the empty name is the service itself. None when it
    /// does not say.
    pub(crate) async fn health(&self, name: &str) -> Option<bool> {
        let mut client = HealthClient::new(self.transport.clone());
        let check = client.check(HealthCheckRequest { service: name.into() });
        let answer = tokio::time::timeout(HEALTH_MAX_WAIT, check).await.ok()?.ok()?;
        Some(answer.into_inner().status() == ServingStatus::Serving)
    }
}

/// Whether the call did not get through, rather than being refused by the service.
fn was_unreachable(status: &Status) -> bool {
    let is_ours = status.get_details_error_info().is_some_and(|info| info.domain == reason::DOMAIN);
    !is_ours && matches!(status.code(), Code::Unavailable | Code::Unknown)
}
