//! Ports that are reserved for one server, whether it runs or not.

use std::{
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener, UdpSocket},
};

/// Below the ephemeral ports, so that neither an outgoing connection nor a program that binds port 0 takes the port of a
/// server that is temporarily down.
const FIRST: u16 = 10_000;
const COUNT: u16 = 12_000;
/// Distance from the port of a cluster node to its bus port.
const BUS_OFFSET: u16 = 10_000;

/// A TCP port of this machine that no other test uses.
///
/// The UDP port of the same number is bound as a lock. Unlike a lock file, it is released when the process is killed.
pub struct Port {
    number: u16,
    _claims: Vec<UdpSocket>,
}

impl Port {
    /// Reserves a port for a server.
    pub fn claim() -> Self {
        Self::claim_each(&[0])
    }

    /// Reserves a port for a cluster node, which needs a second port at a fixed distance.
    pub(crate) fn claim_with_bus() -> Self {
        Self::claim_each(&[0, BUS_OFFSET])
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Returns the address of the port, as host and port.
    pub fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }

    /// Returns the bus port of a cluster node.
    pub(crate) fn bus(&self) -> u16 {
        self.number + BUS_OFFSET
    }

    fn claim_each(distances: &[u16]) -> Self {
        let start = u16::try_from(random() % u64::from(COUNT)).expect("the remainder fits into 16 bits");
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
    // Other programs do not respect the locks.
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
    Some(claimed)
}

/// Returns a random number, good enough for tests.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}
