//! Programs that stop while sessions are watched.

use super::{
    deployment::{Deployment, append},
    follower::{Follower, request},
};
use crate::{app::App, chat::stream::Events};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use testkit::Stopwatch;
use tokio::{task::JoinSet, time::sleep};

/// Number of watchers.
const WATCHERS: usize = 1000;
/// Number of watchers that connect at a time.
const CONCURRENT: usize = 50;
/// Time in which a program without a drain delay ends, generous for debug builds. Its drain timeout is 15 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout for the services to notice the end of a stream.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Opens streams of the session `a` and reads their snapshots.
async fn open(app: &App, count: usize) -> Vec<Events> {
    let (mut opening, mut streams) = (JoinSet::new(), Vec::new());
    for _ in 0..count {
        if opening.len() == CONCURRENT {
            streams.push(opening.join_next().await.unwrap().unwrap());
        }
        let request = request(app, "a");
        opening.spawn(async move {
            let mut events = Events::of(request.send().await.unwrap());
            assert_eq!(events.next().await.unwrap().name, "snapshot");
            events
        });
    }
    streams.extend(opening.join_all().await);
    streams
}

/// Returns the numbers of watchers of both services, once those of starts that were repeated are gone.
async fn watchers(deployment: &Deployment) -> [u64; 2] {
    let start = Instant::now();
    loop {
        let mut watchers = [0; 2];
        for (service, count) in watchers.iter_mut().enumerate() {
            *count = deployment.metric(service, "nono_watchers").await;
        }
        if watchers.into_iter().sum::<u64>() == WATCHERS as u64 {
            return watchers;
        }
        assert!(start.elapsed() < TIMEOUT, "{watchers:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Reads all streams to their ends. Returns the last names of each, with the reason of an error.
async fn ends(streams: Vec<Events>) -> Vec<(Vec<String>, String)> {
    let mut reading = JoinSet::new();
    for mut events in streams {
        reading.spawn(async move {
            let events = events.rest().await;
            let last = events.last().map(|event| event.data.clone()).unwrap_or_default();
            assert!(last["retry_after_ms"].as_u64().is_some_and(|delay| delay > 0), "{last}");
            let names = events.into_iter().map(|event| event.name).collect();
            (names, last["reason"].as_str().unwrap_or_default().to_owned())
        });
    }
    reading.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stops_ends_every_stream_with_an_error() {
    let mut deployment = Deployment::balanced(&[], &[]).await;
    let streams = open(deployment.first(), WATCHERS).await;
    let stopwatch = Stopwatch::start();
    deployment.gateways[0].signal(Signal::SIGTERM);
    for (names, reason) in ends(streams).await {
        assert_eq!((names.last().unwrap().as_str(), &*reason), ("error", "SERVICE_UNAVAILABLE"));
    }
    assert_eq!(deployment.gateways[0].exit_code().await, Some(0));
    assert!(stopwatch.elapsed() < STOP_TIMEOUT, "{:?}", stopwatch.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_stops_ends_every_stream_with_a_checkpoint_and_an_error() {
    let mut deployment = Deployment::balanced(&[], &[]).await;
    let streams = open(deployment.first(), WATCHERS).await;
    let watchers = watchers(&deployment).await;
    assert!(watchers.into_iter().all(|count| count > 300), "the streams are balanced: {watchers:?}");
    let mut follower = Follower::open(deployment.first()).await;
    let stopwatch = Stopwatch::start();
    deployment.services[0].signal(Signal::SIGTERM);
    assert_eq!(deployment.services[0].exit_code().await, Some(0));
    assert!(stopwatch.elapsed() < STOP_TIMEOUT, "{:?}", stopwatch.elapsed());
    // The streams of the other service go on.
    append(deployment.first(), "after").await;
    let mut ended = 0;
    for mut events in streams {
        // A checkpoint is also sent every 15 s.
        let (mut before, mut event) = (String::new(), events.next().await.unwrap());
        while event.name == "checkpoint" {
            (before, event) = (event.name, events.next().await.unwrap());
        }
        if event.name == "error" {
            assert_eq!((before.as_str(), &event.data["reason"]), ("checkpoint", &"STORE_UNAVAILABLE".into()));
            assert!(event.data["retry_after_ms"].as_u64().is_some_and(|delay| delay > 0), "{}", event.data);
            assert!(events.next().await.is_none(), "the error is the last event");
            ended += 1;
        } else {
            assert_eq!((event.name.as_str(), &event.data["content"]), ("message", &"after".into()));
        }
    }
    assert_eq!(ended, watchers[0]);
    // A client that continues misses nothing.
    while follower.seq < 1 {
        match follower.next().await {
            Some(_) => {}
            None => follower.resume(deployment.first()).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_that_stops_ends_its_streams_with_a_checkpoint_and_an_error() {
    let mut deployment = Deployment::memory(&[]).await;
    let streams = open(deployment.first(), 100).await;
    let log = deployment.services[0].collect_log();
    let stopwatch = Stopwatch::start();
    deployment.services[0].signal(Signal::SIGTERM);
    for (names, _) in ends(streams).await {
        assert!(names.ends_with(&["checkpoint".into(), "error".into()]), "{names:?}");
    }
    assert_eq!(deployment.services[0].exit_code().await, Some(0));
    assert!(stopwatch.elapsed() < STOP_TIMEOUT, "{:?}", stopwatch.elapsed());
    let requests: Vec<_> = log.await.unwrap().into_iter().filter(|line| line.contains("/events\"")).collect();
    assert_eq!(requests.len(), 100);
    for request in requests {
        assert!(request.contains("\"status\":200"), "a drain is no error: {request}");
    }
}
