//! The command `health` and gRPC health checks of programs with TLS.

use super::{Files, LOCAL, Server, TlsClient};
use crate::app::Program;
use std::time::{Duration, Instant};
use testkit::Authority;

/// Runs `health` until it succeeds.
async fn wait_until_healthy(server: &Server, environment: &[(&str, &str)]) {
    let start = Instant::now();
    loop {
        let arguments = ["health", "--admin-listen", server.address("admin")];
        let (code, out, err) = Program::run("nono", &arguments, environment).await;
        if code == Some(0) {
            assert_eq!(out, "ok\n");
            return;
        }
        assert!(err.starts_with("error: not ready: "), "{err}");
        assert!(start.elapsed() < Duration::from_secs(10), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_asks_a_program_with_tls_whether_its_own_settings_name_the_certificate_or_not() {
    let files = Files::new();
    // The name and the authority of the certificate do not matter.
    files.write_pair("server", &Authority::new("CA").issue(&["nono.example.org"]));
    files.write("clients.pem", &Authority::new("Clients").pem());
    let server = Server::start("nono", files, &[]).await;
    let (cert, key) = (server.files.path("server.pem"), server.files.path("server.key"));
    wait_until_healthy(&server, &[]).await;
    wait_until_healthy(&server, &[("NONO_TLS_CERT", &cert), ("NONO_TLS_KEY", &key)]).await;
    // As after a renewal that failed halfway.
    wait_until_healthy(&server, &[("NONO_TLS_CERT", "/nowhere"), ("NONO_TLS_KEY", "/nowhere")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_reports_a_program_without_tls() {
    let mut program = Program::start(
        "session-service",
        &["--store", "memory:", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
        &[],
    );
    let line: serde_json::Value = serde_json::from_str(&program.wait_for_log("listening").await).unwrap();
    let admin = line["admin"].as_str().unwrap();
    let environment = [("NONO_TLS_CERT", "a"), ("NONO_TLS_KEY", "b")];
    let (code, _, err) =
        Program::run("session-service", &["health", "--admin-listen", admin], &environment).await;
    let expected =
        format!("error: {admin} does not use TLS: the program runs without --tls-cert, or it is not Nono\n");
    assert_eq!((code, err), (Some(1), expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_health_checks_use_tls() {
    let authority = Authority::new("CA");
    let files = Files::new();
    files.write_pair("server", &authority.issue(&LOCAL));
    let server = Server::start("session-service", files, &["--store", "memory:"]).await;
    assert!(TlsClient::new(&authority.pem()).is_served(server.address("grpc")).await);
}
