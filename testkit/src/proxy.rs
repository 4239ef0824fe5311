//! A TCP proxy that counts round trips and cuts connections.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::sync::CancellationToken;

/// Stands between a client and a server.
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    _stop: tokio_util::sync::DropGuard,
}

#[derive(Default)]
struct State {
    round_trips: AtomicUsize,
    waiting: AtomicUsize,
    connections: AtomicUsize,
    doomed: Mutex<Option<String>>,
}

impl Proxy {
    /// Listens on a free port and passes on to `target`, a port of this machine.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::<State>::default();
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, target, state.clone())));
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How often a client, having been answered or being new, has asked.
    pub fn round_trips(&self) -> usize {
        self.state.round_trips.load(Ordering::SeqCst)
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Whether a connection waits for an answer.
    pub fn is_busy(&self) -> bool {
        self.state.waiting.load(Ordering::SeqCst) > 0
    }

    /// Passes the next question that contains `text` on, and closes the connection instead of passing on its answer.
    pub fn cut_answer_to(&self, text: &str) {
        *self.state.doomed.lock().expect("nobody panics with it") = Some(text.to_owned());
    }
}

async fn accept(listener: TcpListener, target: u16, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let state = state.clone();
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let (client, server) = (client.into_split(), server.into_split());
            let (asked, is_doomed) = (AtomicBool::new(false), AtomicBool::new(false));
            state.connections.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                () = questions(client.0, server.1, &state, &asked, &is_doomed) => {}
                () = answers(server.0, client.1, &state, &asked, &is_doomed) => {}
            }
            state.connections.fetch_sub(1, Ordering::SeqCst);
            if asked.load(Ordering::SeqCst) {
                state.waiting.fetch_sub(1, Ordering::SeqCst);
            }
        });
    }
}

async fn questions(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    asked: &AtomicBool,
    is_doomed: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if !asked.swap(true, Ordering::SeqCst) {
            state.round_trips.fetch_add(1, Ordering::SeqCst);
            state.waiting.fetch_add(1, Ordering::SeqCst);
        }
        let question = String::from_utf8_lossy(&buffer[..n]);
        let doomed =
            state.doomed.lock().expect("nobody panics with it").take_if(|text| question.contains(&**text));
        is_doomed.fetch_or(doomed.is_some(), Ordering::SeqCst);
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    asked: &AtomicBool,
    is_doomed: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut buffer).await {
        if is_doomed.load(Ordering::SeqCst) {
            return;
        }
        if asked.swap(false, Ordering::SeqCst) {
            state.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
