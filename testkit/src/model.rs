//! A model that does as it is told: an OpenAI-compatible server that streams, stalls, cuts and fails.

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

/// How long the server waits for what a test says will happen.
const PATIENCE: Duration = Duration::from_secs(10);
const STREAM: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// These pieces, and a finish reason.
    Reply(Vec<String>),
    /// These pieces with a pause before each.
    Slow {
        /// The pieces.
        pieces: Vec<String>,
        /// The pause.
        pause: Duration,
    },
    /// So many pieces with a pause after each, each of which says when it was written: see [`sent_at`].
    Clock {
        /// How many.
        pieces: usize,
        /// The pause.
        pause: Duration,
    },
    /// These pieces, each when [`ModelServer::release`] is called.
    Gated(Vec<String>),
    /// These pieces among all that servers add: comments, roles, nulls, thoughts, usage.
    Verbose(Vec<String>),
    /// These pieces, and then silence.
    Stall(Vec<String>),
    /// These pieces, and then the connection is closed.
    Cut(Vec<String>),
    /// These pieces, and then a chunk that is not JSON.
    Garbage(Vec<String>),
    /// One piece, with the bytes of its first character that has several in two writes.
    SplitUtf8(String),
    /// This piece for ever.
    Endless(String),
    /// This stream as it stands.
    Raw(String),
    /// This HTTP response with its status line, after which the connection is closed.
    Http(String),
    /// Not even a status.
    Hang,
    /// A status other than success.
    Status {
        /// The status.
        code: u16,
        /// The header of that name, as it stands.
        retry_after: Option<String>,
        /// The body.
        body: String,
    },
}

/// A scripted model server, which ends with the test.
pub struct ModelServer {
    address: SocketAddr,
    state: Arc<State>,
    _stop: DropGuard,
}

struct State {
    script: Mutex<VecDeque<Behaviour>>,
    asked: Mutex<Vec<Asked>>,
    gate: Semaphore,
    /// How many requests there were, and how many of them are open.
    counts: watch::Sender<(usize, usize)>,
}

struct Asked {
    headers: BTreeMap<String, String>,
    body: Value,
}

impl ModelServer {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let state = State {
            script: Mutex::default(),
            asked: Mutex::default(),
            gate: Semaphore::new(0),
            counts: watch::channel((0, 0)).0,
        };
        let (state, stop) = (Arc::new(state), CancellationToken::new());
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(listener, state.clone(), stop.clone())));
        Self { address, state, _stop: stop.drop_guard() }
    }

    /// The base URL for `--model-url`.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Answers one of the next requests so, in the order of the calls. A request without a script is answered with
    /// `You said: ` and the last message.
    pub fn script(&self, behaviour: Behaviour) {
        lock(&self.state.script).push_back(behaviour);
    }

    /// Lets one piece of a gated reply go.
    pub fn release(&self) {
        self.state.gate.add_permits(1);
    }

    /// The bodies of the requests so far.
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.state.asked).iter().map(|asked| asked.body.clone()).collect()
    }

    /// The headers of the requests so far, their names in lower case, and the first line as `request`.
    pub fn headers(&self) -> Vec<BTreeMap<String, String>> {
        lock(&self.state.asked).iter().map(|asked| asked.headers.clone()).collect()
    }

    /// How many requests are being answered.
    pub fn open(&self) -> usize {
        self.state.counts.borrow().1
    }

    /// Waits until there were `count` requests.
    pub async fn asked(&self, count: usize) {
        self.wait(|&(asked, _)| asked >= count, "as many requests as expected").await;
    }

    /// Waits until no request is being answered.
    pub async fn idle(&self) {
        self.wait(|&(_, open)| open == 0, "the end of every request").await;
    }

    async fn wait(&self, is_so: impl FnMut(&(usize, usize)) -> bool, what: &str) {
        let mut counts = self.state.counts.subscribe();
        let waited = timeout(PATIENCE, counts.wait_for(is_so)).await;
        waited.unwrap_or_else(|_| panic!("{what} within {PATIENCE:?}")).expect("the server holds the sender");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}

/// Counts a request as open while it lives.
struct Open<'a>(&'a State);

impl<'a> Open<'a> {
    fn new(state: &'a State, asked: Asked) -> Self {
        lock(&state.asked).push(asked);
        state.counts.send_modify(|(asked, open)| (*asked, *open) = (*asked + 1, *open + 1));
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

/// Answers one request after the other, until the client goes or a script closes the connection.
async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let asked = read(&mut reader).await?;
        let behaviour = lock(&state.script).pop_front().unwrap_or_else(|| echo(&asked.body));
        let _open = Open::new(state, asked);
        let mut answer = Answer { to: &mut writer, gate: &state.gate };
        tokio::select! {
            answered = answer.play(behaviour) => answered?,
            // A client that waits for its answer sends nothing, so this is its end.
            _ = reader.fill_buf() => return Ok(()),
        }
    }
}

async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Asked> {
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
    Ok(Asked { headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn echo(request: &Value) -> Behaviour {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let said = messages.last().and_then(|message| message["content"].as_str()).unwrap_or_default();
    Behaviour::Reply(format!("You said: {said}").split_inclusive(' ').map(str::to_owned).collect())
}

/// An answer as it is written.
struct Answer<'a> {
    to: &'a mut OwnedWriteHalf,
    gate: &'a Semaphore,
}

impl Answer<'_> {
    /// An error closes the connection.
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
            Behaviour::Reply(pieces) => self.say(&pieces).await?,
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
                    self.gate.acquire().await.expect("it is never closed").forget();
                    self.chunk(&delta(piece)).await?;
                }
            }
            Behaviour::Verbose(pieces) => return self.say_much(&pieces).await,
            Behaviour::Stall(pieces) => {
                self.say(&pieces).await?;
                std::future::pending().await
            }
            Behaviour::Cut(pieces) => {
                self.say(&pieces).await?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Behaviour::Garbage(pieces) => {
                self.say(&pieces).await?;
                return self.write(b"data: {\"choices\": [oops\n\n").await;
            }
            Behaviour::SplitUtf8(piece) => self.split(&piece).await?,
            Behaviour::Endless(piece) => loop {
                self.chunk(&delta(&piece)).await?;
            },
            Behaviour::Hang | Behaviour::Http(_) | Behaviour::Status { .. } => {
                unreachable!("these have no stream")
            }
        }
        self.finish().await
    }

    async fn say(&mut self, pieces: &[String]) -> io::Result<()> {
        for piece in pieces {
            self.chunk(&delta(piece)).await?;
        }
        Ok(())
    }

    async fn say_much(&mut self, pieces: &[String]) -> io::Result<()> {
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

    async fn split(&mut self, piece: &str) -> io::Result<()> {
        let event = format!("data: {}\n\n", delta(piece)).into_bytes();
        let middle = event.iter().position(|byte| !byte.is_ascii()).expect("there is a long character") + 1;
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
        let head = format!("HTTP/1.1 {code} As Told\r\n{retry_after}content-length: {}\r\n\r\n", body.len());
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

/// When the pieces of a [`Behaviour::Clock`] in this text were written, in microseconds as [`micros`] counts them.
pub fn sent_at(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split('@').skip(1).step_by(2).filter_map(|digits| digits.parse().ok())
}

/// The microseconds since 1970.
pub fn micros() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
    u64::try_from(now.as_micros()).expect("it fits for a long time")
}

fn delta(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_697_856_000, "model": "scripted",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}],
    })
}
