//! The commands of docs/operations.md that start both programs with keys and cookies.

use super::{Browser, start, wait_until_healthy};
use reqwest::Method;
use std::{fs, path::Path, process::Command};
use testkit::RedisServer;

/// Returns the commands of the example, with absolute paths and another store and service.
fn commands(keys: &Path, replaced: &[(&str, &str)]) -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/operations.md")).unwrap();
    let (_, rest) = text.split_once("**Both on one machine:**").unwrap();
    let block = rest.split("```").nth(1).unwrap().trim_start_matches("sh\n");
    let word = |word: &str| {
        let known = replaced.iter().find(|(from, _)| *from == word).map(|(_, to)| (*to).to_owned());
        known.unwrap_or_else(|| match word.strip_prefix("keys/") {
            Some(file) => keys.join(file).to_str().unwrap().to_owned(),
            None => word.to_owned(),
        })
    };
    block.lines().map(|line| line.split_whitespace().map(word).collect()).collect()
}

#[tokio::test]
async fn the_commands_of_the_document_give_each_browser_its_own_sessions() {
    let (redis, folder) = (RedisServer::start(), tempfile::tempdir().unwrap());
    let store = format!("redis://127.0.0.1:{}", redis.port());
    let commands = commands(folder.path(), &[("redis://127.0.0.1:6379", &store)]);
    let [create_keys, service, gateway] = &commands[..] else { panic!("{commands:?}") };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    assert_eq!(create_keys, &["deploy/create-keys", "keys"]);
    let created = Command::new(root.join(&create_keys[0])).arg(folder.path()).status().unwrap();
    assert!(created.success());
    let arguments = |command: &[String], more: &[&str]| {
        let own: Vec<_> = command[1..].to_vec();
        own.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect::<Vec<_>>()
    };
    let service_arguments = arguments(service, &["--grpc-listen", "127.0.0.1:0"]);
    let service_arguments: Vec<_> = service_arguments.iter().map(String::as_str).collect();
    let (_service, grpc) = start(&service[0], &service_arguments, "grpc").await;
    let backend = format!("http://{grpc}");
    let gateway_arguments = arguments(gateway, &["--http-listen", "127.0.0.1:0", "--backend", &backend]);
    let gateway_arguments: Vec<_> = gateway_arguments.iter().map(String::as_str).collect();
    let (_gateway, http) = start(&gateway[0], &gateway_arguments, "page").await;
    wait_until_healthy(&http).await;
    let (ann, bob) = (Browser::open(&http).await, Browser::open(&http).await);
    ann.create("a", "of ann").await;
    assert_eq!(bob.status(Method::GET, "/api/session/a", None).await, 404);
    assert_eq!(bob.with_cookie(None).status(Method::GET, "/api/sessions", None).await, 401);
}
