//! Traces from the HTTP request to the store, names of metrics, and logs without content.

use crate::app::{App, Program, bind};
use nix::sys::signal::Signal;
use nono_proto::session::v1::{GetRequest, session_service_client::SessionServiceClient};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use std::{collections::HashMap, time::Duration};
use testkit::{Behaviour, ModelServer};
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status, transport::Server};

/// A trace collector that sends every span to a channel.
struct Collector(mpsc::Sender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for resource in request.into_inner().resource_spans {
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let _ = self.0.send(span).await;
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn address(greeting: &str) -> String {
    let at = greeting.find("http://").unwrap();
    greeting[at..].split_whitespace().next().unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_contains_the_request_the_call_and_the_store_operation() {
    let listener = bind().await;
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut spans) = mpsc::channel(1024);
    let collector = Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    tokio::spawn(collector.serve_with_incoming(TcpListenerStream::new(listener)));
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ("RUST_LOG", "warn"),
    ];
    let mut program = Program::nono(&[], &environment);
    let page = address(&program.greeting().await);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let request = reqwest::Client::new()
        .post(format!("{page}/api/session/create"))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .json(&serde_json::json!({ "user_id": "a" }));
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["x-trace-id"], trace);

    let mut found: HashMap<String, Span> = HashMap::new();
    let waiting = async {
        while found.len() < 3 {
            let span = spans.recv().await.unwrap();
            let trace_id: String = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(!span.name.contains("Health"), "health checks are not traced");
            if trace_id == trace {
                found.insert(span.name.clone(), span);
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("three spans of the trace arrive");
    let http = &found["POST /api/session/create"];
    let grpc = &found["nono.session.v1.SessionService/Create"];
    let store = &found["create"];
    assert_eq!(http.parent_span_id, [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31]);
    assert_eq!(grpc.parent_span_id, http.span_id);
    assert_eq!(store.parent_span_id, grpc.span_id);
}

#[tokio::test]
async fn logs_contain_ids_and_no_content() {
    let mut program = Program::nono(&[], &[("RUST_LOG", "trace")]);
    let page = address(&program.greeting().await);
    let client = reqwest::Client::new();
    let create = serde_json::json!({ "user_id": "a", "metadata": { "k": "canary-metadata" } });
    client.post(format!("{page}/api/session/create")).json(&create).send().await.unwrap();
    let said = serde_json::json!({ "messages": [{ "role": "user", "content": "canary-content" }] });
    let request =
        client.post(format!("{page}/api/session/a/messages")).header("x-request-id", "the-last-one");
    request.json(&said).send().await.unwrap();
    loop {
        let line = program.wait_for_log("").await;
        assert!(!line.contains("canary"), "{line}");
        if line.contains("\"message\":\"request\"") && line.contains("the-last-one") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_chunks_are_logged_once_per_reply_with_their_count() {
    let model = ModelServer::start().await;
    let mut program = Program::nono(&["--model-url", &model.url()], &[]);
    let app = App::at(&address(&program.greeting().await));
    app.create("a").await;
    let chunk = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{delta}}}]}}\n\n");
    let text = chunk("{\"content\":\"a\"}");
    let stream = [&text, &chunk("\"canary\""), "data: canary\n\n", &text, "data: [DONE]\n\n"].concat();
    model.script(Behaviour::Raw(stream));
    let log = program.collect_log();
    let reply = app.post("/api/session/a/chat", &serde_json::json!({ "message": "hi" })).await.ok();
    assert_eq!(reply["response"], "aa");
    program.signal(Signal::SIGTERM);
    let log = log.await.unwrap();
    let lines: Vec<_> = log.iter().filter(|line| line.contains("were not understood")).collect();
    assert!(lines.len() == 1 && lines[0].contains(r#""skipped":2,"first":"delta""#), "{lines:?}");
    assert!(!log.iter().any(|line| line.contains("canary")));
}

#[tokio::test]
async fn metrics_have_the_documented_names_and_labels() {
    let mut program = Program::start(
        "nono",
        &["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        &[("RUST_LOG", "debug")],
    );
    let page = address(&program.greeting().await);
    let admin = program.wait_for_log("\"admin\"").await;
    let admin: String = admin.split("\"admin\":\"").nth(1).unwrap().split('"').next().unwrap().into();
    reqwest::get(format!("{page}/api/session/unknown")).await.unwrap();
    let metrics = reqwest::get(format!("http://{admin}/metrics")).await.unwrap().text().await.unwrap();
    for line in [
        "build_info{program=\"nono\"",
        "http_requests_total{method=\"GET\",route=\"/api/session/{user_id}\",status=\"404\"} 1",
        "http_request_duration_seconds_count{method=\"GET\",route=\"/api/session/{user_id}\"} 1",
        "grpc_server_started_total{grpc_type=\"unary\",grpc_service=\"nono.session.v1.SessionService\",grpc_method=\"Get\"} 1",
        "grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"nono.session.v1.SessionService\",grpc_method=\"Get\",grpc_code=\"NotFound\"} 1",
        "grpc_server_handled_total{grpc_type=\"unary\",grpc_service=\"nono.session.v1.SessionService\",grpc_method=\"Delete\",grpc_code=\"Unavailable\"} 0",
        "grpc_server_handling_seconds_count{",
        "nono_store_operation_seconds_count{operation=\"get\",outcome=\"not_found\"} 1",
        "nono_store_up 1",
    ] {
        assert!(metrics.lines().any(|found| found.starts_with(line)), "{line} in\n{metrics}");
    }
    let app = App::memory().await;
    app.create("a").await;
}

#[tokio::test]
async fn an_unread_log_blocks_no_call() {
    let mut program = Program::nono(&[], &[("RUST_LOG", "trace")]);
    program.greeting().await;
    let listening = program.wait_for_log("\"admin\"").await;
    let address = |field: &str| {
        let (_, rest) = listening.split_once(&format!("\"{field}\":\"")).unwrap();
        format!("http://{}", rest.split('"').next().unwrap())
    };
    let mut sessions = SessionServiceClient::connect(address("grpc")).await.unwrap();
    let mut get = async || {
        let get = sessions.get(GetRequest { user_id: "unknown".into() });
        let response = tokio::time::timeout(Duration::from_secs(5), get).await.expect("the call ends");
        assert_eq!(response.unwrap_err().code(), Code::NotFound);
    };
    for round in 0.. {
        for _ in 0..50 {
            get().await;
        }
        let metrics = reqwest::get(format!("{}/metrics", address("admin"))).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let dropped = |line: &'_ str| line.strip_prefix("nono_log_lines_dropped_total ").map(str::to_owned);
        if metrics.lines().find_map(dropped).unwrap() != "0" {
            break;
        }
        assert!(round < 100, "nothing was dropped");
    }
    get().await;
}
