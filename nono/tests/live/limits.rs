//! The maximum number of watchers of a process, and clients that do not read.

use super::{
    deployment::{Deployment, append},
    follower::{Follower, request},
};
use nono_proto::session::v1::{WatchRequest, session_service_client::SessionServiceClient};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};
use tonic::Code;
use tonic_types::StatusExt;

/// Timeout for the service to notice that a client is gone.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Waits until the service has this number of watchers.
async fn wait_for_watchers(deployment: &Deployment, count: u64) {
    let start = Instant::now();
    while deployment.metric(0, "nono_watchers").await != count {
        assert!(start.elapsed() < TIMEOUT, "{} watchers", deployment.metric(0, "nono_watchers").await);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_beyond_the_limit_is_rejected() {
    let limit = ["--max-watchers", "2"];
    for deployment in [Deployment::memory(&limit).await, Deployment::redis(&limit).await] {
        let (app, grpc) = (deployment.first(), format!("http://{}", deployment.grpc[0]));
        let mut client = SessionServiceClient::connect(grpc).await.unwrap();
        let watchers = [Follower::open(app).await, Follower::open(app).await];
        let rejected = app.get("/api/session/a/events").await;
        assert_eq!(rejected.headers["retry-after"], "1");
        assert_eq!(rejected.problem(429)["reason"], "OVERLOADED");
        let watch = || WatchRequest { user_id: "a".into(), cursor: String::new() };
        let status = client.watch(watch()).await.unwrap_err();
        let details = status.get_error_details();
        assert_eq!(
            (status.code(), &*details.error_info().unwrap().reason),
            (Code::ResourceExhausted, "OVERLOADED")
        );
        assert!(details.retry_info().unwrap().retry_delay.is_some());
        assert_eq!(deployment.metric(0, "nono_watchers_limit").await, 2);
        assert_eq!(deployment.metric(0, "nono_watchers_rejected_total").await, 2);
        // Other calls have no part in the limit, and a watcher that leaves makes room.
        append(app, "one").await;
        drop(watchers);
        wait_for_watchers(&deployment, 0).await;
        client.watch(watch()).await.unwrap();
        assert_eq!(Follower::open(app).await.seq, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_disconnected_and_delays_no_other() {
    let service = ["--write-timeout", "1s"];
    let mut deployment = Deployment::balanced(&[], &service).await;
    // Only the first service is used, so that all watchers share its connections.
    deployment.stop_service(1).await;
    let app = deployment.first();
    let mut unread = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(app.http.trim_start_matches("http://")).await.unwrap();
        stream.write_all(b"GET /api/session/a/events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        unread.push(stream);
    }
    wait_for_watchers(&deployment, 20).await;
    let mut follower = Follower::open(app).await;
    let message = json!({ "role": "user", "content": "x".repeat(30_000) });
    for round in 1..=4 {
        app.post("/api/session/a/messages", &json!({ "messages": vec![&message; 25] })).await.ok();
        while follower.seq < 25 * round {
            follower.until("message").await;
        }
    }
    // The service forgets them although they send nothing.
    wait_for_watchers(&deployment, 1).await;
    append(app, "after").await;
    assert_eq!(follower.until("message").await["content"], "after");
    assert_eq!(request(app, "a").send().await.unwrap().status(), 200);
}
