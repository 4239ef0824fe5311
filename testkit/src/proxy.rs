//! A TCP proxy that counts round trips, cuts and refuses connections, and passes answers on late or not at all.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long the proxy waits for the question that a test says will come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many answers may be on their way to a client at once, late as they are.
const LONGEST_QUEUE: usize = 1024;

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
    order: Mutex<Option<(String, Fate)>>,
    holding: watch::Sender<bool>,
    delay: Mutex<Duration>,
    refuses: AtomicBool,
    /// Cuts the connections that are open. Those that are opened later have another one.
    cut: Mutex<CancellationToken>,
}

/// What becomes of the answer to a question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Cut,
    Held,
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
        self.order(text, Fate::Cut);
    }

    /// Passes the next question that contains `text` on, and holds its answer back until [`Proxy::let_go`].
    pub fn hold_answer_to(&self, text: &str) {
        self.order(text, Fate::Held);
    }

    /// Waits until an answer is held back: the server has done what it was asked, and the client does not know.
    pub async fn holds(&self) {
        let mut holding = self.state.holding.subscribe();
        let waited = timeout(PATIENCE, holding.wait_for(|holding| *holding)).await;
        waited
            .unwrap_or_else(|_| panic!("no answer to hold within {PATIENCE:?}"))
            .expect("the state has the sender");
    }

    /// Lets a held answer go.
    pub fn let_go(&self) {
        self.state.holding.send_replace(false);
    }

    /// Passes each answer on so much later from now on, however many are on their way.
    pub fn delay(&self, delay: Duration) {
        *self.state.delay.lock().expect("nobody panics with it") = delay;
    }

    /// Closes every connection that is open, in the middle of an answer if one is being passed on.
    pub fn cut_all(&self) {
        let mut cut = self.state.cut.lock().expect("nobody panics with it");
        std::mem::take(&mut *cut).cancel();
    }

    /// Closes connections as soon as they are accepted, or no longer. Those that are open stay so.
    pub fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, Ordering::SeqCst);
    }

    fn order(&self, text: &str, fate: Fate) {
        *self.state.order.lock().expect("nobody panics with it") = Some((text.to_owned(), fate));
    }
}

async fn accept(listener: TcpListener, target: u16, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if state.refuses.load(Ordering::SeqCst) {
            continue;
        }
        let state = state.clone();
        let cut = state.cut.lock().expect("nobody panics with it").clone();
        tokio::spawn(async move {
            let connect = TcpStream::connect((Ipv4Addr::LOCALHOST, target));
            let Some(Ok(server)) = cut.run_until_cancelled(connect).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let (client, server) = (client.into_split(), server.into_split());
            let connection =
                Connection { state: &state, asked: AtomicBool::new(false), fate: Mutex::default() };
            state.connections.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                () = connection.questions(client.0, server.1) => {}
                () = connection.answers(server.0, client.1) => {}
                () = cut.cancelled() => {}
            }
            state.connections.fetch_sub(1, Ordering::SeqCst);
            if connection.asked.load(Ordering::SeqCst) {
                state.waiting.fetch_sub(1, Ordering::SeqCst);
            }
        });
    }
}

/// One client's connection through the proxy.
struct Connection<'a> {
    state: &'a State,
    asked: AtomicBool,
    fate: Mutex<Option<Fate>>,
}

impl Connection<'_> {
    async fn questions(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            if !self.asked.swap(true, Ordering::SeqCst) {
                self.state.round_trips.fetch_add(1, Ordering::SeqCst);
                self.state.waiting.fetch_add(1, Ordering::SeqCst);
            }
            self.note_fate(&buffer[..n]);
            if to.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    }

    /// Whether the answer to this question is the one that something is to happen to.
    fn note_fate(&self, question: &[u8]) {
        let question = String::from_utf8_lossy(question);
        let mut order = self.state.order.lock().expect("nobody panics with it");
        if let Some((_, fate)) = order.take_if(|(text, _)| question.contains(&**text)) {
            *self.fate.lock().expect("nobody panics with it") = Some(fate);
        }
    }

    /// Reads and passes on at the same time, so that an answer that is late does not make the next one later.
    async fn answers(&self, from: OwnedReadHalf, to: OwnedWriteHalf) {
        let (queue, queued) = mpsc::channel(LONGEST_QUEUE);
        let pass_on = self.pass_on(queued, to);
        tokio::pin!(pass_on);
        tokio::select! {
            () = self.read_answers(from, queue) => pass_on.await,
            () = &mut pass_on => {}
        }
    }

    /// Ends when no further answer is to be passed on.
    async fn read_answers(&self, mut from: OwnedReadHalf, queue: mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let fate = self.fate.lock().expect("nobody panics with it").take();
            match fate {
                Some(Fate::Cut) => return,
                Some(Fate::Held) => self.hold().await,
                None => {}
            }
            let delay = *self.state.delay.lock().expect("nobody panics with it");
            if queue.send((Instant::now() + delay, buffer[..n].to_vec())).await.is_err() {
                return;
            }
        }
    }

    async fn pass_on(&self, mut queued: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
        while let Some((when, answer)) = queued.recv().await {
            // Waiting for what is past would still wait for the next tick of the clock.
            if when > Instant::now() {
                sleep_until(when).await;
            }
            if self.asked.swap(false, Ordering::SeqCst) {
                self.state.waiting.fetch_sub(1, Ordering::SeqCst);
            }
            if to.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    async fn hold(&self) {
        self.state.holding.send_replace(true);
        let _ = self.state.holding.subscribe().wait_for(|holding| !*holding).await;
    }
}
