//! One server that dies, hangs, is far away, full, locked, loading or no primary.

use super::{check::keys, *};
use session_service::{domain::Span, store::StoreError};
use testkit::{Proxy, RedisServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_under_load_loses_nothing_it_has_acknowledged() {
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
async fn a_server_that_is_frozen_under_load_loses_nothing_and_doubles_nothing() {
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
async fn connections_that_are_cut_in_mid_answer_cost_nothing() {
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
async fn a_server_far_away_is_slow_and_nothing_else() {
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
async fn reconnecting_is_spread_and_bounded() {
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
async fn a_full_server_refuses_writes_reads_on_and_can_be_relieved() {
    let server =
        RedisServer::start_with(&["--save", "", "--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = store_at(&server.url(), 0);
    store.make("a").await;
    store.make("b").await;
    let text = "x".repeat(30_000);
    let mut stored = 0;
    let refused = loop {
        match store.say_once("a", &[&text], &stored.to_string()).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
        assert!(stored < 1000, "it is never full");
    };
    assert!(refused.to_string().contains("OOM"), "{refused}");
    assert_matches!(refused, StoreError::Unavailable(_));
    // What was refused has left nothing, and reads go on.
    let history = store.read("a", page(Span::Newest, 1000)).await.unwrap();
    assert_eq!(history.message_count, stored);
    assert_eq!(store.first_page(10).await.total_count, 2);
    assert_matches!(store.try_create(new("c")).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.fetch("c").await, Err(StoreError::NotFound));
    assert_eq!(keys(&server).iter().filter(|key| key.contains("{c}")).count(), 0);
    // Whoever has too much can still remove it.
    store.remove("a").await.unwrap();
    store.say("b", &[&text]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_unavailable_until_it_is_right() {
    let server = RedisServer::start();
    server.ask(&["CONFIG", "SET", "requirepass", "right"]);
    let url = format!("redis://:changed@127.0.0.1:{}", server.port());
    let store = store_at(&url, 0);
    let refused = store.fetch("a").await.unwrap_err();
    assert_matches!(refused, StoreError::Unavailable(_));
    assert!(!refused.to_string().contains("changed"), "{refused}");
    // The server's password is what the program was told after all.
    let mut client = std::process::Command::new("redis-cli");
    client.args(["-p", &server.port().to_string(), "-a", "right", "CONFIG", "SET", "requirepass", "changed"]);
    assert!(client.output().unwrap().status.success());
    is_there(&store).await;
    store.make("a").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_loads_its_data_is_unavailable_and_then_has_it() {
    let mut server = RedisServer::start_with(&[
        "--save",
        "",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        // 2000 microseconds for each key, and answers in between.
        "--key-load-delay",
        "2000",
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    let store = store_at(&server.url(), 0);
    for n in 0..500 {
        store.make(&n.to_string()).await;
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
        match store.fetch("1").await {
            Err(StoreError::Unavailable(_)) => refused += 1,
            other => drop(other.unwrap()),
        }
    }
    assert!(refused > 0, "it was never seen loading");
    let _server = restarting.join().unwrap();
    is_there(&store).await;
    assert_eq!(store.first_page(1000).await.sessions.len(), 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_become_a_replica_reads_and_does_not_write() {
    let (server, other) = (RedisServer::start(), RedisServer::start());
    let store = store_at(&server.url(), 0);
    store.make("a").await;
    // Its primary is not there, so it keeps what it has.
    let nobody = other.port().to_string();
    drop(other);
    server.ask(&["REPLICAOF", "127.0.0.1", &nobody]);
    assert_matches!(store.say("a", &["hello"]).await, Err(StoreError::Unavailable(_)));
    assert_matches!(store.use_again("a").await, Err(StoreError::Unavailable(_)));
    assert_eq!(store.fetch("a").await.unwrap().message_count, 0);
    server.ask(&["REPLICAOF", "NO", "ONE"]);
    store.say("a", &["hello"]).await.unwrap();
}
