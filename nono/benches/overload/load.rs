//! Open-loop load: calls start at fixed times, however long others take.

use super::{
    deployment::Deployment,
    mix::Mix,
    wire::{self, Call, Reply},
};
use axum::body::Bytes;
use h2::client::SendRequest;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tokio::{
    task::{JoinSet, LocalSet},
    time::{Instant, sleep_until, timeout},
};

/// Number of connections.
const CONNECTIONS: usize = 64;
/// Maximum number of calls in progress on a connection. The servers permit 200.
const STREAMS: usize = 190;
/// Timeout for a response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A load generator with open connections.
pub(super) struct Load {
    mix: Rc<Mix>,
    connections: Vec<SendRequest<Bytes>>,
}

/// Results of a load. Durations are in microseconds, and begin at the time at which a call was due.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) accepted: Vec<u32>,
    pub(super) rejected: Vec<u32>,
    /// Accepted and rejected calls that ended before the load did. The others would make a short load look faster.
    pub(super) accepted_in_time: usize,
    pub(super) rejected_in_time: usize,
    /// Rejections with a delay for the next attempt.
    pub(super) with_delay: usize,
    pub(super) failed: usize,
    /// Calls that were not sent, because their connection had [`STREAMS`] calls in progress.
    pub(super) unsent: usize,
    /// Time from which a call was due until it was sent.
    pub(super) lateness: Vec<u32>,
}

impl Load {
    pub(super) async fn new(deployment: &Deployment) -> Self {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(wire::connect(&deployment.address).await.unwrap());
        }
        Self { mix: Rc::new(Mix::new(deployment)), connections }
    }

    /// Offers calls at a rate per second, and waits until all have ended.
    pub(super) async fn offer(&self, rate: f64, duration: Duration) -> Outcome {
        let outcome = Rc::<RefCell<Outcome>>::default();
        let local = LocalSet::new();
        let start = Instant::now() + Duration::from_millis(10);
        let mut driving = JoinSet::new();
        for (index, sender) in self.connections.iter().enumerate() {
            let driver = Driver {
                sender: sender.clone(),
                mix: self.mix.clone(),
                outcome: outcome.clone(),
                start,
                interval: CONNECTIONS as f64 / rate,
                offset: index as f64 / rate,
            };
            driving.spawn_local_on(driver.run(duration), &local);
        }
        local.run_until(driving.join_all()).await;
        // The last call holds the other reference until it has ended.
        local.await;
        Rc::into_inner(outcome).expect("all calls have ended").into_inner()
    }
}

/// Sender of the calls of a connection.
struct Driver {
    sender: SendRequest<Bytes>,
    mix: Rc<Mix>,
    outcome: Rc<RefCell<Outcome>>,
    start: Instant,
    /// Seconds between two calls.
    interval: f64,
    /// Seconds before the first call.
    offset: f64,
}

impl Driver {
    async fn run(self, duration: Duration) {
        let in_progress = Rc::new(Cell::new(0));
        let end = self.start + duration;
        for number in 0_u32.. {
            let due = self.start + Duration::from_secs_f64(self.offset + f64::from(number) * self.interval);
            if due >= end {
                return;
            }
            if Instant::now() < due {
                sleep_until(due).await;
            }
            if in_progress.get() == STREAMS {
                self.outcome.borrow_mut().unsent += 1;
                continue;
            }
            self.outcome.borrow_mut().lateness.push(micros_since(due));
            in_progress.set(in_progress.get() + 1);
            let (call, sender) = (self.mix.draw(), self.sender.clone());
            let (outcome, in_progress) = (self.outcome.clone(), in_progress.clone());
            tokio::task::spawn_local(async move {
                let reply = send(sender, call).await;
                in_progress.set(in_progress.get() - 1);
                outcome.borrow_mut().record(reply, micros_since(due), Instant::now() < end);
            });
        }
    }
}

async fn send(sender: SendRequest<Bytes>, call: Call) -> Reply {
    let sending = async {
        match sender.ready().await {
            Ok(mut sender) => wire::send(&mut sender, call).await,
            Err(_) => Reply::Failed,
        }
    };
    timeout(TIMEOUT, sending).await.unwrap_or(Reply::Failed)
}

impl Outcome {
    fn record(&mut self, reply: Reply, micros: u32, is_in_time: bool) {
        match reply {
            Reply::Accepted => {
                self.accepted.push(micros);
                self.accepted_in_time += usize::from(is_in_time);
            }
            Reply::Rejected { has_delay } => {
                self.rejected.push(micros);
                self.rejected_in_time += usize::from(is_in_time);
                self.with_delay += usize::from(has_delay);
            }
            Reply::Failed => self.failed += 1,
        }
    }
}

fn micros_since(due: Instant) -> u32 {
    u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX)
}
