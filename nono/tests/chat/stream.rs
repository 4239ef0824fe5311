//! Server-sent events as a client reads them.

use crate::app::App;
use reqwest::{Method, Response};
use serde_json::Value;
use std::{collections::VecDeque, time::Duration};

/// The longest wait for an event.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that a stream is open.
const STREAM_MAX: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

/// A stream of events; dropping it is going away.
pub struct Events {
    response: Response,
    text: Vec<u8>,
    read: VecDeque<Event>,
}

impl Events {
    /// Begins a turn.
    pub async fn open(app: &App, user_id: &str, body: &Value) -> Self {
        let request = app.request(Method::POST, &format!("/api/session/{user_id}/chat"));
        let request = request.header("accept", "text/event-stream").timeout(STREAM_MAX);
        let response = request.json(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: Vec::new(), read: VecDeque::new() }
    }

    /// The next event; none at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event comes");
            // A connection that breaks off is an end, too.
            self.text.extend(chunk.ok().flatten()?);
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                self.read.extend(parse(&String::from_utf8(block).unwrap()));
            }
        }
    }

    /// All events that are left.
    pub async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    Some(Event { name: field("event:")?.to_owned(), data: serde_json::from_str(field("data:")?).unwrap() })
}
