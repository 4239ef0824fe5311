//! gRPC handlers of the chat service. A turn runs in a task of its own, which its caller listens to.

mod events;
mod metrics;
mod turn;

use crate::{
    domain::{Content, NewMessage, RequestId, Role},
    model::Model,
    personas::{Persona, Personas},
    rpc::{owner_of, parse::Checks, status},
    store::{NewTurn, SessionStore, TurnToken},
};
use nono_proto::chat::v1::{self as pb, chat_service_server::ChatService};
use runtime::Lifecycle;
use std::{pin::Pin, sync::Arc};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};
use tracing::Instrument;
use uuid::Uuid;

pub(crate) use metrics::ChatMetrics;

/// Maximum number of events waiting for a slow caller.
const EVENTS_MAX: usize = 64;

/// Dependencies of a turn.
pub(crate) struct Chat {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) personas: Arc<Personas>,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) context_messages: usize,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) metrics: ChatMetrics,
}

/// Implementation of [`ChatService`].
pub(crate) struct ChatApi {
    chat: Arc<Chat>,
    turns: TaskTracker,
}

impl ChatApi {
    /// Creates the service; `turns` tracks all running turns.
    pub(crate) fn new(chat: Chat, turns: TaskTracker) -> Self {
        Self { chat: Arc::new(chat), turns }
    }
}

#[tonic::async_trait]
impl ChatService for ChatApi {
    type ChatStream = Pin<Box<dyn Stream<Item = Result<pb::ChatResponse, Status>> + Send>>;

    async fn chat(&self, request: Request<pb::ChatRequest>) -> Result<Response<Self::ChatStream>, Status> {
        let owner = owner_of(&request);
        let turn = parse(request.into_inner())?;
        let (begun, answer) = oneshot::channel();
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        // The turn continues if the caller disconnects, even now.
        let running = turn::run(self.chat.clone(), owner, turn, begun, sender);
        self.turns.spawn(running.in_current_span());
        answer.await.map_err(|_| status::internal("a turn ended before it began"))??;
        Ok(Response::new(Box::pin(ReceiverStream::new(events))))
    }

    async fn list_personas(
        &self,
        _: Request<pb::ListPersonasRequest>,
    ) -> Result<Response<pb::ListPersonasResponse>, Status> {
        let personas = self.chat.personas.iter().map(render).collect();
        Ok(Response::new(pb::ListPersonasResponse { personas }))
    }
}

fn parse(request: pb::ChatRequest) -> Result<NewTurn, Status> {
    let mut checks = Checks::default();
    let user_id = checks.user_id(&request.user_id);
    let content = checks.check("message", Content::try_from(request.message));
    let request_id = checks.request_id(&request.request_id);
    let metadata = checks.metadata("metadata", request.metadata);
    let parsed = (|| {
        Some(NewTurn {
            user_id: user_id?,
            message: NewMessage { role: Role::User, content: content?, metadata: metadata? },
            request_id: request_id?.unwrap_or_else(new_request_id),
            token: TurnToken(Uuid::new_v4().to_string()),
        })
    })();
    checks.finish(parsed)
}

/// Returns a request id for a turn without one, which its caller cannot retry.
fn new_request_id() -> RequestId {
    RequestId::try_from(Uuid::new_v4().to_string().as_str()).expect("a UUID is a request id")
}

fn render(persona: &Persona) -> pb::Persona {
    pb::Persona {
        key: persona.key.clone(),
        name: persona.name.clone(),
        role: persona.role.clone(),
        description: persona.description.clone(),
        tags: persona.tags.clone(),
    }
}
