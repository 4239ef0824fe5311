//! An identity provider, of which only the document with the keys is needed.

use super::signer::Signer;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream;
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::net::TcpListener;

/// Issuer of the tokens.
pub const ISSUER: &str = "https://idp.example.org/realms/test";
/// Audience of the tokens.
pub const AUDIENCE: &str = "nono";
/// Size of a chunk of the endless document, and the number of chunks.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS: usize = 16 * 1024;

/// A running identity provider.
#[derive(Clone)]
pub struct Provider {
    pub url: String,
    state: Arc<Mutex<Served>>,
}

struct Served {
    response: Keys,
    fetches: usize,
    /// Bytes of the endless document that were sent.
    sent: usize,
}

/// Response to a request for the keys.
#[derive(Clone)]
pub enum Keys {
    Document(Value),
    Text(&'static str),
    Status(u16),
    Redirect(String),
    /// One gigabyte.
    Endless,
    /// The response never begins.
    Hanging,
}

impl Provider {
    /// Starts a provider with keys.
    pub async fn start(signers: &[&Signer]) -> Self {
        Self::start_with(document(signers)).await
    }

    pub async fn start_with(response: Keys) -> Self {
        let state = Arc::new(Mutex::new(Served { response, fetches: 0, sent: 0 }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?version=1", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", get(keys)).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// Changes the response.
    pub fn respond(&self, response: Keys) {
        self.state.lock().unwrap().response = response;
    }

    /// Returns the number of requests.
    pub fn fetches(&self) -> usize {
        self.state.lock().unwrap().fetches
    }

    /// Returns the number of bytes of the endless document that were sent.
    pub fn sent(&self) -> usize {
        self.state.lock().unwrap().sent
    }
}

/// Returns the document with the public keys.
pub fn document(signers: &[&Signer]) -> Keys {
    Keys::Document(jwks(signers))
}

/// Returns the JWKS of the public keys.
pub fn jwks(signers: &[&Signer]) -> Value {
    json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() })
}

/// Returns the claims of a valid token.
pub fn claims(subject: &str) -> Value {
    let now = now();
    json!({ "iss": ISSUER, "aud": [AUDIENCE, "other"], "sub": subject, "iat": now, "nbf": now, "exp": now + 600 })
}

/// Returns the seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

async fn keys(State(state): State<Arc<Mutex<Served>>>) -> Response {
    let response = {
        let mut served = state.lock().unwrap();
        served.fetches += 1;
        served.response.clone()
    };
    match response {
        Keys::Document(document) => document.to_string().into_response(),
        Keys::Text(text) => text.into_response(),
        Keys::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Keys::Redirect(url) => (StatusCode::FOUND, [(LOCATION, url)]).into_response(),
        Keys::Endless => Body::from_stream(stream::iter((0..CHUNKS).map(move |_| {
            state.lock().unwrap().sent += CHUNK_BYTES;
            Ok::<_, Infallible>(Bytes::from_static(&[b' '; CHUNK_BYTES]))
        })))
        .into_response(),
        Keys::Hanging => std::future::pending().await,
    }
}
