//! Programs that stop while sessions are watched.

use super::{
    deployment::{Deployment, append},
    follower::{Follower, request},
    say, words,
};
use crate::{app::App, chat::stream::Events};
use nix::sys::signal::Signal;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use testkit::{Behaviour, Stopwatch};
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
    let log = deployment.services[0].collect_log();
    let stopwatch = Stopwatch::start();
    deployment.services[0].signal(Signal::SIGTERM);
    assert_eq!(deployment.services[0].exit_code().await, Some(0));
    assert!(stopwatch.elapsed() < STOP_TIMEOUT, "{:?}", stopwatch.elapsed());
    let is_failed_call = |line: &String| line.contains("\"code\":") && line.contains("Unavailable");
    assert_eq!(log.await.unwrap().into_iter().find(is_failed_call), None, "a drain is no error");
    // The streams of the other service go on.
    append(deployment.first(), "after").await;
    let (mut ended, mut delays) = (0, BTreeSet::new());
    for mut events in streams {
        // A checkpoint is also sent every 15 s.
        let (mut before, mut event) = (String::new(), events.next().await.unwrap());
        while event.name == "checkpoint" {
            (before, event) = (event.name, events.next().await.unwrap());
        }
        if event.name == "error" {
            assert_eq!(
                (before.as_str(), &event.data["reason"]),
                ("checkpoint", &"SERVICE_UNAVAILABLE".into())
            );
            delays.insert(event.data["retry_after_ms"].as_u64().unwrap());
            assert!(events.next().await.is_none(), "the error is the last event");
            ended += 1;
        } else {
            assert_eq!((event.name.as_str(), &event.data["content"]), ("message", &"after".into()));
        }
    }
    assert_eq!(ended, watchers[0]);
    assert!(delays.len() > 100, "clients do not all come back at once");
    // A client that continues misses nothing.
    while follower.seq < 1 {
        match follower.next().await {
            Some(_) => {}
            None => follower.resume(deployment.first()).await,
        }
    }
    let log = deployment.gateways[0].collect_log();
    deployment.gateways[0].signal(Signal::SIGTERM);
    let log = log.await.unwrap();
    let statuses = |status: &str| {
        log.iter().filter(|line| line.contains("/events\"") && line.contains(status)).count() as u64
    };
    assert!(statuses("\"status\":200") >= ended, "a drain is no error");
    assert_eq!(statuses("\"status\":503"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_stops_sends_an_attached_caller_the_whole_reply() {
    let mut deployment = Deployment::memory(&[]).await;
    deployment.model.script(Behaviour::Gated(words(&["so far", " and on"])));
    let mut first = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    deployment.model.release();
    while first.next().await.unwrap().name != "delta" {}
    let mut attached = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    while attached.next().await.unwrap().name != "delta" {}
    let watching = Follower::open(deployment.first()).await;
    deployment.services[0].signal(Signal::SIGTERM);
    // The process has stopped once the streams of watchers have ended.
    drop(ends(vec![watching.into_events()]).await);
    deployment.model.release();
    for mut events in [first, attached] {
        let done = events.rest().await.pop().unwrap();
        assert_eq!((done.name.as_str(), &done.data["message"]["content"]), ("done", &"so far and on".into()));
    }
    assert_eq!(deployment.services[0].exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_attached_to_a_turn_of_another_service_continues_there_after_the_drain() {
    let mut deployment = Deployment::redis(&["--drain-timeout", "2s"]).await;
    deployment.model.script(Behaviour::Gated(words(&["so far", " and on"])));
    let mut first = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    deployment.model.release();
    while first.next().await.unwrap().name != "delta" {}
    let mut attached = Events::open(deployment.second(), "a", &say("hi", "r")).await;
    while attached.next().await.unwrap().name != "delta" {}
    deployment.stop_service(1).await;
    let error = attached.rest().await.pop().unwrap();
    assert_eq!((error.name.as_str(), &error.data["reason"]), ("error", &"SERVICE_UNAVAILABLE".into()));
    let mut again = Events::open(deployment.first(), "a", &say("hi", "r")).await;
    assert_eq!(again.next().await.unwrap().data["replayed"], true);
    deployment.model.release();
    assert_eq!(again.rest().await.pop().unwrap().data["message"]["content"], "so far and on");
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
