//! Faults in a network: services that are killed, frozen, deaf, unplugged, slow or failing, a name server that is late or
//! wrong, and rolling updates, each under open-loop load through two gateways.
//!
//! `make faults` repeats them with longer loads (`NONO_FAULTS_CALLS`) and prints a table.

mod cluster;
mod load;
mod name_server;
mod namespace;
mod rolling;
mod unavailable;

use cluster::{Cluster, PORT, wait_until};
use load::{Call, Kind, Load, RATE, failed, recovery, report};
use name_server::NameFault;
use namespace::isolated;
use nix::sys::signal::Signal;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use testkit::Proxy;
use tokio::net::TcpListener;

/// Number of services.
const SERVICES: u8 = 3;
/// Number of gateways.
const GATEWAYS: usize = 2;
/// An address of the test itself, under which a faulty service can be published.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// Duration of the load before, during and after a fault.
fn phase() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "it is for the test alone")]
    let calls = std::env::var("NONO_FAULTS_CALLS").ok().and_then(|calls| calls.parse().ok());
    Duration::from_secs(calls.unwrap_or(75)) / RATE
}

async fn wait_for_phase() {
    tokio::time::sleep(phase()).await;
}

/// Asserts that only turns and plain appends failed, none that was due later than `limit` after `fault`, that no other call
/// was slow after that, and that no error is worded as the caller's.
fn assert_survived(calls: &[Call], fault: Instant, limit: Duration) {
    let failed = failed(calls);
    assert!(failed.iter().all(|call| !call.kind.is_idempotent()), "{failed:#?}");
    assert!(recovery(calls, fault) < limit, "{:?}: {failed:#?}", recovery(calls, fault));
    assert_origin(&failed);
}

/// Asserts that no failure is reported as 429 or 499 or in the words of the transport.
fn assert_origin(failed: &[&Call]) {
    for call in failed {
        let failure = call.failure.as_deref().unwrap();
        let is_callers = failure.starts_with("429") || failure.starts_with("499");
        assert!(!is_callers && !failure.contains("h2 "), "{failure}");
    }
}

fn assert_none_failed(calls: &[Call]) {
    assert!(failed(calls).is_empty(), "{} of {}: {:#?}", failed(calls).len(), calls.len(), failed(calls));
}

#[test]
fn a_killed_service_fails_only_what_it_was_doing() {
    isolated("network::a_killed_service_fails_only_what_it_was_doing", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let killed = cluster.services.values().next().unwrap();
        killed.signal(Signal::SIGKILL);
        let fault = Instant::now();
        wait_for_phase().await;
        wait_for_phase().await;
        let calls = load.stop().await;
        report("killed, still named", &calls, fault);
        assert_survived(&calls, fault, Duration::from_secs(1));
        // Turns and appends that were in progress.
        assert!(failed(&calls).iter().all(|call| call.due < fault + Duration::from_millis(200)));
    });
}

#[test]
fn a_frozen_service_delays_calls_for_at_most_two_seconds() {
    isolated("network::a_frozen_service_delays_calls_for_at_most_two_seconds", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let (address, frozen) = cluster.services.first_key_value().unwrap();
        frozen.signal(Signal::SIGSTOP);
        let fault = Instant::now();
        cluster.wait_for_state(*address, &["ejected"]).await;
        wait_for_phase().await;
        wait_for_phase().await;
        frozen.signal(Signal::SIGCONT);
        cluster.wait_for_ready(SERVICES.into()).await;
        wait_for_phase().await;
        let calls = load.stop().await;
        report("frozen", &calls, fault);
        assert_survived(&calls, fault, Duration::from_secs(2));
        assert_reads_within(&calls, Duration::from_millis(1500));
    });
}

/// Asserts that reads found another service in time.
fn assert_reads_within(calls: &[Call], limit: Duration) {
    let slowest = calls.iter().filter(|call| call.kind.is_read()).map(|call| call.corrected).max();
    assert!(slowest < Some(limit), "{slowest:?}");
}

#[test]
fn an_unplugged_service_is_like_a_frozen_one() {
    isolated("network::an_unplugged_service_is_like_a_frozen_one", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let (address, unplugged) = cluster.services.first_key_value().unwrap();
        unplugged.pod.unplug();
        let fault = Instant::now();
        cluster.wait_for_state(*address, &["ejected", "connecting"]).await;
        wait_for_phase().await;
        wait_for_phase().await;
        unplugged.pod.plug_in();
        cluster.wait_for_ready(SERVICES.into()).await;
        wait_for_phase().await;
        let calls = load.stop().await;
        report("packets dropped", &calls, fault);
        assert_survived(&calls, fault, Duration::from_secs(2));
        assert_reads_within(&calls, Duration::from_millis(1500));
    });
}

#[test]
fn a_service_that_accepts_and_never_responds_receives_no_call() {
    isolated("network::a_service_that_accepts_and_never_responds_receives_no_call", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let deaf = TcpListener::bind((OTHER, PORT)).await.unwrap();
        tokio::spawn(async move {
            let mut accepted = Vec::new();
            while let Ok(connection) = deaf.accept().await {
                accepted.push(connection);
            }
        });
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let addresses = cluster.names.addresses();
        cluster.names.set_addresses([addresses, vec![OTHER]].concat());
        let fault = Instant::now();
        cluster.wait_for_state(OTHER, &["not_serving"]).await;
        wait_for_phase().await;
        let calls = load.stop().await;
        report("accepts, never responds", &calls, fault);
        assert_none_failed(&calls);
        assert_eq!(recovery(&calls, fault), Duration::ZERO);
    });
}

#[test]
fn a_slow_service_receives_less() {
    isolated("network::a_slow_service_receives_less", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let addresses = cluster.names.addresses();
        let slowed = SocketAddr::from((addresses[0], PORT));
        let proxy = Proxy::between((OTHER, PORT).into(), slowed).await;
        cluster.names.set_addresses([&addresses[1..], &[OTHER]].concat());
        cluster.wait_for_state(OTHER, &["ready"]).await;
        wait_until(async || cluster.gateways[0].endpoints().await.len() == addresses.len()).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        proxy.delay(Duration::from_millis(200));
        let fault = Instant::now();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let handled = async || {
            let mut handled = Vec::new();
            for service in cluster.services.values() {
                handled.push(service.handled().await);
            }
            handled
        };
        let before = handled().await;
        wait_for_phase().await;
        wait_for_phase().await;
        let after = handled().await;
        let calls = load.stop().await;
        report("200 ms slower", &calls, fault);
        assert_none_failed(&calls);
        let received: Vec<_> = after.iter().zip(&before).map(|(after, before)| after - before).collect();
        assert!(received[0] < 0.5 * received[1].min(received[2]), "{received:?}");
    });
}

#[test]
fn a_new_service_receives_calls_within_ten_seconds() {
    isolated("network::a_new_service_receives_calls_within_ten_seconds", async {
        let mut cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let added = cluster.add_service().await;
        cluster.publish();
        let published = Instant::now();
        wait_until(async || cluster.services[&added].handled().await > 0.0).await;
        assert!(published.elapsed() < Duration::from_secs(10), "{:?}", published.elapsed());
        let calls = load.stop().await;
        report("one service more", &calls, published);
        assert_none_failed(&calls);
        assert_eq!(recovery(&calls, published), Duration::ZERO);
    });
}

#[test]
fn a_faulty_name_server_fails_no_call() {
    isolated("network::a_faulty_name_server_fails_no_call", async {
        let cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        let fault = Instant::now();
        let faults = [NameFault::Empty, NameFault::UnknownName, NameFault::ServerFailure, NameFault::Silent];
        for fault in faults {
            cluster.names.set_fault(Some(fault));
            let before = cluster.names.queries();
            wait_until(async || cluster.names.queries() >= before + GATEWAYS).await;
            wait_for_phase().await;
        }
        cluster.names.set_fault(None);
        let calls = load.stop().await;
        report("name server empty, NXDOMAIN, SERVFAIL, silent", &calls, fault);
        assert_none_failed(&calls);
        assert_eq!(recovery(&calls, fault), Duration::ZERO);
        assert!(calls.iter().filter(|call| call.kind == Kind::Chat).count() > 10);
    });
}
