//! The number of moves (former index entries kept for listings) is limited, and pages stay complete.

use crate::suite::harness::*;
use session_service::{
    domain::{Owner, limits::LISTING_TTL},
    store::{ListPage, Policy, SessionPage, StoreError, redis::RedisStore},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use testkit::RedisServer;

const MOVES: &str = "session_moves:{:}";
const QUEUE: &str = "session_move_queue:{:}";
const LISTING: &str = "session_listing:{:}";

fn integer(reply: &str) -> i64 {
    reply.trim().trim_start_matches(':').parse().unwrap()
}

fn now(server: &RedisServer) -> i64 {
    server.ask(&["TIME"]).lines().nth(2).unwrap().parse::<i64>().unwrap() * 1000
}

/// Adds `count` moves of this age in milliseconds, each with a score in the future.
fn add_moves(server: &RedisServer, count: u32, age: i64, queue: bool) {
    let script = "local now, queue = tonumber(ARGV[1]), ARGV[3] == 'true'
        for i = 1, tonumber(ARGV[2]) do
          local member = 'old' .. i .. tostring(queue) .. '\\n' .. string.format('%d', now)
          redis.call('ZADD', KEYS[1], now + 3600000 + i, member)
          if queue then redis.call('RPUSH', KEYS[2], member) end
        end";
    let (moved, count, queue) = ((now(server) - age).to_string(), count.to_string(), queue.to_string());
    assert_eq!(server.ask(&["EVAL", script, "2", MOVES, QUEUE, &moved, &count, &queue]), "$-1\r\n");
}

#[tokio::test]
async fn outdated_moves_are_removed_by_later_moves() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    for name in ["a", "b", "c"] {
        store.create_session(name).await;
    }
    let max = i64::try_from(LISTING_TTL.as_millis()).unwrap();
    add_moves(&server, 1000, max + 2000, true);
    add_moves(&server, 10, max - 60_000, true);
    store.list_first_page(1).await;
    let long_ago = (now(&server) - 2 * max).to_string();
    server.ask(&["HSET", LISTING, "since", &long_ago]);
    for _ in 0..140 {
        store.list_first_page(1).await;
        store.touch_session("a").await.unwrap();
    }
    assert_eq!(integer(&server.ask(&["ZCARD", MOVES])), 150);
    assert_eq!(integer(&server.ask(&["LLEN", QUEUE])), 150);
    let since = server.ask(&["HGET", LISTING, "since"]).lines().nth(1).unwrap().parse::<i64>().unwrap();
    let removed = now(&server) - max - 2000;
    assert!((removed - 10_000..=removed + 2000).contains(&since), "{since} is not about {removed}");
    for key in [MOVES, QUEUE] {
        let left = integer(&server.ask(&["PTTL", key]));
        assert!((1..=max + 1000).contains(&left), "{key} expires in {left} ms");
    }
}

#[tokio::test]
async fn moves_of_older_versions_are_tolerated_and_removed() {
    let server = RedisServer::start();
    let store: Store = Arc::new(RedisStore::from_url(&server.url(), Policy::default()).unwrap());
    let names = ["a", "b", "c", "d"];
    for name in names {
        store.create_session(name).await;
    }
    let first = store.list_first_page(1).await;
    add_moves(&server, 100, 1000, false);
    for name in names {
        store.touch_session(name).await.unwrap();
    }
    server.ask(&["DEL", QUEUE]);
    let mut listed: Vec<_> = user_ids(&first.sessions).iter().map(ToString::to_string).collect();
    let mut page = first;
    while page.next.is_some() {
        page = store.list_next_page(1, &page).await;
        listed.extend(user_ids(&page.sessions).iter().map(ToString::to_string));
        store.list_first_page(1).await;
        store.touch_session("a").await.unwrap();
    }
    listed.sort_unstable();
    assert_eq!(listed, names);
    let left = integer(&server.ask(&["PTTL", MOVES]));
    assert!(left > 0, "{left}");
}

/// A listing in progress.
struct Listing {
    pages: Vec<SessionPage>,
}

#[tokio::test]
async fn concurrent_listings_stay_complete_while_sessions_are_used_for_hours() {
    const ROUND: Duration = Duration::from_secs(45);
    let mut harness = Memory::default();
    let store = harness.store_with_defaults();
    let names: Vec<_> = (0..22).map(|n| format!("{n:02}")).collect();
    for name in &names {
        store.create_session(name).await;
    }
    let mut listings: VecDeque<Listing> = VecDeque::new();
    let mut complete = 0;
    for round in 0..400 {
        harness.advance(ROUND).await;
        listings.push_back(Listing { pages: vec![store.list_first_page(2).await] });
        for name in names.iter().skip(round % 3).step_by(2) {
            store.touch_session(name).await.unwrap();
        }
        // Eleven pages take seven and a half minutes.
        for listing in &mut listings {
            let page = store.list_next_page(2, listing.pages.last().unwrap()).await;
            listing.pages.push(page);
        }
        while listings.front().is_some_and(|listing| listing.pages.last().unwrap().next.is_none()) {
            let listing = listings.pop_front().unwrap();
            let mut listed: Vec<_> = listing.pages.iter().flat_map(|page| user_ids(&page.sessions)).collect();
            listed.sort_unstable();
            assert_eq!(listed, names, "a listing that began in round {}", round - listing.pages.len() + 2);
            complete += 1;
        }
    }
    assert_eq!(complete, 391);
    let after = listings[0].pages[0].next.clone();
    harness.advance(LISTING_TTL).await;
    store.touch_session("00").await.unwrap();
    let page = ListPage { size: size(2), after };
    assert_matches!(store.list(&Owner::open(), &page).await, Err(StoreError::ListingExpired));
}
