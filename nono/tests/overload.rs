//! More readers of large pages than the service can serve. It rejects some at once, and all other calls succeed.

use crate::app::{App, Program, load_factor};
use http::Request;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use testkit::{RedisServer, Stopwatch};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// Number of readers of a page at a time that the programs nearly keep up with.
const READERS: usize = 100;
/// Number of readers far beyond that.
const MANY_READERS: [usize; 2] = [400, 2000];
/// Maximum number of connections from one address.
const CONNECTIONS_MAX: usize = 4500;
/// Duration of the load.
const DURATION: Duration = Duration::from_secs(4);
/// Period in which at least one page is read, generous for a debug build on a busy machine.
const PERIOD: Duration = Duration::from_secs(2);
/// Interval at which readers begin.
const BEGIN_INTERVAL: Duration = Duration::from_millis(1);
/// Timeout for the end of the calls in progress, and for their effects.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause of a reader after a rejection.
const PAUSE: Duration = Duration::from_millis(200);
/// The same with many readers. Longer than the second that the response suggests, because a debug build needs about a
/// millisecond of a core for each rejection.
const LONG_PAUSE: Duration = Duration::from_secs(4);
/// Timeout for a page, generous for a debug build.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Interval between the short calls of another caller.
const CALL_INTERVAL: Duration = Duration::from_millis(10);
const PAGE: &str = "/api/session/large/history?limit=1000";
/// A gateway and a service over Redis, with a session of more than a mebibyte and a small one.
struct Deployment {
    _redis: RedisServer,
    _programs: [Program; 2],
    app: App,
    /// Address of the service.
    grpc: String,
    /// Admin port of the service.
    admin: String,
}

impl Deployment {
    async fn start() -> Self {
        let redis = RedisServer::start();
        let store = redis.url();
        let admin = ["--admin-listen", "127.0.0.1:0"];
        let arguments = [["--store", &store], ["--grpc-listen", "127.0.0.1:0"], admin];
        let mut service = Program::start("session-service", arguments.as_flattened(), &[]);
        let line: Value = serde_json::from_str(&service.wait_for_log("listening").await).unwrap();
        service.wait_for_log("store reachable").await;
        let grpc = line["grpc"].as_str().unwrap().to_owned();
        let backend = format!("http://{grpc}");
        let arguments = [["--backend", &backend], ["--http-listen", "127.0.0.1:0"], admin];
        let mut gateway = Program::start("gateway", arguments.as_flattened(), &[]);
        let page: Value = serde_json::from_str(&gateway.wait_for_log("listening").await).unwrap();
        let app = App::at(page["page"].as_str().unwrap());
        for user_id in ["large", "small"] {
            app.create(user_id).await;
        }
        let message = json!({ "role": "user", "content": "x".repeat(30_000) });
        for _ in 0..4 {
            let body = json!({ "messages": vec![&message; 10] });
            app.post("/api/session/large/messages", &body).await.ok();
        }
        let admin = format!("http://{}", line["admin"].as_str().unwrap());
        Self { _redis: redis, _programs: [service, gateway], app, grpc, admin }
    }

    /// Asserts that a page and short calls succeed at once after a load, and that no call is left in progress.
    async fn assert_recovers(&self) {
        let stopwatch = Stopwatch::start();
        let start = Instant::now();
        self.app.get(PAGE).await.ok();
        assert_serves_others(&self.app).await;
        while self.metric("nono_admission_in_flight{class=\"page\"}").await > 0 {
            assert!(start.elapsed() < RECOVERY_TIMEOUT * 10, "pages are still in progress");
        }
        let took = stopwatch.corrected(start.elapsed());
        assert!(took < RECOVERY_TIMEOUT, "{took:?}");
    }

    /// Returns the value of a metric of the service.
    async fn metric(&self, name: &str) -> u64 {
        let metrics = reqwest::get(format!("{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in\n{metrics}")).trim().parse().unwrap()
    }
}

/// Pages that were read, and all responses by status. Clones share them.
#[derive(Clone, Default)]
struct Responses {
    pages: Arc<AtomicUsize>,
    statuses: Arc<Mutex<BTreeMap<u16, usize>>>,
    is_over: Arc<AtomicBool>,
}

impl Responses {
    /// Starts readers, each on a connection of its own. After a rejection they wait for `pause`.
    async fn start_readers(&self, app: &App, count: usize, pause: Duration) -> JoinSet<()> {
        let address = app.http.trim_start_matches("http://").trim_end_matches('/');
        let mut readers = JoinSet::new();
        for _ in 0..count {
            let stream = TcpStream::connect(address).await.unwrap();
            readers.spawn(self.clone().read(stream, pause));
            sleep(BEGIN_INTERVAL).await;
        }
        readers
    }

    /// Reads pages until the load is over.
    async fn read(self, stream: TcpStream, pause: Duration) {
        let mut stream = BufReader::with_capacity(64 * 1024, stream);
        while !self.is_over.load(Ordering::Relaxed) {
            let status = timeout(READ_TIMEOUT, read_page(&mut stream)).await.expect("a response arrives");
            *self.statuses.lock().unwrap().entry(status).or_default() += 1;
            if status == 429 {
                sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            } else {
                self.pages.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits for the end of the readers. Returns the responses by status.
    async fn stop(self, readers: JoinSet<()>) -> BTreeMap<u16, usize> {
        self.is_over.store(true, Ordering::Relaxed);
        readers.join_all().await;
        std::mem::take(&mut self.statuses.lock().unwrap())
    }
}

/// Requests a page and reads it, with little work for the test. Returns the status.
async fn read_page(stream: &mut BufReader<TcpStream>) -> u16 {
    let request = format!("GET {PAGE} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).await.unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).await.unwrap() > 0, "the connection ended: {head}");
    }
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find_map(|(of, value)| (of == name).then(|| value.parse::<u64>().unwrap()))
    };
    let mut body = stream.take(header("content-length").unwrap());
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 429 {
        let mut problem = String::new();
        body.read_to_string(&mut problem).await.unwrap();
        assert!(problem.contains("\"reason\":\"OVERLOADED\""), "{problem}");
        assert_eq!(header("retry-after"), Some(1));
    } else {
        tokio::io::copy_buf(&mut body, &mut tokio::io::sink()).await.unwrap();
    }
    status
}

/// Makes a short read and a short write. Both succeed.
async fn assert_serves_others(app: &App) {
    app.get("/api/session/small").await.ok();
    let message = json!({ "messages": [{ "role": "user", "content": "hi" }] });
    app.post("/api/session/small/messages", &message).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_large_pages_are_rejected_early_and_other_calls_succeed() {
    let (deployment, responses) = (Deployment::start().await, Responses::default());
    let readers = responses.start_readers(&deployment.app, READERS, PAUSE).await;
    let end = Instant::now() + DURATION;
    while Instant::now() < end {
        assert_serves_others(&deployment.app).await;
    }
    let statuses = responses.stop(readers).await;
    assert_eq!(statuses.keys().copied().collect::<Vec<_>>(), [200, 429], "{statuses:?}");
    assert!(statuses[&200] > 20, "{statuses:?}");
    let rejected = async |class: &str| {
        let name = format!("nono_admission_rejected_total{{class=\"{class}\",reason=\"limit\"}}");
        deployment.metric(&name).await
    };
    assert!(rejected("page").await > 0);
    assert_eq!(rejected("point").await, 0);
    assert!(deployment.metric("nono_admission_limit{class=\"page\"}").await >= 4);
    deployment.app.get(PAGE).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_to_2000_readers_cause_no_collapse_and_leave_nothing_behind() {
    raise_file_limit();
    let deployment = Deployment::start().await;
    for readers in MANY_READERS {
        let responses = Responses::default();
        let count = (readers * load_factor() as usize).min(CONNECTIONS_MAX);
        let readers = responses.start_readers(&deployment.app, count, LONG_PAUSE).await;
        let end = Instant::now() + DURATION * load_factor();
        while Instant::now() < end {
            let (before, next) = (responses.pages.load(Ordering::Relaxed), Instant::now() + PERIOD);
            while Instant::now() < next {
                assert_serves_others(&deployment.app).await;
                sleep(CALL_INTERVAL).await;
            }
            let read = responses.pages.load(Ordering::Relaxed) - before;
            assert!(read > 0, "no page was read in {PERIOD:?} with {count} readers");
        }
        let statuses = responses.stop(readers).await;
        let failed =
            statuses.iter().filter(|(status, _)| !matches!(status, 200 | 429)).map(|(_, count)| count);
        // On a busy machine a page of a debug build may exceed its deadline.
        assert!(failed.sum::<usize>() * 100 < statuses.values().sum(), "{statuses:?}");
        deployment.assert_recovers().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn incomplete_requests_occupy_no_permits() {
    let deployment = Deployment::start().await;
    let mut open = Vec::new();
    // More than the maximum number of calls in progress.
    for _ in 0..8 {
        let stream = TcpStream::connect(&deployment.grpc).await.unwrap();
        let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..150 {
            let uri = format!("http://{}/nono.session.v1.SessionService/Get", deployment.grpc);
            let request = Request::post(uri).header("content-type", "application/grpc");
            sender = sender.ready().await.unwrap();
            // The body never ends.
            open.push(sender.send_request(request.body(()).unwrap(), false).unwrap());
        }
    }
    let name = r#"grpc_server_in_flight{grpc_type="unary",grpc_service="nono.session.v1.SessionService",grpc_method="Get"}"#;
    let start = Instant::now();
    while deployment.metric(name).await < 1200 {
        assert!(
            start.elapsed() < RECOVERY_TIMEOUT * 10,
            "{} calls have begun",
            deployment.metric(name).await
        );
    }
    assert_eq!(deployment.metric("nono_admission_in_flight{class=\"point\"}").await, 0);
    assert_serves_others(&deployment.app).await;
    drop(open);
}

/// Permits a connection for each reader.
fn raise_file_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}
