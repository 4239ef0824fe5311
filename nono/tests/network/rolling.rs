//! Rolling updates: each pod is replaced by one with another address, as Kubernetes does.

use super::{
    GATEWAYS, SERVICES, assert_none_failed,
    cluster::Cluster,
    load::{Load, recovery, report},
    namespace::isolated,
    phase, wait_for_phase,
};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

/// Time at which the name server learns of a change.
#[derive(Clone, Copy, Debug)]
enum Update {
    /// Before the old service receives SIGTERM.
    Early,
    /// With it.
    Immediate,
    /// After the old service has ended.
    Late(Duration),
}

async fn replace_services(name: &str, update: Update) {
    let mut cluster = Cluster::start(SERVICES, GATEWAYS).await;
    let load = Load::start(&cluster.gateways).await;
    wait_for_phase().await;
    let start = Instant::now();
    let replaced: Vec<_> = cluster.services.keys().copied().collect();
    for address in replaced {
        let added = cluster.add_service().await;
        let mut old = cluster.services.remove(&address).unwrap();
        match update {
            Update::Early => {
                cluster.publish();
                cluster.wait_for_state(added, &["ready"]).await;
                old.signal(Signal::SIGTERM);
            }
            Update::Immediate => {
                old.signal(Signal::SIGTERM);
                cluster.publish();
            }
            Update::Late(_) => old.signal(Signal::SIGTERM),
        }
        assert_eq!(old.exit_code().await, Some(0));
        // The address does not exist any more: its packets are lost.
        drop(old);
        if let Update::Late(delay) = update {
            tokio::time::sleep(delay).await;
            cluster.publish();
        }
        cluster.wait_for_state(added, &["ready"]).await;
    }
    wait_for_phase().await;
    let calls = load.stop().await;
    report(name, &calls, start);
    let mut log = Vec::new();
    for gateway in std::mem::take(&mut cluster.gateways) {
        log.extend(gateway.into_log().await);
    }
    assert_none_failed(&calls);
    assert_eq!(recovery(&calls, start), Duration::ZERO);
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert!(warnings.is_empty(), "{warnings:#?}");
}

#[test]
fn services_replaced_after_their_names_fail_no_call() {
    isolated(
        "network::rolling::services_replaced_after_their_names_fail_no_call",
        replace_services("services replaced, names early", Update::Early),
    );
}

#[test]
fn services_replaced_with_their_names_fail_no_call() {
    isolated(
        "network::rolling::services_replaced_with_their_names_fail_no_call",
        replace_services("services replaced, names at once", Update::Immediate),
    );
}

#[test]
fn services_replaced_before_their_names_fail_no_call() {
    // 30 s, the time to live of cluster DNS, in the long form.
    let delay = if phase() > Duration::from_secs(5) { 30 } else { 3 };
    isolated(
        "network::rolling::services_replaced_before_their_names_fail_no_call",
        replace_services(
            &format!("services replaced, names {delay} s late"),
            Update::Late(Duration::from_secs(delay)),
        ),
    );
}

#[test]
fn replaced_gateways_fail_no_call_and_cut_no_stream() {
    isolated("network::rolling::replaced_gateways_fail_no_call_and_cut_no_stream", async {
        let mut cluster = Cluster::start(SERVICES, GATEWAYS).await;
        let load = Load::start(&cluster.gateways).await;
        wait_for_phase().await;
        let start = Instant::now();
        for index in 0..GATEWAYS {
            cluster.replace_gateway(index, &load.gateways).await;
        }
        wait_for_phase().await;
        let calls = load.stop().await;
        report("gateways replaced", &calls, start);
        assert_none_failed(&calls);
        assert_eq!(recovery(&calls, start), Duration::ZERO);
    });
}
