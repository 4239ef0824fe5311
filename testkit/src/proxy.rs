//! A TCP proxy that counts round trips, closes and rejects connections, and delays, holds or drops responses.

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

/// Timeout for requests that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of delayed responses per connection.
const QUEUE_LENGTH: usize = 1024;

/// A proxy between clients and a server.
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
    fault: Mutex<Option<(String, Fault)>>,
    holding: watch::Sender<bool>,
    delay: Mutex<Duration>,
    rejects: AtomicBool,
    /// Closes the open connections. Later connections get a new token.
    cut: Mutex<CancellationToken>,
}

/// A fault that is applied to the response to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Drop,
    Hold,
}

impl Proxy {
    /// Starts a proxy on a free port for the local port `target`.
    pub async fn start(target: u16) -> Self {
        Self::between((Ipv4Addr::LOCALHOST, 0).into(), (Ipv4Addr::LOCALHOST, target).into()).await
    }

    /// Starts a proxy at an address for another one.
    pub async fn between(address: SocketAddr, target: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let address = listener.local_addr().expect("the listener is bound");
        let state = Arc::<State>::default();
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, target, state.clone())));
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// Returns the port of the proxy.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the number of round trips: requests of clients that were not waiting for a response.
    pub fn round_trips(&self) -> usize {
        self.state.round_trips.load(Ordering::SeqCst)
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Returns `true` if a connection waits for a response.
    pub fn is_busy(&self) -> bool {
        self.state.waiting.load(Ordering::SeqCst) > 0
    }

    /// Forwards the next request that contains `text`, and closes the connection instead of forwarding its response.
    pub fn cut_answer_to(&self, text: &str) {
        self.inject(text, Fault::Drop);
    }

    /// Forwards the next request that contains `text`, and holds its response until [`Proxy::release`].
    pub fn hold_response_to(&self, text: &str) {
        self.inject(text, Fault::Hold);
    }

    /// Waits until a response is held: the server has executed the request, and the client does not know it yet.
    pub async fn wait_until_held(&self) {
        let mut holding = self.state.holding.subscribe();
        let waited = timeout(TIMEOUT, holding.wait_for(|holding| *holding)).await;
        waited
            .unwrap_or_else(|_| panic!("no response was held within {TIMEOUT:?}"))
            .expect("the state has the sender");
    }

    /// Releases a held response.
    pub fn release(&self) {
        self.state.holding.send_replace(false);
    }

    /// Delays each response from now on. Delays of concurrent responses do not add up.
    pub fn delay(&self, delay: Duration) {
        *self.state.delay.lock().expect("no thread panics while it has the lock") = delay;
    }

    /// Closes all open connections, even while a response is being forwarded.
    pub fn cut_all(&self) {
        let mut cut = self.state.cut.lock().expect("no thread panics while it has the lock");
        std::mem::take(&mut *cut).cancel();
    }

    /// Starts or stops rejecting new connections. Open connections are not affected.
    pub fn refuse(&self, rejects: bool) {
        self.state.rejects.store(rejects, Ordering::SeqCst);
    }

    fn inject(&self, text: &str, fault: Fault) {
        *self.state.fault.lock().expect("no thread panics while it has the lock") =
            Some((text.to_owned(), fault));
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if state.rejects.load(Ordering::SeqCst) {
            continue;
        }
        let state = state.clone();
        let cut = state.cut.lock().expect("no thread panics while it has the lock").clone();
        tokio::spawn(async move {
            let connect = TcpStream::connect(target);
            let Some(Ok(server)) = cut.run_until_cancelled(connect).await else {
                return;
            };
            let _ = client.set_nodelay(true);
            let _ = server.set_nodelay(true);
            let (client, server) = (client.into_split(), server.into_split());
            let connection =
                Connection { state: &state, asked: AtomicBool::new(false), fault: Mutex::default() };
            state.connections.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                () = connection.requests(client.0, server.1) => {}
                () = connection.responses(server.0, client.1) => {}
                () = cut.cancelled() => {}
            }
            state.connections.fetch_sub(1, Ordering::SeqCst);
            if connection.asked.load(Ordering::SeqCst) {
                state.waiting.fetch_sub(1, Ordering::SeqCst);
            }
        });
    }
}

/// A client's connection through the proxy.
struct Connection<'a> {
    state: &'a State,
    asked: AtomicBool,
    fault: Mutex<Option<Fault>>,
}

impl Connection<'_> {
    async fn requests(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            if !self.asked.swap(true, Ordering::SeqCst) {
                self.state.round_trips.fetch_add(1, Ordering::SeqCst);
                self.state.waiting.fetch_add(1, Ordering::SeqCst);
            }
            self.match_request(&buffer[..n]);
            if to.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    }

    /// Applies the requested fault to the response of a matching request.
    fn match_request(&self, request: &[u8]) {
        let request = String::from_utf8_lossy(request);
        let mut fault = self.state.fault.lock().expect("no thread panics while it has the lock");
        if let Some((_, fault)) = fault.take_if(|(text, _)| request.contains(&**text)) {
            *self.fault.lock().expect("no thread panics while it has the lock") = Some(fault);
        }
    }

    /// Reads and passes on at the same time, so that an answer that is late does not make the next one later.
    async fn responses(&self, from: OwnedReadHalf, to: OwnedWriteHalf) {
        let (queue, queued) = mpsc::channel(QUEUE_LENGTH);
        let forward = self.forward(queued, to);
        tokio::pin!(forward);
        tokio::select! {
            () = self.read_responses(from, queue) => forward.await,
            () = &mut forward => {}
        }
    }

    /// Reads responses until one is dropped or the connection ends.
    async fn read_responses(&self, mut from: OwnedReadHalf, queue: mpsc::Sender<(Instant, Vec<u8>)>) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut buffer).await {
            let fault = self.fault.lock().expect("no thread panics while it has the lock").take();
            match fault {
                Some(Fault::Drop) => return,
                Some(Fault::Hold) => self.hold().await,
                None => {}
            }
            let delay = *self.state.delay.lock().expect("no thread panics while it has the lock");
            if queue.send((Instant::now() + delay, buffer[..n].to_vec())).await.is_err() {
                return;
            }
        }
    }

    async fn forward(&self, mut queued: mpsc::Receiver<(Instant, Vec<u8>)>, mut to: OwnedWriteHalf) {
        while let Some((when, response)) = queued.recv().await {
            // Sleeping until a past time would still wait for the next tick of the clock.
            if when > Instant::now() {
                sleep_until(when).await;
            }
            if self.asked.swap(false, Ordering::SeqCst) {
                self.state.waiting.fetch_sub(1, Ordering::SeqCst);
            }
            if to.write_all(&response).await.is_err() {
                return;
            }
        }
    }

    async fn hold(&self) {
        self.state.holding.send_replace(true);
        let _ = self.state.holding.subscribe().wait_for(|holding| !*holding).await;
    }
}
