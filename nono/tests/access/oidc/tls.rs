//! Keys over TLS: the certificate of the identity provider is checked against the authorities of the system.

use super::{claims, flags, provider::jwks, signer::Signer};
use crate::{
    access::{Browser, address},
    app::Program,
    tls::Server,
};
use reqwest::Method;
use serde_json::Value;
use std::fs;
use testkit::Authority;

/// Returns the status of a call with a valid token, to a program for which `trusted` is the only authority of the system.
async fn status(keys: &str, signer: &Signer, trusted: &Authority) -> u16 {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, trusted.pem()).unwrap();
    let environment = [("SSL_CERT_FILE", file.path().to_str().unwrap()), ("NONO_LOG_FORMAT", "json")];
    let flags = [&flags(keys)[..], &["--log-filter", "info,nono=debug"]].concat();
    let mut program = Program::nono(&flags, &environment);
    let line: Value = serde_json::from_str(&program.wait_for_log("\"listening\"").await).unwrap();
    let ann = Browser::with_token(&address(&line, "http"), &signer.sign(&claims("ann")));
    ann.status(Method::GET, "/api/personas", None).await
}

#[tokio::test]
async fn keys_are_fetched_only_from_a_server_with_a_trusted_certificate() {
    let (signer, folder) = (Signer::curve("a"), tempfile::tempdir().unwrap());
    fs::write(folder.path().join("index.html"), "").unwrap();
    fs::write(folder.path().join("keys.json"), jwks(&[&signer]).to_string()).unwrap();
    let (authority, other) = (Authority::new("CA"), Authority::new("CA"));
    let server = Server::nono(&authority, &["--public-dir", folder.path().to_str().unwrap()]).await;
    let keys = server.url("http", "/keys.json");
    assert_eq!(status(&keys, &signer, &authority).await, 200);
    assert_eq!(status(&keys, &signer, &other).await, 503);
}
