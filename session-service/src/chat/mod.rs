//! The chat service as gRPC. Turns are not served yet.

use crate::personas::{Persona, Personas};
use nono_proto::chat::v1::{self as pb, chat_service_server::ChatService};
use std::{pin::Pin, sync::Arc};
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// Answers [`ChatService`].
pub(crate) struct ChatApi {
    personas: Arc<Personas>,
}

impl ChatApi {
    pub(crate) fn new(personas: Arc<Personas>) -> Self {
        Self { personas }
    }
}

#[tonic::async_trait]
impl ChatService for ChatApi {
    type ChatStream = Pin<Box<dyn Stream<Item = Result<pb::ChatResponse, Status>> + Send>>;

    async fn chat(&self, _: Request<pb::ChatRequest>) -> Result<Response<Self::ChatStream>, Status> {
        Err(Status::unimplemented("chat is not served yet; use SessionService.Append"))
    }

    async fn list_personas(
        &self,
        _: Request<pb::ListPersonasRequest>,
    ) -> Result<Response<pb::ListPersonasResponse>, Status> {
        let personas = self.personas.iter().map(render).collect();
        Ok(Response::new(pb::ListPersonasResponse { personas }))
    }
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
