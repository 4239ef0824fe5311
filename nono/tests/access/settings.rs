//! Settings that would open the service to other machines, or close it to all callers, end the program with one sentence.

use super::SERVICE_KEY;
use crate::app::Program;
use std::io::Write;

#[tokio::test]
async fn unsafe_settings_are_refused_with_one_sentence() {
    let file = |content: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    };
    let (keys, empty) = (file(&format!("gateway service {SERVICE_KEY}\n")), file("# no key\n"));
    let (short, root) = (file("gateway service canary"), file(&format!("gateway root {SERVICE_KEY}")));
    let clients = file("gateway service dns:gateway.example.org\n");
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    let (keys, empty, short, root, clients) =
        (path(&keys), path(&empty), path(&short), path(&root), path(&clients));
    let service = ["--store", "memory:", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let nono =
        ["--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    for (program, arguments, error) in [
        (
            "nono",
            &["--http-listen", "0.0.0.0:8000"][..],
            "--http-listen 0.0.0.0:8000 can be reached from other machines",
        ),
        (
            "nono",
            &["--http-listen", "[::]:8000"],
            "--http-listen [::]:8000 can be reached from other machines",
        ),
        (
            "nono",
            &["--grpc-listen", "192.0.2.1:1"],
            "--grpc-listen 192.0.2.1:1 can be reached from other machines",
        ),
        ("gateway", &["--http-listen", "0.0.0.0:8000"], "--http-listen 0.0.0.0:8000 can be reached"),
        (
            "session-service",
            &[&service[..2], &["--grpc-listen", "0.0.0.0:1"]].concat(),
            "--grpc-listen 0.0.0.0:1 can be reached",
        ),
        ("session-service", &[&service[..], &["--auth", "keys"]].concat(), "keys needs --auth-keys-file"),
        (
            "session-service",
            &[&service[..], &["--auth-keys-file", &keys]].concat(),
            "--auth-keys-file needs keys",
        ),
        (
            "session-service",
            &[&service[..], &["--auth", "none,keys", "--auth-keys-file", &keys]].concat(),
            "excludes",
        ),
        (
            "session-service",
            &[&service[..], &["--auth", "keys", "--auth-keys-file", &empty]].concat(),
            "lists no caller",
        ),
        (
            "session-service",
            &[&service[..], &["--auth", "keys", "--auth-keys-file", &short]].concat(),
            "line 1: the key must have",
        ),
        (
            "session-service",
            &[&service[..], &["--auth", "keys", "--auth-keys-file", &root]].concat(),
            "line 1: the role must be",
        ),
        (
            "session-service",
            &[&service[..], &["--auth", "keys", "--auth-keys-file", "/nowhere"]].concat(),
            "cannot be read",
        ),
        ("session-service", &[&service[..], &["--auth", "mtls"]].concat(), "mtls needs --auth-clients-file"),
        (
            "session-service",
            &[&service[..], &["--auth", "mtls", "--auth-clients-file", &clients]].concat(),
            "mtls needs --tls-client-ca",
        ),
        ("gateway", &["--auth", "cookie"], "--auth needs --backend-key-file"),
        ("gateway", &["--auth", "cookie", "--backend-key-file", &keys], "it must contain one key"),
        (
            "nono",
            &[&nono[..], &["--cookie-keys-file", &keys]].concat(),
            "--cookie-keys-file needs --auth cookie",
        ),
        ("nono", &[&nono[..], &["--auth", "cookie", "--cookie-keys-file", &empty]].concat(), "it has no key"),
        ("nono", &[&nono[..], &["--cors-origin", "*"]].concat(), "it must be an origin such as"),
        (
            "nono",
            &[&nono[..], &["--rate-limit", "fast"]].concat(),
            "it must be a number of calls per second or minute",
        ),
        (
            "nono",
            &[&nono[..], &["--trusted-proxies", "proxy"]].concat(),
            "it must be an address or a network",
        ),
    ] {
        let (code, out, err) = Program::run(program, arguments, &[]).await;
        assert_eq!((code, out.as_str()), (Some(2), ""), "{program} {arguments:?}: {err}");
        assert!(err.contains(error), "{program} {arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(!err.contains(SERVICE_KEY) && !err.contains("canary"), "{err}");
    }
}

#[tokio::test]
async fn other_machines_are_served_with_authentication_or_the_explicit_flag() {
    for arguments in [&["--auth", "cookie"][..], &["--insecure-no-auth"]] {
        let ports =
            ["--http-listen", "0.0.0.0:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let mut program = Program::start("nono", &[&ports, arguments].concat(), &[]);
        assert!(program.greeting().await.starts_with("Nono is ready"));
    }
}
