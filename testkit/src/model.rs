//! A scripted model: an OpenAI-compatible server that streams, stalls, disconnects and fails on request.

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Timeout for events that a test waits for.
const TIMEOUT: Duration = Duration::from_secs(10);
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// The response to a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Streams pieces and a finish reason.
    Reply(Vec<String>),
    /// Streams pieces with a pause before each.
    Slow {
        /// The pieces.
        pieces: Vec<String>,
        /// The pause.
        pause: Duration,
    },
    /// Streams pieces that contain their send time (see [`sent_at`]), with a pause after each.
    Clock {
        /// The number of pieces.
        pieces: usize,
        /// The pause.
        pause: Duration,
    },
    /// Streams one piece for each call of [`ModelServer::release`].
    Gated(Vec<String>),
    /// Streams pieces among everything that servers add: comments, roles, nulls, reasoning, usage.
    Verbose(Vec<String>),
    /// Streams pieces, then stalls.
    Stall(Vec<String>),
    /// Streams pieces, then closes the connection.
    Cut(Vec<String>),
    /// Streams pieces, then a chunk that is not JSON.
    Garbage(Vec<String>),
    /// Streams one piece and splits its first multi-byte character into two writes.
    SplitUtf8(String),
    /// Streams a piece endlessly.
    Endless(String),
    /// Streams a text as it is.
    Raw(String),
    /// Sends a raw HTTP response with its status line, then closes the connection.
    Http(String),
    /// Sends nothing, not even a status.
    Hang,
    /// Sends an error status.
    Status {
        /// The status.
        code: u16,
        /// The value of the header `retry-after`.
        retry_after: Option<String>,
        /// The body.
        body: String,
    },
}

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

    async fn wait(&self, condition: impl FnMut(&(usize, usize)) -> bool, what: &str) {
        let mut counts = self.state.counts.subscribe();
        let waited = timeout(TIMEOUT, counts.wait_for(condition)).await;
        waited
            .unwrap_or_else(|_| panic!("timeout after {TIMEOUT:?} waiting for {what}"))
            .expect("the server has the sender");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics while it has the lock")
}

/// Counts a request as in progress until it is dropped.
struct Open<'a>(&'a State);

impl<'a> Open<'a> {
    fn new(state: &'a State, received: Received) -> Self {
        lock(&state.received).push(received);
        state.counts.send_modify(|(total, open)| (*total, *open) = (*total + 1, *open + 1));
        Self(state)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.counts.send_modify(|(_, open)| *open -= 1);
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
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let received = read(&mut reader).await?;
        let behaviour = lock(&state.script).pop_front().unwrap_or_else(|| echo(&received.body));
        let _open = Open::new(state, received);
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

/// A response that is being written.
struct Response<'a> {
    to: &'a mut OwnedWriteHalf,
    gate: &'a Semaphore,
}

impl Response<'_> {
    /// Writes a response. An error closes the connection.
    async fn play(&mut self, behaviour: Behaviour) -> io::Result<()> {
        match behaviour {
            Behaviour::Status { code, retry_after, body } => {
                return self.fail(code, retry_after, &body).await;
            }
            Behaviour::Http(response) => {
                self.to.write_all(response.as_bytes()).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Behaviour::Hang => std::future::pending().await,
            streamed => {
                self.to.write_all(STREAM.as_bytes()).await?;
                self.stream(streamed).await?;
            }
        }
        self.to.write_all(b"0\r\n\r\n").await
    }

    async fn stream(&mut self, behaviour: Behaviour) -> io::Result<()> {
        match behaviour {
            Behaviour::Raw(stream) => return self.write(stream.as_bytes()).await,
            Behaviour::Reply(pieces) => self.send_pieces(&pieces).await?,
            Behaviour::Slow { pieces, pause } => {
                for piece in &pieces {
                    tokio::time::sleep(pause).await;
                    self.chunk(&delta(piece)).await?;
                }
            }
            Behaviour::Clock { pieces, pause } => {
                for _ in 0..pieces {
                    self.chunk(&delta(&format!("@{}@", micros()))).await?;
                    if !pause.is_zero() {
                        tokio::time::sleep(pause).await;
                    }
                }
            }
            Behaviour::Gated(pieces) => {
                for piece in &pieces {
                    self.gate.acquire().await.expect("the semaphore is never closed").forget();
                    self.chunk(&delta(piece)).await?;
                }
            }
            Behaviour::Verbose(pieces) => return self.send_verbose(&pieces).await,
            Behaviour::Stall(pieces) => {
                self.send_pieces(&pieces).await?;
                std::future::pending().await
            }
            Behaviour::Cut(pieces) => {
                self.send_pieces(&pieces).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Behaviour::Garbage(pieces) => {
                self.send_pieces(&pieces).await?;
                return self.write(b"data: {\"choices\": [oops\n\n").await;
            }
            Behaviour::SplitUtf8(piece) => self.send_split(&piece).await?,
            Behaviour::Endless(piece) => loop {
                self.chunk(&delta(&piece)).await?;
            },
            Behaviour::Hang | Behaviour::Http(_) | Behaviour::Status { .. } => {
                unreachable!("these have no stream")
            }
        }
        self.finish().await
    }

    async fn send_pieces(&mut self, pieces: &[String]) -> io::Result<()> {
        for piece in pieces {
            self.chunk(&delta(piece)).await?;
        }
        Ok(())
    }

    async fn send_verbose(&mut self, pieces: &[String]) -> io::Result<()> {
        self.write(b": PROCESSING\r\n\r\n").await?;
        self.chunk(&json!({"choices": [{"delta": {"role": "assistant", "content": null}}]})).await?;
        self.chunk(&json!({"choices": [{"delta": {"reasoning_content": "Hm."}, "finish_reason": null}]}))
            .await?;
        for piece in pieces {
            self.write(format!("event: message\nid: 1\ndata:{}\n\n", delta(piece)).as_bytes()).await?;
            self.write(b":\n\n").await?;
        }
        self.chunk(&json!({"choices": [{"delta": {}, "finish_reason": "eos_token"}]})).await?;
        self.chunk(&json!({"choices": [], "usage": {"total_tokens": 7}})).await?;
        self.write(b"data: [DONE]\n\n").await
    }

    async fn send_split(&mut self, piece: &str) -> io::Result<()> {
        let event = format!("data: {}\n\n", delta(piece)).into_bytes();
        let middle =
            event.iter().position(|byte| !byte.is_ascii()).expect("the piece has a multi-byte character") + 1;
        self.write(&event[..middle]).await?;
        tokio::task::yield_now().await;
        self.write(&event[middle..]).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.chunk(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})).await?;
        self.write(b"data: [DONE]\n\n").await
    }

    async fn fail(&mut self, code: u16, retry_after: Option<String>, body: &str) -> io::Result<()> {
        let retry_after = retry_after.map(|value| format!("retry-after: {value}\r\n")).unwrap_or_default();
        let head = format!("HTTP/1.1 {code} Scripted\r\n{retry_after}content-length: {}\r\n\r\n", body.len());
        self.to.write_all((head + body).as_bytes()).await
    }

    async fn chunk(&mut self, chunk: &Value) -> io::Result<()> {
        self.write(format!("data: {chunk}\n\n").as_bytes()).await
    }

    /// Writes one HTTP chunk in one TCP write.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let head = format!("{:x}\r\n", bytes.len());
        self.to.write_all(&[head.as_bytes(), bytes, b"\r\n"].concat()).await
    }
}

/// Returns the send times of the pieces of a [`Behaviour::Clock`] in a text, in microseconds (see [`micros`]).
pub fn sent_at(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split('@').skip(1).step_by(2).filter_map(|digits| digits.parse().ok())
}

/// Returns the microseconds since 1970.
pub fn micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
    u64::try_from(now.as_micros()).expect("the time fits into 64 bits")
}

fn delta(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_697_856_000, "model": "scripted",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    })
}
