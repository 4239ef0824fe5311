//! What callers see when something behind the gateway fails, and that they lose nothing.

use crate::app::{Answer, App};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::json;
use session_service::{
    domain::{Batch, HistoryPage, NewReply, NewSession, Owner, RequestId, Session, Timestamp, UserId},
    store::{
        Appended, Created, FinishedTurn, History, ListPage, Policy, SessionPage, SessionStore, StoreError,
        Turn, TurnRequest, TurnToken, memory::MemoryStore,
    },
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use testkit::Stopwatch;

const LONGEST_CALL: Duration = Duration::from_millis(1500);

/// One answer of every call, none slower than promised.
async fn every_call(app: &App) -> Vec<Answer> {
    let say = json!({ "messages": [{ "role": "user", "content": "x" }] });
    let timed = async |request: reqwest::RequestBuilder| {
        let begun = Stopwatch::start();
        let answer = app.send(request).await;
        assert!(begun.elapsed() < LONGEST_CALL, "{:?}", begun.elapsed());
        answer
    };
    let answers = tokio::join!(
        timed(app.request(Method::POST, "/api/session/create").json(&json!({ "user_id": "b" }))),
        timed(app.request(Method::GET, "/api/sessions")),
        timed(app.request(Method::GET, "/api/session/a")),
        timed(app.request(Method::GET, "/api/session/a/history")),
        timed(app.request(Method::POST, "/api/session/a/messages").json(&say)),
        timed(app.request(Method::POST, "/api/session/a/touch")),
        timed(app.request(Method::DELETE, "/api/session/nobody")),
        timed(app.request(Method::POST, "/api/session/a/chat").json(&json!({ "message": "x" }))),
    );
    let (a, b, c, d, e, f, g, h) = answers;
    vec![a, b, c, d, e, f, g, h]
}

async fn is_reported(app: &App) {
    for _ in 0..2 {
        for answer in every_call(app).await {
            assert_eq!(answer.headers["retry-after"], "1");
            assert_eq!(answer.problem(503)["reason"], "STORE_UNAVAILABLE");
        }
    }
    let health = app.get("/health").await;
    assert_eq!(health.status, 503);
    let health = health.json();
    assert_eq!(health["status"], "unhealthy");
    let dependencies = json!({ "session_service": "healthy", "store": "unhealthy", "model": "healthy" });
    assert_eq!(health["dependencies"], dependencies);
    assert!(app.says_ready(), "a shared dependency does not take every replica out");
}

async fn recovers(app: &App) {
    let begun = Instant::now();
    while app.get("/api/session/a").await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_redis_is_503_at_once_and_its_return_200_within_a_second() {
    let mut app = App::redis().await;
    let made = app.create("a").await;
    app.redis.as_mut().unwrap().kill();
    is_reported(&app).await;
    app.redis.as_mut().unwrap().restart();
    recovers(&app).await;
    assert_eq!(app.get("/api/session/a").await.ok()["session_id"], made["session_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_redis_is_503_in_time_and_its_return_200_within_a_second() {
    let app = App::redis().await;
    app.create("a").await;
    app.redis.as_ref().unwrap().freeze();
    is_reported(&app).await;
    app.redis.as_ref().unwrap().thaw();
    recovers(&app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_replaced_loses_nothing() {
    let mut app = App::redis().await;
    app.create("a").await;
    let say = json!({ "messages": [{ "role": "user", "content": "kept" }] });
    app.post("/api/session/a/messages", &say).await.ok();
    let before = app.get("/api/session/a/history").await.ok();
    app.restart_gateway().await;
    assert_eq!(app.get("/api/session/a/history").await.ok(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_gone_is_503_and_says_so() {
    let app = App::redis().await;
    app.create("a").await;
    app.stop_service().await;
    let begun = Instant::now();
    loop {
        let answer = app.get("/api/session/a").await;
        if answer.status == 503 {
            let problem = answer.problem(503);
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

/// A store of which one call never answers and another is a bug.
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
    ) -> Result<(), StoreError> {
        self.0.release_turn(owner, user_id, token).await
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
    App::over(Arc::new(Faulty(MemoryStore::new(Policy::default())))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bug_is_500_and_keeps_its_cause_to_itself() {
    let app = faulty().await;
    for path in ["/api/sessions", "/api/session/a/history"] {
        let answer = app.get(path).await;
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        assert_eq!(answer.problem(500)["reason"], "INTERNAL");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_never_ends_is_504_after_five_seconds() {
    let app = faulty().await;
    let begun = Instant::now();
    assert_eq!(app.get("/api/session/a").await.problem(504)["reason"], "DEADLINE_EXCEEDED");
    let took = begun.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_millis(5500)).contains(&took), "{took:?}");
}
