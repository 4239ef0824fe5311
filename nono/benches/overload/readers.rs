//! Readers of large pages, each on a connection of its own, next to a caller of short ones.

use super::{
    deployment::{Deployment, Target},
    mix, percentile,
    wire::{self, Call, Reply},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};
use tokio::{
    task::LocalSet,
    time::{Instant, sleep, sleep_until},
};

/// Numbers of readers.
const READERS: [usize; 4] = [100, 400, 1000, 2000];
/// Duration of a load.
const DURATION: Duration = Duration::from_secs(4);
/// Pause of a reader after a rejection or a failure: the delay in the response, jittered.
const PAUSE: Duration = Duration::from_secs(1);
/// Interval between the calls of the other caller.
const INTERVAL: Duration = Duration::from_millis(10);

/// Counts of pages.
#[derive(Default)]
struct Counts {
    pages: Cell<usize>,
    rejected: Cell<usize>,
    failed: Cell<usize>,
}

/// Prints the rows of a target.
pub(super) async fn table(target: Target) {
    let deployment = Deployment::start(target).await;
    for readers in READERS {
        let (counts, before) = (Rc::<Counts>::default(), deployment.begin());
        let (latencies, lateness) = (Rc::default(), Rc::default());
        let local = LocalSet::new();
        let end = Instant::now() + DURATION;
        let page = mix::large_page(&deployment);
        for _ in 0..readers {
            local.spawn_local(read(deployment.address.clone(), page.clone(), counts.clone(), end));
        }
        let caller = call(
            deployment.address.clone(),
            mix::get(&deployment),
            Rc::clone(&latencies),
            Rc::clone(&lateness),
            end,
        );
        local.spawn_local(caller);
        local.await;
        let rate = |count: &Cell<usize>| count.get() as f64 / DURATION.as_secs_f64();
        println!(
            "| {} | {readers} | {:.0} | {:.0} | {:.1} | {:.1} | {} |",
            target.name(),
            rate(&counts.pages),
            rate(&counts.rejected),
            rate(&counts.failed),
            percentile(&latencies.borrow(), 99),
            deployment.used_since(&before).columns(percentile(&lateness.borrow(), 50)),
        );
    }
}

/// Reads pages until the load is over.
async fn read(address: String, page: Call, counts: Rc<Counts>, end: Instant) {
    let mut connection = None;
    while Instant::now() < end {
        if connection.is_none() {
            connection = wire::connect(&address).await.ok();
        }
        let reply = match &mut connection {
            Some(sender) => wire::send(sender, page.clone()).await,
            None => Reply::Failed,
        };
        let count = match reply {
            Reply::Accepted => &counts.pages,
            Reply::Rejected { .. } => &counts.rejected,
            Reply::Failed => &counts.failed,
        };
        count.set(count.get() + 1);
        if reply == Reply::Failed {
            connection = None;
        }
        if reply != Reply::Accepted {
            sleep(PAUSE.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        }
    }
}

/// Makes short calls at fixed times, one after the other. Records their durations, and how late each began.
async fn call(
    address: String,
    get: Call,
    latencies: Rc<RefCell<Vec<u32>>>,
    lateness: Rc<RefCell<Vec<u32>>>,
    end: Instant,
) {
    let mut sender = wire::connect(&address).await.unwrap();
    let mut due = Instant::now();
    while due < end {
        sleep_until(due).await;
        let start = Instant::now();
        lateness.borrow_mut().push(micros(start - due));
        // A caller that is rejected or fails counts like one that waits for its timeout.
        let is_accepted = wire::send(&mut sender, get.clone()).await == Reply::Accepted;
        let took = if is_accepted { micros(start.elapsed()) } else { u32::MAX };
        latencies.borrow_mut().push(took);
        due = (due + INTERVAL).max(Instant::now());
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}
