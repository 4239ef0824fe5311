//! Refreshes by a clock that the tests move, of keys that a real server publishes.

use super::*;
use axum::{Router, http::StatusCode, routing::get};
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::{net::TcpListener, task::yield_now};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Timeout for a fetch, for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An identity provider with one key, or with none while it is out of order.
#[derive(Clone)]
struct Provider {
    key_id: Arc<Mutex<Option<&'static str>>>,
    fetches: watch::Receiver<usize>,
    keys: CurrentKeys,
}

/// Returns a document with one key.
fn document(key_id: &str) -> String {
    json!({ "keys": [{ "kty": "RSA", "kid": key_id, "n": "AQAB", "e": "AQAB" }] }).to_string()
}

impl Provider {
    /// Starts a provider with the key `a` and a refresher that has fetched it.
    async fn start() -> (Self, Arc<Refresher>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = JwksUrl::new(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let key_id = Arc::new(Mutex::new(Some("a")));
        let (count, fetches) = watch::channel(0);
        let served = key_id.clone();
        let respond = move || {
            count.send_modify(|count| *count += 1);
            let key_id = *served.lock().unwrap();
            async move { key_id.map(document).ok_or(StatusCode::SERVICE_UNAVAILABLE) }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(respond))).await });
        let keys = CurrentKeys::new(None);
        let refresher =
            Refresher::start(url, keys.clone(), RefreshMetrics::register(&mut Registry::default()));
        let provider = Self { key_id, fetches, keys };
        provider.wait_for(1, &refresher).await;
        assert!(provider.has_fetched("a"));
        (provider, refresher)
    }

    fn publish(&self, key_id: Option<&'static str>) {
        *self.key_id.lock().unwrap() = key_id;
    }

    fn fetches(&self) -> usize {
        *self.fetches.borrow()
    }

    /// Waits until there were this many fetches, and the last one is complete.
    async fn wait_for(&self, count: usize, refresher: &Refresher) {
        let mut fetches = self.fetches.clone();
        let fetched = timeout(TIMEOUT, fetches.wait_for(|fetches| *fetches >= count)).await;
        assert_eq!(*fetched.expect("the keys are fetched").unwrap(), count);
        let in_progress = refresher.state().in_progress();
        if let Some(fetch) = in_progress {
            timeout(TIMEOUT, end_of(fetch)).await.unwrap();
        }
    }

    /// Returns `true` if the current keys are the one with this id.
    fn has_fetched(&self, key_id: &str) -> bool {
        let expected = Snapshot::parse(document(key_id).as_bytes()).unwrap();
        self.keys.get().as_ref().as_ref().is_some_and(|keys| keys.has_same_keys(&expected))
    }
}

/// Moves the clock while no fetch is in progress, and lets timers that have expired run.
async fn advance(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_rotated_key_is_fetched_within_eleven_minutes() {
    let (provider, refresher) = Provider::start().await;
    provider.publish(Some("b"));
    advance(8 * MINUTE).await;
    assert_eq!(provider.fetches(), 1);
    advance(3 * MINUTE).await;
    provider.wait_for(2, &refresher).await;
    assert!(provider.has_fetched("b"));
}

#[tokio::test]
async fn an_unknown_key_is_fetched_at_once_and_then_at_most_every_ten_seconds() {
    let (provider, refresher) = Provider::start().await;
    provider.publish(Some("b"));
    refresher.demand(|| provider.has_fetched("b")).await;
    assert!(provider.has_fetched("b"));
    // Tokens with keys that the provider never had.
    for second in 0..9 {
        for _ in 0..100 {
            refresher.demand(|| false).await;
        }
        assert_eq!(provider.fetches(), 2, "after {second} s");
        advance(Duration::from_secs(1)).await;
    }
    provider.publish(Some("c"));
    advance(Duration::from_secs(1)).await;
    refresher.demand(|| provider.has_fetched("c")).await;
    assert_eq!(provider.fetches(), 3);
    assert!(provider.has_fetched("c"));
}

#[tokio::test]
async fn keys_stay_in_use_while_the_provider_fails_and_are_fetched_again_every_15_seconds() {
    let (provider, refresher) = Provider::start().await;
    provider.publish(None);
    for fetches in 2..9 {
        advance(DAY).await;
        provider.wait_for(fetches, &refresher).await;
        assert!(provider.has_fetched("a"), "the known keys stay in use");
    }
    provider.publish(Some("b"));
    advance(Duration::from_secs(13)).await;
    assert_eq!(provider.fetches(), 8);
    advance(Duration::from_secs(4)).await;
    provider.wait_for(9, &refresher).await;
    assert!(provider.has_fetched("b"));
}
