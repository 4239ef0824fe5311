//! Faults of one server: killed, frozen, distant, full, password-protected, loading, demoted.

use super::{check::keys, *};
use session_service::{domain::HistoryRange, store::StoreError};
use testkit::{Proxy, RedisServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_acknowledged_write() {
    let mut server = RedisServer::start_durable();
    let store = store_at(&server.url(), 0);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    server.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.restart();
    let back = Instant::now();
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[&server]).await;
    let recovery = record.first_success_after(back);
    record.row("one server killed (SIGKILL), restarted with AOF", &kept, Some(recovery));
    is_right(&record, &kept);
    assert!(recovery < Duration::from_secs(1), "{recovery:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_loses_and_duplicates_nothing() {
    let server = RedisServer::start_durable();
    let store = store_at(&server.url(), 0);
    let load = Load::start(&store, seed()).await;
    load.goes_on(calls()).await;
    server.freeze();
    tokio::time::sleep(Duration::from_secs(5)).await;
    server.thaw();
    let back = Instant::now();
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[&server]).await;
    let recovery = record.first_success_after(back);
    record.row("one server frozen (SIGSTOP) for 5 s", &kept, Some(recovery));
    is_right(&record, &kept);
    assert!(recovery < Duration::from_secs(1), "{recovery:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_cut_during_responses_lose_and_duplicate_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = store_at(&format!("redis://127.0.0.1:{}", proxy.port()), 0);
    let load = Load::start(&store, seed()).await;
    for _ in 0..10 {
        load.goes_on(calls() / 5).await;
        proxy.cut_all();
    }
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[&server]).await;
    record.row("all connections cut, ten times", &kept, None);
    is_right(&record, &kept);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latency_causes_no_errors() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = store_at(&format!("redis://127.0.0.1:{}", proxy.port()), 0);
    let load = Load::start(&store, seed()).await;
    proxy.delay(Duration::from_millis(50));
    load.goes_on(calls()).await;
    let record = load.stop().await;
    proxy.delay(Duration::ZERO);
    let kept = record.check(&store, &[&server]).await;
    record.row("answers 50 ms late", &kept, None);
    is_right(&record, &kept);
    assert_eq!(record.calls, record.acknowledged, "no call fails for it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnects_are_spread_and_limited() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port()).await;
    let store = store_at(&format!("redis://127.0.0.1:{}", proxy.port()), 0);
    let load = Load::start(&store, seed()).await;
    proxy.refuse(true);
    proxy.cut_all();
    let before = server.calls("script|load");
    tokio::time::sleep(Duration::from_secs(2)).await;
    proxy.refuse(false);
    load.goes_on(calls()).await;
    let record = load.stop().await;
    let kept = record.check(&store, &[&server]).await;
    is_right(&record, &kept);
    let connected = (server.calls("script|load") - before) / 12;
    assert!(connected <= 12, "{connected} connections were made for 4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_server_rejects_writes_and_serves_reads_and_deletions() {
    let server =
        RedisServer::start_with(&["--save", "", "--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = store_at(&server.url(), 0);
    store.create_session("a").await;
    store.create_session("b").await;
    let text = "x".repeat(30_000);
    let mut stored = 0;
    let refused = loop {
        match store.append_texts_with_id("a", &[&text], &stored.to_string()).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "it is never full");
    };
    assert!(refused.to_string().contains("OOM"), "{refused}");
    assert_matches!(refused, StoreError::Unavailable(_));
    // Rejected writes left nothing, and reads still work.
    let history = store.read_history("a", page(HistoryRange::Latest, 1000)).await.unwrap();
    assert_eq!(history.message_count, stored);
    assert_eq!(store.list_first_page(10).await.total_count, 2);
    assert_matches!(store.try_create_session(new("c")).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.get_session("c").await, Err(StoreError::NotFound));
    assert_eq!(keys(&server).iter().filter(|key| key.contains("{c}")).count(), 0);
    // Deletions still work.
    store.delete_session("a").await.unwrap();
    store.append_texts("b", &[&text]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_unavailable_until_it_is_corrected() {
    let server = RedisServer::start();
    server.ask(&["CONFIG", "SET", "requirepass", "right"]);
    let url = format!("redis://:changed@127.0.0.1:{}", server.port());
    let store = store_at(&url, 0);
    let refused = store.get_session("a").await.unwrap_err();
    assert_matches!(refused, StoreError::Unavailable(_));
    assert!(!refused.to_string().contains("changed"), "{refused}");
    // The server's password becomes the configured one.
    let mut client = std::process::Command::new("redis-cli");
    client.args(["-p", &server.port().to_string(), "-a", "right", "CONFIG", "SET", "requirepass", "changed"]);
    assert!(client.output().unwrap().status.success());
    is_there(&store).await;
    store.create_session("a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loading_server_is_unavailable_until_it_has_loaded() {
    let mut server = RedisServer::start_with(&[
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        // 2000 microseconds per key. The server responds in between.
        "--key-load-delay",
        "2000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let store = store_at(&server.url(), 0);
    for n in 0..500 {
        store.create_session(&n.to_string()).await;
    }
    server.ask(&["BGREWRITEAOF"]);
    let begun = Instant::now();
    while !server.ask(&["INFO", "persistence"]).contains("aof_rewrite_in_progress:0") {
        assert!(begun.elapsed() < Duration::from_secs(5), "the file is never rewritten");
    }
    server.kill();
    let restarting = std::thread::spawn(move || {
        server.restart();
        server
    });
    let mut refused = 0;
    while !restarting.is_finished() {
        match store.get_session("1").await {
            Err(StoreError::Unavailable(_)) => refused += 1,
            other => drop(other.unwrap()),
        }
    }
    assert!(refused > 0, "it was never seen loading");
    let _server = restarting.join().unwrap();
    is_there(&store).await;
    assert_eq!(store.list_first_page(1000).await.sessions.len(), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_demoted_to_replica_rejects_writes_and_serves_reads() {
    let (server, other) = (RedisServer::start(), RedisServer::start());
    let store = store_at(&server.url(), 0);
    store.create_session("a").await;
    // Its primary is unreachable, so it keeps its data.
    let nobody = other.port().to_string();
    drop(other);
    server.ask(&["REPLICAOF", "127.0.0.1", &nobody]);
    assert_matches!(store.append_texts("a", &["hello"]).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.touch_session("a").await, Err(StoreError::Unavailable(_)));
    assert_eq!(store.get_session("a").await.unwrap().message_count, 0);
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    store.append_texts("a", &["hello"]).await.unwrap();
}
