//! gRPC handlers of the chat service.

use super::{authentication::owner_of, parse, render, status};
use crate::turn::Turns;
use futures_util::{Stream, StreamExt};
use nono_proto::chat::v1::{self as pb, chat_service_server::ChatService};
use std::pin::Pin;
use tonic::{Request, Response, Status};

/// Implementation of [`ChatService`].
pub(super) struct ChatApi {
    pub(super) turns: Turns,
}

#[tonic::async_trait]
impl ChatService for ChatApi {
    type ChatStream = Pin<Box<dyn Stream<Item = Result<pb::ChatResponse, Status>> + Send>>;

    async fn chat(&self, request: Request<pb::ChatRequest>) -> Result<Response<Self::ChatStream>, Status> {
        let owner = owner_of(&request)?;
        let turn = parse::chat(request.into_inner())?;
        let events = self.turns.start(owner, turn).await.map_err(status::from_turn)?;
        let responses = events.map(|event| match event {
            Ok(event) => render::turn_event(event),
            Err(error) => Err(status::from_turn(error)),
        });
        Ok(Response::new(Box::pin(responses)))
    }

    async fn cancel(
        &self,
        request: Request<pb::CancelRequest>,
    ) -> Result<Response<pb::CancelResponse>, Status> {
        let owner = owner_of(&request)?;
        let (user_id, request_id) = parse::cancel(request.get_ref())?;
        let result = self.turns.cancel(owner, user_id, request_id).await.map_err(status::from_turn)?;
        render::cancellation(result).map(Response::new)
    }

    async fn list_personas(
        &self,
        _: Request<pb::ListPersonasRequest>,
    ) -> Result<Response<pb::ListPersonasResponse>, Status> {
        let personas = self.turns.personas().iter().map(render::persona).collect();
        Ok(Response::new(pb::ListPersonasResponse { personas }))
    }
}
