//! The programs of `examples/`, run against a real server.

use crate::{app::App, tls::Server};
use std::{fs, path::PathBuf};
use testkit::Authority;
use tokio::process::Command;

/// Runs the example client. Returns its output.
async fn client(arguments: &[&str]) -> Result<String, String> {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_nono")).with_file_name("examples").join("client");
    assert!(path.exists(), "the example is not built: cargo build --package nono --examples");
    let output = Command::new(path).args(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn assert_replied(text: &str) {
    assert!(text.starts_with("session: Some(\"session_example_"), "{text}");
    assert!(text.ends_with("\nfinished: Stop\n"), "{text}");
}

#[tokio::test]
async fn the_example_client_creates_a_session_and_prints_a_reply() {
    let app = App::memory().await;
    let text = client(&[&app.grpc]).await.unwrap();
    assert_replied(&text);
    let history = app.get("/api/session/example/history").await.ok();
    let reply = history["messages"][1]["content"].as_str().unwrap();
    assert!(text.contains(reply), "{reply:?} in {text}");
}

#[tokio::test]
async fn the_example_client_authenticates_with_a_key_and_a_certificate_over_tls() {
    let (authority, clients) = (Authority::new("CA"), Authority::new("Clients"));
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = "k".repeat(40);
    let callers = write("callers", &format!("example service {key}\n"));
    let arguments = ["--store", "memory:", "--auth", "keys", "--auth-keys-file", &callers];
    let server = Server::requiring_certificates("session-service", &authority, &clients, &arguments).await;
    let address = server.url("grpc", "");
    let pair = clients.issue_client(&["example.org"]);
    let (ca, key) = (write("ca", &authority.pem()), write("key", &format!("{key}\n")));
    let (cert, cert_key) = (write("cert.pem", &pair.cert), write("cert.key", &pair.key));
    let address = [address.as_str()];
    let tls = ["--ca", &ca, "--client-cert", &cert, "--client-key", &cert_key];
    let (key, owner) = (["--key-file", &key], ["--owner", "ann"]);
    assert_replied(&client(&[&address[..], &tls, &key, &owner].concat()).await.unwrap());
    for (arguments, reason) in [
        ([&address[..], &tls, &owner].concat(), "no credential"),
        ([&address[..], &tls, &key].concat(), "needs an owner"),
        ([&address[..], &["--ca", &cert], &key].concat(), "UnknownIssuer"),
        (address.to_vec(), "https needs --ca"),
    ] {
        let error = client(&arguments).await.unwrap_err();
        assert!(error.contains(reason), "{reason} in {error}");
    }
}
