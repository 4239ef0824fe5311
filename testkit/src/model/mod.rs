//! A scripted model: an OpenAI-compatible server that streams, stalls, disconnects and fails on request.

mod behaviour;
mod response;

pub use behaviour::{Behaviour, micros, sent_at};
use response::Response;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Timeout for events that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A scripted model server, which stops when it is dropped.
pub struct ModelServer {
    address: SocketAddr,
    state: Arc<State>,
    _stop: DropGuard,
}

struct State {
    script: Mutex<VecDeque<Behaviour>>,
    received: Mutex<Vec<Received>>,
    gate: Semaphore,
    /// The number of requests, and of those in progress.
    counts: watch::Sender<(usize, usize)>,
    /// The number of connections, and of those that are open.
    connections: watch::Sender<(usize, usize)>,
}

struct Received {
    headers: BTreeMap<String, String>,
    body: Value,
}

impl ModelServer {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("the listener is bound");
        let state = State {
            script: Mutex::default(),
            received: Mutex::default(),
            gate: Semaphore::new(0),
            counts: watch::channel((0, 0)).0,
            connections: watch::channel((0, 0)).0,
        };
        let (state, stop) = (Arc::new(state), CancellationToken::new());
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, state.clone(), stop.clone())));
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// Returns the base URL for `--model-url`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Adds the response to a future request. Responses are used in the order of the calls. Without one, the response is
    /// `You said: ` and the last message.
    pub fn script(&self, behaviour: Behaviour) {
        lock(&self.state.script).push_back(behaviour);
    }

    /// Releases one piece of a gated reply.
    pub fn release(&self) {
        self.state.gate.add_permits(1);
    }

    /// Returns the bodies of the requests so far.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.state.received).iter().map(|received| received.body.clone()).collect()
    }

    /// Returns the headers of the requests so far, with names in lower case, and the first line as `request`.
    pub fn headers(&self) -> Vec<BTreeMap<String, String>> {
        lock(&self.state.received).iter().map(|received| received.headers.clone()).collect()
    }

    /// Returns the number of requests in progress.
    pub fn open(&self) -> usize {
        self.state.counts.borrow().1
    }

    /// Waits until the server has received `count` requests.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait(|&(received, _)| received >= count, "the expected number of requests").await;
    }

    /// Waits until no request is in progress.
    pub async fn idle(&self) {
        self.wait(|&(_, open)| open == 0, "the end of every request").await;
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.state.connections.borrow().0
    }

    /// Waits until at most `count` connections are open.
    pub async fn wait_for_open_connections(&self, count: usize) {
        wait(&self.state.connections, |&(_, open)| open <= count, "the end of connections").await;
    }

    async fn wait(&self, condition: impl FnMut(&(usize, usize)) -> bool, what: &str) {
        wait(&self.state.counts, condition, what).await;
    }
}

async fn wait(
    counts: &watch::Sender<(usize, usize)>,
    condition: impl FnMut(&(usize, usize)) -> bool,
    what: &str,
) {
    let mut counts = counts.subscribe();
    let waited = timeout(TIMEOUT, counts.wait_for(condition)).await;
    waited
        .unwrap_or_else(|_| panic!("timeout after {TIMEOUT:?} waiting for {what}"))
        .expect("the server has the sender");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it has the lock")
}

/// Counts a request or a connection as open until it is dropped.
struct Open<'a>(&'a watch::Sender<(usize, usize)>);

impl<'a> Open<'a> {
    fn new(counts: &'a watch::Sender<(usize, usize)>) -> Self {
        counts.send_modify(|(total, open)| (*total, *open) = (*total + 1, *open + 1));
        Self(counts)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|(_, open)| *open -= 1);
    }
}

async fn accept(listener: TcpListener, state: Arc<State>, stop: CancellationToken) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        let serve = async move { serve(stream, &state).await };
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve));
    }
}

/// Serves requests until the client disconnects or a script closes the connection.
async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let _open = Open::new(&state.connections);
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let received = read(&mut reader).await?;
        let behaviour = lock(&state.script).pop_front().unwrap_or_else(|| echo(&received.body));
        lock(&state.received).push(received);
        let _open = Open::new(&state.counts);
        let mut response = Response { to: &mut writer, gate: &state.gate };
        tokio::select! {
            result = response.play(behaviour) => result?,
            // A client sends nothing while it waits for a response, so this means that it disconnected.
            _ = reader.fill_buf() => return Ok(()),
        }
    }
}

async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Received> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None if line.trim_end().is_empty() => break,
            None => headers.insert("request".to_owned(), line.trim_end().to_owned()),
        };
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok(Received { headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn echo(request: &Value) -> Behaviour {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default();
    Behaviour::Reply(format!("You said: {said}").split_inclusive(' ').map(str::to_owned).collect())
}
