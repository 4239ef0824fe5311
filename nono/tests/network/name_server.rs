//! A name server with one name, whose addresses and faults a test sets.

use super::namespace::NAME_SERVER;
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE, rdata::RData};
use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};
use tokio::net::UdpSocket;

/// The name that the server knows.
pub const NAME: &str = "sessions.test";

/// Fault of a name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// Responds without any address.
    Empty,
    /// Responds that the name does not exist.
    UnknownName,
    /// Responds SERVFAIL.
    ServerFailure,
    /// Does not respond.
    Silent,
}

/// A name server. Clones share it.
#[derive(Clone, Default)]
pub struct NameServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    addresses: Vec<Ipv4Addr>,
    fault: Option<NameFault>,
    queries: usize,
}

impl NameServer {
    /// Starts the server that the system's configuration names.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind((NAME_SERVER, 53)).await.unwrap();
        let server = Self::default();
        tokio::spawn(server.clone().serve(socket));
        server
    }

    /// Sets the addresses of the name.
    pub fn set_addresses(&self, addresses: Vec<Ipv4Addr>) {
        self.0.lock().unwrap().addresses = addresses;
    }

    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.0.lock().unwrap().addresses.clone()
    }

    pub fn set_fault(&self, fault: Option<NameFault>) {
        self.0.lock().unwrap().fault = fault;
    }

    /// Returns the number of queries for addresses so far.
    pub fn queries(&self) -> usize {
        self.0.lock().unwrap().queries
    }

    async fn serve(self, socket: UdpSocket) {
        let mut buffer = [0; 512];
        loop {
            let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
            if let Some(response) = self.respond(&buffer[..length]) {
                socket.send_to(&response, client).await.unwrap();
            }
        }
    }

    fn respond(&self, query: &[u8]) -> Option<Vec<u8>> {
        let query = Packet::parse(query).unwrap();
        let mut state = self.0.lock().unwrap();
        let is_for_addresses = query.questions.iter().any(|question| question.qtype == QTYPE::TYPE(TYPE::A));
        state.queries += usize::from(is_for_addresses);
        let mut response = Packet::new_reply(query.id());
        response.set_flags(PacketFlag::RECURSION_AVAILABLE | PacketFlag::RECURSION_DESIRED);
        response.questions.clone_from(&query.questions);
        let is_known = query.questions.iter().all(|question| question.qname.to_string() == NAME);
        match state.fault {
            Some(NameFault::Silent) => return None,
            Some(NameFault::ServerFailure) => *response.rcode_mut() = RCODE::ServerFailure,
            Some(NameFault::UnknownName) => *response.rcode_mut() = RCODE::NameError,
            Some(NameFault::Empty) => {}
            None if !is_known => *response.rcode_mut() = RCODE::NameError,
            None if is_for_addresses => {
                let name = query.questions[0].qname.clone();
                response.answers.extend(state.addresses.iter().map(|address| {
                    ResourceRecord::new(name.clone(), CLASS::IN, 5, RData::A((*address).into()))
                }));
            }
            None => {}
        }
        Some(response.build_bytes_vec().unwrap())
    }
}
