//! Models behind an OpenAI-compatible chat-completions endpoint: OpenAI itself, Ollama, vLLM, llama.cpp and others.

mod address;
mod chunks;
mod events;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod lines;
mod text;
mod wire;

pub use address::{ApiKey, ModelUrl};

use super::{
    Model, ModelError, Prompt, ReplyEvent, ReplyStream,
    limits::{CONNECT_TIMEOUT, STREAM_MAX_BYTES},
};
use async_trait::async_trait;
use chunks::Chunks;
use futures_util::{TryStreamExt, stream};
use reqwest::{
    Client, Response, Version,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
        TRANSFER_ENCODING,
    },
    redirect,
};
use runtime::reload::Current;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;
use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::timeout;
use tokio_util::{bytes::Bytes, io::StreamReader};

/// Time that an idle connection is kept for the next turn: less than the 5 s after which common servers close theirs, so
/// that no request meets a connection that is closing.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Maximum number of idle connections, which a burst of turns leaves.
const POOL_MAX_IDLE: usize = 16;
/// Timeout for reading an error response.
const FAILURE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Maximum number of bytes that are read of an error response.
const FAILURE_MAX_BYTES: usize = 16 * 1024;

/// A model behind an OpenAI-compatible endpoint. It has no clock but that of connecting: [`LimitedModel`](super::LimitedModel)
/// ends its silence, for which every line of its stream is a sign of life.
pub struct OpenAi {
    client: Client,
    endpoint: String,
    model: String,
    key: Option<Current<ApiKey>>,
}

impl OpenAi {
    /// Creates a client of the model `model` at `url`. A key that is replaced is used from the next call on. The error is one
    /// sentence.
    pub fn new(url: &ModelUrl, model: &str, key: Option<Current<ApiKey>>) -> Result<Self, String> {
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("text/event-stream")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]);
        let builder = Client::builder()
            .user_agent(concat!("nono/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(POOL_MAX_IDLE)
            .tls_backend_preconfigured(tls(url)?);
        let builder = if url.is_loopback() { builder.no_proxy() } else { builder };
        let client =
            builder.build().map_err(|error| format!("there can be no client for the model: {error}"))?;
        Ok(Self { client, endpoint: url.endpoint(), model: model.to_owned(), key })
    }
}

#[async_trait]
impl Model for OpenAi {
    fn name(&self) -> &str {
        &self.model
    }

    async fn reply(&self, prompt: Prompt) -> Result<ReplyStream, ModelError> {
        let body = wire::request(&self.model, &prompt);
        let key = self.key.as_ref().map(Current::get);
        let mut request = self.client.post(&self.endpoint).body(body);
        if let Some(key) = &key {
            request = request.header(AUTHORIZATION, key.as_header());
        }
        let sent = request.send().await.map_err(|error| unanswered(error, key.as_deref()));
        let response = self.accepted(sent?).await?;
        let has_framing = has_framing(&response);
        // A copy: a chunk shares the read buffer of its connection, which would need a second one until the next chunk.
        let bytes = response.bytes_stream().map_ok(|bytes| Bytes::copy_from_slice(&bytes));
        let reader =
            StreamReader::new(bytes.map_err(move |error| io::Error::other(causes(error, key.as_deref()))));
        let chunks = Chunks::new(reader, STREAM_MAX_BYTES, has_framing);
        Ok(Box::pin(stream::unfold(Some(chunks), |chunks| async {
            let mut chunks = chunks?;
            let event = chunks.next().await?;
            if matches!(event, Ok(ReplyEvent::Finish(_))) {
                tokio::spawn(chunks.drain());
                return Some((event, None));
            }
            Some((event, Some(chunks)))
        })))
    }
}

impl OpenAi {
    async fn accepted(&self, mut response: Response) -> Result<Response, ModelError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(bytes)) = response.chunk().await {
                body.extend_from_slice(&bytes);
                if body.len() > FAILURE_MAX_BYTES {
                    break;
                }
            }
        };
        // A part of the body is enough for the log.
        let _ = timeout(FAILURE_WAIT_MAX, read).await;
        Err(failure::from_response(status.as_u16(), retry_after, &body, &self.model))
    }
}

/// Returns `true` if the end of the body proves that it is complete. An HTTP/1 body without a length and without chunks
/// ends with its connection, whatever closed it.
fn has_framing(response: &Response) -> bool {
    let headers = response.headers();
    response.version() >= Version::HTTP_2
        || headers.contains_key(TRANSFER_ENCODING)
        || headers.contains_key(CONTENT_LENGTH)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    failure::retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, date.unwrap_or_else(SystemTime::now))
}

/// Certificates are checked against those of the system, which are looked for only if they are needed.
fn tls(url: &ModelUrl) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has what the default versions need");
    if !url.is_https() {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let verified = builder.with_platform_verifier();
    let builder = verified.map_err(|error| format!("the system's certificates cannot be used: {error}"))?;
    Ok(builder.with_no_client_auth())
}

fn unanswered(error: reqwest::Error, key: Option<&ApiKey>) -> ModelError {
    let is_connect = error.is_connect();
    let cause = causes(error, key).into();
    if is_connect { ModelError::Unreachable(cause) } else { ModelError::Truncated(cause) }
}

/// Returns the error and its causes in words, without the address and without the key.
fn causes(error: reqwest::Error, key: Option<&ApiKey>) -> String {
    let error = error.without_url();
    let causes = std::iter::successors(Some(&error as &dyn Error), |&error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    match key {
        Some(key) => key.redact(&text),
        None => text,
    }
}

#[cfg(test)]
mod pool_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod transcripts;
