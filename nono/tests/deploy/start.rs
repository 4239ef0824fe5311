//! The deployment of the compose file, with the real programs, script and settings instead of containers.

use super::{compose::variables, items, parse_yaml, root};
use crate::app::Program;
use reqwest::{StatusCode, header::COOKIE};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command, time::Duration};

/// Runs the script that creates the keys, as the compose file does.
fn create_keys(document: &Value, folder: &Path) {
    let service = &document["services"]["keys"];
    let (entry, command) = (items(&service["entrypoint"]), items(&service["command"]));
    assert_eq!((&entry[0], &entry[1], &command[0]), (&json!("sh"), &json!("/create-keys"), &json!("/keys")));
    let mode = command[1].as_str().unwrap();
    let status =
        Command::new("sh").arg(root().join("deploy/create-keys")).arg(folder).arg(mode).status().unwrap();
    assert!(status.success());
}

/// Returns the environment of a service, with the keys in a folder instead of its volume.
fn environment(document: &Value, service: &str, keys: &Path) -> Vec<(String, String)> {
    let variables = variables(&document["services"][service]["environment"]);
    let in_folder = |value: String| match value.strip_prefix("/keys/") {
        Some(name) => keys.join(name).to_str().unwrap().to_owned(),
        None => value,
    };
    variables.into_iter().map(|(name, value)| (name, in_folder(value))).collect()
}

async fn start(name: &str, listen: [&str; 2], environment: &[(String, String)]) -> (Program, String) {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let arguments = [listen[0], "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"];
    let mut program = Program::start(name, &arguments, &environment);
    let line: Value = serde_json::from_str(&program.wait_for_log("\"listening\"").await).unwrap();
    (program, line[listen[1]].as_str().unwrap().trim_start_matches("http://").to_owned())
}

/// Starts both programs with the settings of the compose file, over a store in memory.
async fn start_both(document: &Value, keys: &Path) -> (Program, Program, String) {
    let mut environment_of_service = environment(document, "session-service", &keys.join("service"));
    for (name, value) in &mut environment_of_service {
        if name == "NONO_STORE" {
            *value = "memory:".into();
        }
    }
    let (service, grpc) = start("session-service", ["--grpc-listen", "grpc"], &environment_of_service).await;
    let mut environment_of_gateway = environment(document, "gateway", &keys.join("gateway"));
    for (name, value) in &mut environment_of_gateway {
        if name == "NONO_BACKEND" {
            *value = format!("http://{grpc}");
        }
    }
    let (gateway, http) = start("gateway", ["--http-listen", "page"], &environment_of_gateway).await;
    let url = format!("http://{http}");
    for _ in 0..200 {
        if reqwest::get(format!("{url}/health")).await.unwrap().status() == StatusCode::OK {
            return (service, gateway, url);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the gateway does not become healthy");
}

async fn cookie(url: &str) -> String {
    let response = reqwest::get(url).await.unwrap();
    response.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_settings_of_the_compose_file_give_each_browser_its_own_sessions() {
    let text = fs::read_to_string(root().join("deploy/compose.yaml")).unwrap();
    let document = parse_yaml(&text).unwrap().remove(0);
    let folder = tempfile::tempdir().unwrap();
    create_keys(&document, folder.path());
    let (service, gateway, url) = start_both(&document, folder.path()).await;
    let client = reqwest::Client::new();
    let (ann, bob) = (cookie(&url).await, cookie(&url).await);
    let create =
        client.post(format!("{url}/api/session/create")).header(COOKIE, &ann).json(&json!({"user_id": "a"}));
    assert_eq!(create.send().await.unwrap().status(), StatusCode::OK);
    let get = async |cookie: &str| {
        client.get(format!("{url}/api/session/a")).header(COOKIE, cookie).send().await.unwrap().status()
    };
    assert_eq!(
        (get(&ann).await, get(&bob).await, get("").await),
        (StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED)
    );
    drop((service, gateway));

    // After a restart of everything the keys are the same, so a browser keeps its owner.
    create_keys(&document, folder.path());
    let (_service, _gateway, url) = start_both(&document, folder.path()).await;
    let list = client.get(format!("{url}/api/sessions")).header(COOKIE, &ann).send().await.unwrap();
    assert_eq!(list.status(), StatusCode::OK);
}
