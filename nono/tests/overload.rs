//! More readers of large pages than the service can serve. It rejects some at once, and all other calls succeed.

use crate::app::{App, Program, bind};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use testkit::RedisServer;
use tokio::task::JoinSet;

const READERS: usize = 100;
/// Duration of the load.
const DURATION: Duration = Duration::from_secs(4);

/// A gateway and a service over Redis, with a session of more than a mebibyte and a small one.
struct Deployment {
    _redis: RedisServer,
    _programs: [Program; 2],
    app: App,
    /// Admin port of the service.
    admin: String,
}

impl Deployment {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let grpc = bind().await.local_addr().unwrap().to_string();
        let (store, backend) = (redis.url(), format!("http://{grpc}"));
        let admin = ["--admin-listen", "127.0.0.1:0"];
        let arguments = [["--store", &store], ["--grpc-listen", &grpc], admin];
        let mut service = Program::start("session-service", arguments.as_flattened(), &[]);
        let line: Value = serde_json::from_str(&service.wait_for_log("listening").await).unwrap();
        service.wait_for_log("store reachable").await;
        let arguments = [["--backend", &backend], ["--http-listen", "127.0.0.1:0"], admin];
        let mut gateway = Program::start("gateway", arguments.as_flattened(), &[]);
        let page: Value = serde_json::from_str(&gateway.wait_for_log("listening").await).unwrap();
        let app = App::at(page["page"].as_str().unwrap());
        for user_id in ["large", "small"] {
            app.create(user_id).await;
        }
        let message = json!({ "role": "user", "content": "x".repeat(30_000) });
        for _ in 0..4 {
            let body = json!({ "messages": vec![&message; 10] });
            app.post("/api/session/large/messages", &body).await.ok();
        }
        let admin = format!("http://{}", line["admin"].as_str().unwrap());
        Self { _redis: redis, _programs: [service, gateway], app, admin }
    }

    /// Returns the value of a metric of the service.
    async fn metric(&self, name: &str) -> u64 {
        let metrics = reqwest::get(format!("{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in\n{metrics}")).trim().parse().unwrap()
    }
}

/// Reads pages until the load is over. Returns the number of responses by status.
async fn read_pages(app: App, is_over: Arc<AtomicBool>) -> BTreeMap<u16, usize> {
    let mut statuses = BTreeMap::new();
    while !is_over.load(Ordering::Relaxed) {
        let response = app.get("/api/session/large/history?limit=1000").await;
        *statuses.entry(response.status.as_u16()).or_default() += 1;
        if response.status == 429 {
            let delay: u64 = response.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert_eq!((delay, response.problem(429)["reason"].as_str()), (1, Some("OVERLOADED")));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    statuses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_large_pages_are_rejected_early_and_other_calls_succeed() {
    let deployment = Deployment::start().await;
    let (is_over, mut readers) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for _ in 0..READERS {
        readers.spawn(read_pages(App::at(&deployment.app.http), is_over.clone()));
    }
    let end = tokio::time::Instant::now() + DURATION;
    while tokio::time::Instant::now() < end {
        deployment.app.get("/api/session/small").await.ok();
        let message = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        deployment.app.post("/api/session/small/messages", &message).await.ok();
    }
    is_over.store(true, Ordering::Relaxed);
    let mut statuses = BTreeMap::<u16, usize>::new();
    for (status, count) in readers.join_all().await.into_iter().flatten() {
        *statuses.entry(status).or_default() += count;
    }
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [200, 429], "{statuses:?}");
    assert!(statuses[&200] > 20, "{statuses:?}");
    let rejected = async |class: &str| {
        let name = format!("nono_admission_rejected_total{{class=\"{class}\",reason=\"limit\"}}");
        deployment.metric(&name).await
    };
    assert!(rejected("page").await > 0);
    assert_eq!(rejected("point").await, 0);
    assert!(deployment.metric("nono_admission_limit{class=\"page\"}").await >= 4);
    deployment.app.get("/api/session/large/history?limit=1000").await.ok();
}
