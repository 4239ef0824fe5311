//! Outages of the store, the service and the gateway, and bugs: errors that callers get, and recovery without loss.

use crate::app::{App, HttpResponse};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use session_service::{
    domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId},
    store::{
        Appended, Changes, Created, FinishedTurn, Flushed, Head, History, ListPage, Policy, Position,
        SessionPage, SessionStore, StoreError, Turn, TurnOutcome, TurnRequest, TurnTag, TurnToken,
        memory::MemoryStore,
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use testkit::Stopwatch;

const CALL_TIMEOUT: Duration = Duration::from_millis(1500);

/// Makes every kind of call, checks its duration, and returns the responses.
async fn every_call(app: &App) -> Vec<HttpResponse> {
    let say = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let timed = async |request: reqwest::RequestBuilder| {
        let begun = Stopwatch::start();
        let response = app.send(request).await;
        assert!(begun.elapsed() < CALL_TIMEOUT, "{:?}", begun.elapsed());
        response
    };
    let responses = tokio::join!(
        timed(app.request(Method::POST, "/api/session/create").json(&json!({ "user_id": "b" }))),
        timed(app.request(Method::GET, "/api/sessions")),
        timed(app.request(Method::GET, "/api/session/a")),
        timed(app.request(Method::GET, "/api/session/a/history")),
        timed(app.request(Method::POST, "/api/session/a/messages").json(&say)),
        timed(app.request(Method::POST, "/api/session/a/touch")),
        timed(app.request(Method::DELETE, "/api/session/unknown")),
        timed(app.request(Method::POST, "/api/session/a/chat").json(&json!({ "message": "x" }))),
    );
    let (a, b, c, d, e, f, g, h) = responses;
    vec![a, b, c, d, e, f, g, h]
}

async fn expect_outage(app: &App) {
    for _ in 0..2 {
        for response in every_call(app).await {
            assert_eq!(response.headers["retry-after"], "1");
            assert_eq!(response.problem(503)["reason"], "STORE_UNAVAILABLE");
        }
    }
    let health = app.get("/health").await;
    assert_eq!(health.status, 503);
    let health = health.json();
    assert_eq!(health["status"], "unhealthy");
    let dependencies = json!({ "session_service": "healthy", "store": "unhealthy", "model": "healthy" });
    assert_eq!(health["dependencies"], dependencies);
    assert!(app.is_ready(), "readiness does not follow a shared dependency");
}

async fn expect_recovery(app: &App) {
    let begun = Instant::now();
    while app.get("/api/session/a").await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_return_503_while_redis_is_down_and_recover_within_a_second() {
    let mut app = App::redis().await;
    let created = app.create("a").await;
    app.redis.as_mut().unwrap().kill();
    expect_outage(&app).await;
    app.redis.as_mut().unwrap().restart();
    expect_recovery(&app).await;
    assert_eq!(app.get("/api/session/a").await.ok()["session_id"], created["session_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_return_503_in_time_while_redis_hangs_and_recover_within_a_second() {
    let app = App::redis().await;
    app.create("a").await;
    app.redis.as_ref().unwrap().freeze();
    expect_outage(&app).await;
    app.redis.as_ref().unwrap().thaw();
    expect_recovery(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_gateway_loses_no_data() {
    let mut app = App::redis().await;
    app.create("a").await;
    let say = json!({ "messages": [{ "role": "user", "content": "kept" }] });
    app.post("/api/session/a/messages", &say).await.ok();
    let before = app.get("/api/session/a/history").await.ok();
    app.restart_gateway().await;
    assert_eq!(app.get("/api/session/a/history").await.ok(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_service_returns_503_service_unavailable() {
    let app = App::redis().await;
    app.create("a").await;
    app.stop_service().await;
    let begun = Instant::now();
    loop {
        let response = app.get("/api/session/a").await;
        if response.status == 503 {
            let problem = response.problem(503);
            assert_eq!(problem["reason"], "SERVICE_UNAVAILABLE");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "the service does not stop");
    }
    let health = app.get("/health").await;
    assert_eq!(
        (health.status.as_u16(), &health.json()["dependencies"]["session_service"]),
        (503, &json!("unhealthy"))
    );
}

/// A store with one call that never ends, and calls that fail.
struct Faulty(MemoryStore);

#[async_trait]
impl SessionStore for Faulty {
    async fn create(&self, owner: &Owner, new: &NewSession) -> Result<Created, StoreError> {
        self.0.create(owner, new).await
    }
    async fn get(&self, _: &Owner, _: &UserId) -> Result<Session, StoreError> {
        std::future::pending().await
    }
    async fn list(&self, _: &Owner, _: &ListPage) -> Result<SessionPage, StoreError> {
        Err(StoreError::Corrupt("the password is hunter2".into()))
    }
    async fn history(&self, _: &Owner, _: &UserId, _: HistoryPage) -> Result<History, StoreError> {
        panic!("the password is hunter2")
    }
    async fn append(
        &self,
        owner: &Owner,
        user_id: &UserId,
        batch: &Batch,
        request_id: Option<&RequestId>,
    ) -> Result<Appended, StoreError> {
        self.0.append(owner, user_id, batch, request_id).await
    }
    async fn begin_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        lease: Duration,
    ) -> Result<Turn, StoreError> {
        self.0.begin_turn(owner, turn, lease).await
    }
    async fn replay_turn(&self, owner: &Owner, turn: &TurnRequest) -> Result<Option<Turn>, StoreError> {
        self.0.replay_turn(owner, turn).await
    }
    async fn renew_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        lease: Duration,
    ) -> Result<(), StoreError> {
        self.0.renew_turn(owner, user_id, token, lease).await
    }
    async fn finish_turn(
        &self,
        owner: &Owner,
        turn: &TurnRequest,
        reply: &NewReply,
    ) -> Result<FinishedTurn, StoreError> {
        self.0.finish_turn(owner, turn, reply).await
    }
    async fn release_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        outcome: TurnOutcome,
    ) -> Result<(), StoreError> {
        self.0.release_turn(owner, user_id, token, outcome).await
    }
    async fn flush_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        token: &TurnToken,
        offset: u32,
        text: &str,
    ) -> Result<Flushed, StoreError> {
        self.0.flush_turn(owner, user_id, token, offset, text).await
    }
    async fn cancel_turn(
        &self,
        owner: &Owner,
        user_id: &UserId,
        request_id: Option<&RequestId>,
    ) -> Result<Option<TurnTag>, StoreError> {
        self.0.cancel_turn(owner, user_id, request_id).await
    }
    async fn heads(&self, sessions: &[(Owner, UserId)]) -> Result<Vec<Option<Head>>, StoreError> {
        self.0.heads(sessions).await
    }
    async fn changes(
        &self,
        owner: &Owner,
        user_id: &UserId,
        since: &Position,
    ) -> Result<Changes, StoreError> {
        self.0.changes(owner, user_id, since).await
    }
    async fn touch(&self, owner: &Owner, user_id: &UserId) -> Result<Session, StoreError> {
        self.0.touch(owner, user_id).await
    }
    async fn delete(&self, owner: &Owner, user_id: &UserId) -> Result<(), StoreError> {
        self.0.delete(owner, user_id).await
    }
    async fn time(&self) -> Result<Timestamp, StoreError> {
        self.0.time().await
    }
}

pub async fn faulty() -> App {
    App::with_store(Arc::new(Faulty(MemoryStore::new(Policy::default())))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_internal_error_returns_500_without_its_cause() {
    let app = faulty().await;
    for path in ["/api/sessions", "/api/session/a/history"] {
        let response = app.get(path).await;
        assert!(!response.text.contains("hunter2"), "{}", response.text);
        assert_eq!(response.problem(500)["reason"], "INTERNAL");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_ends_returns_504_after_five_seconds() {
    let app = faulty().await;
    let begun = Instant::now();
    assert_eq!(app.get("/api/session/a").await.problem(504)["reason"], "DEADLINE_EXCEEDED");
    let took = begun.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_millis(5500)).contains(&took), "{took:?}");
}
