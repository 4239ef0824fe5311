//! Settings of TLS that are not valid.

use super::{Files, LOCAL};
use crate::app::Program;
use testkit::Authority;

/// Asserts that the program ends with one sentence before any port opens.
async fn assert_refused(program: &str, arguments: &[&str], sentence: &str) {
    let store: &[&str] = if program == "session-service" { &["--store", "memory:"] } else { &[] };
    let (code, _, err) = Program::run(program, &[store, arguments].concat(), &[]).await;
    assert_eq!(
        (code, err.trim_end()),
        (Some(2), format!("error: {sentence}").as_str()),
        "{program} {arguments:?}"
    );
}

#[tokio::test]
async fn certificates_that_cannot_be_used_end_a_program_with_one_sentence() {
    let (authority, files) = (Authority::new("CA"), Files::new());
    files.write_pair("server", &authority.issue(&LOCAL));
    files.write_pair("other", &authority.issue(&LOCAL));
    files.write_pair("expired", &authority.issue_until(2020, &LOCAL));
    files.write("text", "no PEM");
    let path = |name: &str| files.path(name);
    for (cert, key, sentence) in [
        ("server.pem", "other.key", "--tls-key: the key does not belong to the certificate in --tls-cert"),
        ("expired.pem", "expired.key", "--tls-cert: the certificate has expired; provide a renewed one"),
        ("text", "server.key", "--tls-cert: the file contains no certificate in PEM"),
        ("server.pem", "text", "--tls-key: the file contains no private key in PEM, or an encrypted one"),
    ] {
        for program in ["nono", "session-service", "gateway"] {
            assert_refused(program, &["--tls-cert", &path(cert), "--tls-key", &path(key)], sentence).await;
        }
    }
    let pair = ["--tls-cert", &path("server.pem"), "--tls-key", &path("server.key")];
    let authorities = ["--tls-client-ca", &path("text")];
    let sentence = "--tls-client-ca: the file contains no certificate in PEM";
    assert_refused("nono", &[&pair[..], &authorities].concat(), sentence).await;
}

#[tokio::test]
async fn a_certificate_requires_its_key() {
    let (authority, files) = (Authority::new("CA"), Files::new());
    files.write_pair("server", &authority.issue(&LOCAL));
    let (cert, key) = (files.path("server.pem"), files.path("server.key"));
    let missing = |flags: &str| format!("the following required arguments were not provided: {flags}");
    assert_refused("nono", &["--tls-cert", &cert], &missing("--tls-key <FILE>")).await;
    assert_refused("nono", &["--tls-key", &key], &missing("--tls-cert <FILE>")).await;
    let (code, _, err) = Program::run("gateway", &["--tls-cert", "/nowhere", "--tls-key", &key], &[]).await;
    assert!(code == Some(2) && err.contains("--tls-cert <FILE>: it cannot be read"), "{err}");
}

#[tokio::test]
async fn certificates_for_a_backend_without_tls_are_refused() {
    let (authority, files) = (Authority::new("CA"), Files::new());
    files.write("ca.pem", &authority.pem());
    files.write_pair("client", &authority.issue(&LOCAL));
    files.write_pair("other", &authority.issue(&LOCAL));
    let (ca, cert, key) = (files.path("ca.pem"), files.path("client.pem"), files.path("other.key"));
    let sentence = "--backend-ca and --backend-client-cert are for TLS, and --backend has no https address";
    assert_refused("gateway", &["--backend-ca", &ca], sentence).await;
    let sentence =
        "--backend-client-key: the key does not belong to the certificate in --backend-client-cert";
    let pair = ["--backend-client-cert", &cert, "--backend-client-key", &key];
    let backend = ["--backend", "https://localhost", "--backend-ca", &ca];
    assert_refused("gateway", &[&backend[..], &pair].concat(), sentence).await;
}
