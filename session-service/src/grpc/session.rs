//! gRPC handlers of the session service: parse, call the store, render.

use super::{
    authentication::owner_of,
    parse, render, status,
    watch_stream::{self, WatchStream},
};
use crate::{personas::Personas, store::SessionStore, watch::Watchers};
use nono_proto::session::v1::{self as pb, session_service_server::SessionService};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Implementation of [`SessionService`] over a store.
pub(super) struct SessionApi {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) personas: Arc<Personas>,
    pub(super) watchers: Watchers,
}

#[tonic::async_trait]
impl SessionService for SessionApi {
    type WatchStream = WatchStream;

    async fn create(
        &self,
        request: Request<pb::CreateRequest>,
    ) -> Result<Response<pb::CreateResponse>, Status> {
        let owner = owner_of(&request)?;
        let new = parse::create(request.into_inner(), &self.personas)?;
        let created = self.store.create(&owner, &new).await.map_err(status::from_store)?;
        render::created(&created).map(Response::new)
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::GetResponse>, Status> {
        let owner = owner_of(&request)?;
        let user_id = parse::user_id(&request.get_ref().user_id)?;
        let session = self.store.get(&owner, &user_id).await.map_err(status::from_store)?;
        Ok(Response::new(pb::GetResponse { session: Some(render::session(&session)?) }))
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        let owner = owner_of(&request)?;
        let page = parse::list(request.get_ref(), &owner)?;
        let page = self.store.list(&owner, &page).await.map_err(status::from_store)?;
        render::page(&page, &owner).map(Response::new)
    }

    async fn history(
        &self,
        request: Request<pb::HistoryRequest>,
    ) -> Result<Response<pb::HistoryResponse>, Status> {
        let owner = owner_of(&request)?;
        let (user_id, page) = parse::history(request.get_ref())?;
        let history = self.store.history(&owner, &user_id, page).await.map_err(status::from_store)?;
        render::history(history, &user_id, page).map(Response::new)
    }

    async fn append(
        &self,
        request: Request<pb::AppendRequest>,
    ) -> Result<Response<pb::AppendResponse>, Status> {
        let owner = owner_of(&request)?;
        let append = parse::append(request.into_inner())?;
        let appended = self
            .store
            .append(&owner, &append.user_id, &append.batch, append.request_id.as_ref())
            .await
            .map_err(status::from_store)?;
        render::appended(appended).map(Response::new)
    }

    async fn touch(&self, request: Request<pb::TouchRequest>) -> Result<Response<pb::TouchResponse>, Status> {
        let owner = owner_of(&request)?;
        let user_id = parse::user_id(&request.get_ref().user_id)?;
        let session = self.store.touch(&owner, &user_id).await.map_err(status::from_store)?;
        Ok(Response::new(pb::TouchResponse { session: Some(render::session(&session)?) }))
    }

    async fn delete(
        &self,
        request: Request<pb::DeleteRequest>,
    ) -> Result<Response<pb::DeleteResponse>, Status> {
        let owner = owner_of(&request)?;
        let user_id = parse::user_id(&request.get_ref().user_id)?;
        self.store.delete(&owner, &user_id).await.map_err(status::from_store)?;
        Ok(Response::new(pb::DeleteResponse {}))
    }
    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<WatchStream>, Status> {
        let owner = owner_of(&request)?;
        let (user_id, start) = parse::watch(request.get_ref())?;
        let watcher = self.watchers.watch(owner, user_id, &start).await.map_err(status::from_watch)?;
        Ok(Response::new(watch_stream::stream(watcher)))
    }
}
