//! gRPC handler of the configuration.

use super::render;
use crate::store::{Policy, SessionStore};
use nono_proto::config::v1::{self as pb, config_service_server::ConfigService};
use std::{sync::Arc, time::SystemTime};
use tonic::{Request, Response, Status};

/// Implementation of [`ConfigService`].
pub(super) struct ConfigApi {
    pub(super) store: Arc<dyn SessionStore>,
    pub(super) policy: Policy,
    pub(super) powered_by: String,
}

#[tonic::async_trait]
impl ConfigService for ConfigApi {
    async fn get_config(
        &self,
        _: Request<pb::GetConfigRequest>,
    ) -> Result<Response<pb::GetConfigResponse>, Status> {
        let server_time = match self.store.time().await {
            Ok(time) => render::timestamp(time),
            Err(_) => SystemTime::now().into(),
        };
        Ok(Response::new(pb::GetConfigResponse {
            powered_by: self.powered_by.clone(),
            session_ttl: prost_types::Duration::try_from(self.policy.session_ttl).ok(),
            server_time: Some(server_time),
            max_sessions_per_owner: self.policy.max_sessions_per_owner.unwrap_or_default(),
            limits: Some(pb::Limits::current()),
        }))
    }
}
