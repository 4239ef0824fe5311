//! Authentication and owners over both protocols, with the programs and keys in files.

mod browsers;
mod example;
mod grpc;
mod limits;
mod oidc;
mod rest;
mod rotation;
mod settings;

use crate::app::Program;
use reqwest::{Method, Response, header::COOKIE};
use serde_json::{Value, json};
use std::{fs, time::Duration};
use tempfile::TempDir;

/// Keys of callers, one for each kind of line in the file of keys.
pub const SERVICE_KEY: &str = "service-key-of-the-gateway-0123456789";
pub const UNNAMED_KEY: &str = "service-key-with-empty-owner-01234567";
pub const ADMIN_KEY: &str = "admin-key-for-all-owners-0123456789ab";
const COOKIE_KEY: &str = "cookie-key-cookie-key-cookie-key-0123";

/// A service with keys and a gateway with cookies, over a store in memory.
pub struct Deployment {
    pub service: Program,
    pub gateway: Program,
    pub grpc: String,
    pub http: String,
    pub admin: String,
    pub folder: TempDir,
}

impl Deployment {
    pub async fn start() -> Self {
        Self::with_gateway(&[]).await
    }

    /// Starts a deployment whose gateway has further flags.
    pub async fn with_gateway(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("cookie-keys");
        fs::write(&keys, COOKIE_KEY).unwrap();
        let cookie = ["--auth", "cookie", "--cookie-keys-file", keys.to_str().unwrap()];
        Self::with_auth(folder, &[&cookie, arguments].concat()).await
    }

    /// Starts a deployment with files in a folder, whose gateway has the flags of a kind of authentication.
    pub async fn with_auth(folder: TempDir, arguments: &[&str]) -> Self {
        let keys = format!(
            "gateway service {SERVICE_KEY}\nbatch service {UNNAMED_KEY} empty-owner\nops admin {ADMIN_KEY}\n"
        );
        for (name, content) in [("keys", keys.as_str()), ("backend-key", SERVICE_KEY)] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (service, grpc) = start(
            "session-service",
            &[
                "--store",
                "memory:",
                "--grpc-listen",
                "127.0.0.1:0",
                "--auth",
                "keys",
                "--auth-keys-file",
                &path("keys"),
            ],
            "grpc",
        )
        .await;
        let (backend, key) = (format!("http://{grpc}"), path("backend-key"));
        let flags =
            [["--backend", backend.as_str()], ["--http-listen", "127.0.0.1:0"], ["--backend-key-file", &key]];
        let (gateway, line) = start_program("gateway", &[flags.as_flattened(), arguments].concat()).await;
        let (http, admin) = (address(&line, "page"), address(&line, "admin"));
        wait_until_healthy(&http).await;
        Self { service, gateway, grpc, http, admin, folder }
    }

    /// Replaces a file as a whole.
    pub fn write(&self, name: &str, content: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, content).unwrap();
        fs::rename(next, self.folder.path().join(name)).unwrap();
    }

    /// Opens the page in a new browser.
    pub async fn browser(&self) -> Browser {
        Browser::open(&self.http).await
    }
}

/// Starts a program with an admin port. Returns it with the address in the log field `field`.
async fn start(name: &str, arguments: &[&str], field: &str) -> (Program, String) {
    let (program, line) = start_program(name, arguments).await;
    (program, address(&line, field))
}

/// Starts a program with an admin port. Returns it with the log line that has its addresses.
async fn start_program(name: &str, arguments: &[&str]) -> (Program, Value) {
    let arguments = [arguments, &["--admin-listen", "127.0.0.1:0", "--log-format", "json"]].concat();
    let mut program = Program::start(name, &arguments, &[]);
    let line = program.wait_for_log("\"listening\"").await;
    (program, serde_json::from_str(&line).unwrap())
}

/// Returns the address in a field of a log line.
fn address(line: &Value, field: &str) -> String {
    line[field].as_str().unwrap().trim_start_matches("http://").to_owned()
}

/// Waits until the gateway has found the service.
pub async fn wait_until_healthy(http: &str) {
    let url = format!("http://{http}/health");
    for _ in 0..200 {
        if reqwest::get(&url).await.is_ok_and(|response| response.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the gateway is not healthy");
}

/// A client that sends the cookie which the page has set, or a token, if any.
#[derive(Clone)]
pub struct Browser {
    http: String,
    pub cookie: Option<String>,
    token: Option<String>,
    client: reqwest::Client,
}

impl Browser {
    pub async fn open(http: &str) -> Self {
        let mut browser = Self::new(http);
        browser.cookie = Some(browser.load("/").await.expect("the page sets a cookie"));
        browser
    }

    /// Returns a client without a credential.
    fn new(http: &str) -> Self {
        Self { http: http.to_owned(), cookie: None, token: None, client: reqwest::Client::new() }
    }

    /// Returns a client with a token.
    pub fn with_token(http: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(http) }
    }

    /// Returns a client with another cookie.
    pub fn with_cookie(&self, cookie: Option<&str>) -> Self {
        Self { cookie: cookie.map(str::to_owned), ..self.clone() }
    }

    /// Loads a path. Returns the pair of name and value in the cookie that it sets.
    pub async fn load(&self, path: &str) -> Option<String> {
        let response = self.request(Method::GET, path, None).await;
        let cookie = response.headers().get("set-cookie")?.to_str().unwrap().to_owned();
        Some(cookie.split(';').next().unwrap().to_owned())
    }

    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        self.send(method, path, body, &[]).await
    }

    /// Sends a request with further headers.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Response {
        let mut request = self.client.request(method, format!("http://{}{path}", self.http));
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    pub async fn status(&self, method: Method, path: &str, body: Option<&Value>) -> u16 {
        self.request(method, path, body).await.status().as_u16()
    }

    /// Creates a session and appends a message to it.
    pub async fn create(&self, user_id: &str, message: &str) {
        let create = json!({ "user_id": user_id });
        assert_eq!(self.status(Method::POST, "/api/session/create", Some(&create)).await, 200);
        let append = json!({ "messages": [{ "role": "user", "content": message }] });
        let path = format!("/api/session/{user_id}/messages");
        assert_eq!(self.status(Method::POST, &path, Some(&append)).await, 200);
    }

    /// Returns the JSON of a successful GET.
    pub async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path, None).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}
