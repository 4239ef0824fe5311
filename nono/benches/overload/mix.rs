//! The calls of the load: reads and writes of one session, short and large pages, and lists.

use super::{
    deployment::{Deployment, LARGE, SESSIONS, Target},
    wire::{self, Call},
};
use nono_proto::session::v1::{
    AppendRequest, CreateRequest, GetRequest, HistoryRequest, IfExists, ListRequest, NewMessage, Role,
};
use std::{cell::Cell, iter::repeat_n};

/// Share of each kind in percent.
const SHARES: [(Kind, usize); 6] = [
    (Kind::Get, 50),
    (Kind::Append, 20),
    (Kind::ShortPage, 15),
    (Kind::List, 7),
    (Kind::Create, 7),
    (Kind::LargePage, 1),
];
/// Number of sessions in a page of the list.
const LISTED: i32 = 20;
/// Number of messages in a short page.
const SHORT: i32 = 20;
/// Text of an appended message.
const TEXT: &str = "hello, this is a message of about fifty characters";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    Append,
    ShortPage,
    /// A page of a mebibyte.
    LargePage,
    List,
    Create,
}

/// Calls that are drawn by their shares.
pub(super) struct Mix {
    target: Target,
    address: String,
    /// The calls of each kind, encoded in advance, except those of Create.
    calls: Vec<(Kind, Vec<Call>)>,
    /// One entry for each percent.
    kinds: Vec<Kind>,
    created: Cell<usize>,
}

impl Mix {
    pub(super) fn new(deployment: &Deployment) -> Self {
        let (target, address) = (deployment.target, deployment.address.clone());
        let encode = |kind| {
            let sessions = if matches!(kind, Kind::LargePage | Kind::List) { 1 } else { SESSIONS };
            (kind, (0..sessions).map(|n| call(target, &address, kind, &n.to_string())).collect())
        };
        let kinds = SHARES.iter().flat_map(|(kind, share)| repeat_n(*kind, *share)).collect();
        let calls = SHARES.iter().map(|(kind, _)| encode(*kind)).collect();
        Self { target, address, calls, kinds, created: Cell::new(0) }
    }

    /// Draws a call.
    pub(super) fn draw(&self) -> Call {
        let kind = self.kinds[fastrand::usize(..self.kinds.len())];
        if kind == Kind::Create {
            self.created.set(self.created.get() + 1);
            return call(self.target, &self.address, kind, &format!("new {}", self.created.get()));
        }
        let (_, calls) = self.calls.iter().find(|(of, _)| *of == kind).unwrap();
        calls[fastrand::usize(..calls.len())].clone()
    }
}

/// Returns a call for a page of a mebibyte.
pub(super) fn large_page(deployment: &Deployment) -> Call {
    call(deployment.target, &deployment.address, Kind::LargePage, LARGE)
}

/// Returns a call for a session.
pub(super) fn get(deployment: &Deployment) -> Call {
    call(deployment.target, &deployment.address, Kind::Get, "0")
}

fn call(target: Target, address: &str, kind: Kind, user_id: &str) -> Call {
    match target {
        Target::Service => grpc(address, kind, user_id.to_owned()),
        Target::Gateway => rest(address, kind, user_id),
    }
}

fn grpc(address: &str, kind: Kind, user_id: String) -> Call {
    match kind {
        Kind::Get => wire::grpc(address, "Get", &GetRequest { user_id }),
        Kind::Append => {
            let message = NewMessage { role: Role::User.into(), content: TEXT.into(), ..Default::default() };
            let request = AppendRequest { user_id, messages: vec![message], ..Default::default() };
            wire::grpc(address, "Append", &request)
        }
        Kind::ShortPage => {
            wire::grpc(address, "History", &HistoryRequest { user_id, limit: SHORT, ..Default::default() })
        }
        Kind::LargePage => {
            let request = HistoryRequest { user_id: LARGE.into(), limit: 1000, ..Default::default() };
            wire::grpc(address, "History", &request)
        }
        Kind::List => wire::grpc(address, "List", &ListRequest { page_size: LISTED, ..Default::default() }),
        Kind::Create => {
            let if_exists = IfExists::Return.into();
            wire::grpc(address, "Create", &CreateRequest { user_id, if_exists, ..Default::default() })
        }
    }
}

fn rest(address: &str, kind: Kind, user_id: &str) -> Call {
    let session = format!("/session/{user_id}");
    match kind {
        Kind::Get => wire::rest(address, &session, String::new()),
        Kind::Append => {
            let body = format!(r#"{{"messages":[{{"role":"user","content":"{TEXT}"}}]}}"#);
            wire::rest(address, &format!("{session}/messages"), body)
        }
        Kind::ShortPage => wire::rest(address, &format!("{session}/history?limit={SHORT}"), String::new()),
        Kind::LargePage => {
            wire::rest(address, &format!("/session/{LARGE}/history?limit=1000"), String::new())
        }
        Kind::List => wire::rest(address, &format!("/sessions?page_size={LISTED}"), String::new()),
        Kind::Create => {
            let body = format!(r#"{{"user_id":"{user_id}","if_exists":"return"}}"#);
            wire::rest(address, "/session/create", body)
        }
    }
}
