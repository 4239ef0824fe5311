//! Ports that belong to one server for as long as it is needed, running or not.

use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

/// Below the ports that systems give to outgoing connections and to those who bind port 0, so that none of these takes
/// the port of a server that is down for a moment.
const FIRST: u16 = 10_000;
const COUNT: u16 = 12_000;
/// From a cluster node's port to the port at which the other nodes reach it.
const TO_BUS: u16 = 10_000;

/// A TCP port of this machine that no other server of any test has.
///
/// The UDP port of that number is held for its sake. Unlike a lock file, it is free again when the process is killed.
pub(super) struct Port {
    number: u16,
    _claims: Vec<UdpSocket>,
}

impl Port {
    /// A port for a server.
    pub(super) fn claim() -> Self {
        Self::claim_each(&[0])
    }

    /// A port for a node of a cluster, which needs a second one at a fixed distance.
    pub(super) fn claim_with_bus() -> Self {
        Self::claim_each(&[0, TO_BUS])
    }

    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// Where the other nodes of a cluster reach the one with this port.
    pub(super) fn bus(&self) -> u16 {
        self.number + TO_BUS
    }

    fn claim_each(distances: &[u16]) -> Self {
        let start = u16::try_from(random() % u64::from(COUNT)).expect("it is smaller than a u16");
        let numbers = (start..COUNT).chain(0..start).map(|n| FIRST + n);
        let claim = |number: u16| {
            let claims = distances.iter().map(|distance| claim(number + distance)).collect::<Option<_>>()?;
            Some(Self { number, _claims: claims })
        };
        numbers.into_iter().find_map(claim).expect("a port is free")
    }
}

fn claim(number: u16) -> Option<UdpSocket> {
    let claimed = UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
    // A server that is not ours knows nothing of the claims.
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
    Some(claimed)
}

/// A number that no other process and no earlier call has. Tests need no better one.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(())
}
