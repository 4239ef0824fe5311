//! A service that responds UNAVAILABLE to half of its calls.

use super::{
    GATEWAYS, OTHER, PORT, SERVICES, assert_origin,
    cluster::Cluster,
    load::{Load, failed, report},
    namespace::isolated,
    wait_for_phase,
};
use crate::app::{demo, port, service};
use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use runtime::server::Protocol;
use session_service::store::{Policy, redis::RedisStore};
use std::{sync::Arc, time::Instant};
use tokio::net::TcpListener;
use tonic::Status;

/// Responds to half of the calls as a proxy does that does not reach the service.
async fn fail_half(request: Request, next: Next) -> Response {
    let is_health_check = request.uri().path().starts_with("/grpc.health");
    if is_health_check || fastrand::bool() {
        return next.run(request).await;
    }
    Status::unavailable("no healthy upstream").into_http()
}

/// Publishes such a service next to the others.
async fn publish_failing(cluster: &Cluster) {
    let store = RedisStore::from_url(&cluster.redis.url(), Policy::default()).unwrap();
    let (_, service, lifecycle) = service(Arc::new(store), demo()).await;
    let router = service.local_router().layer(from_fn(fail_half));
    let listener = TcpListener::bind((OTHER, PORT)).await.unwrap();
    tokio::spawn(async move { port(Protocol::Grpc).serve(listener, router, &lifecycle).await });
    cluster.names.set_addresses([cluster.names.addresses(), vec![OTHER]].concat());
}

#[test]
fn a_service_that_fails_half_of_its_calls_fails_no_idempotent_call() {
    isolated(
        "network::unavailable::a_service_that_fails_half_of_its_calls_fails_no_idempotent_call",
        async {
            let cluster = Cluster::start(SERVICES, GATEWAYS).await;
            let load = Load::start(&cluster.gateways).await;
            wait_for_phase().await;
            let fault = Instant::now();
            publish_failing(&cluster).await;
            cluster.wait_for_state(OTHER, &["ready", "ejected"]).await;
            for _ in 0..4 {
                wait_for_phase().await;
            }
            let calls = load.stop().await;
            report("half of the calls to one UNAVAILABLE", &calls, fault);
            let failed = failed(&calls);
            assert!(failed.iter().all(|call| !call.kind.is_idempotent()), "{failed:#?}");
            // Those that reached the service before it was ejected, and one of some that it failed when it returned.
            assert!(failed.len() * 50 < calls.len(), "{failed:#?}");
            assert_origin(&failed);
        },
    );
}
