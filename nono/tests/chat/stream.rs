//! A client of server-sent events.

use crate::app::App;
use reqwest::{Method, Response};
use serde_json::Value;
use std::{collections::VecDeque, time::Duration};

/// Timeout for an event. A watched session has one at least every 20 s.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for a stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(60);

/// An event.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    /// Cursor of an event of a watched session.
    pub id: Option<String>,
    pub data: Value,
}

/// A stream of events. Dropping it disconnects the client.
pub struct Events {
    response: Response,
    text: Vec<u8>,
    read: VecDeque<Event>,
}

impl Events {
    /// Starts a turn.
    pub async fn open(app: &App, user_id: &str, body: &Value) -> Self {
        let request = app.request(Method::POST, &format!("/api/session/{user_id}/chat"));
        let request = request.header("accept", "text/event-stream").timeout(STREAM_TIMEOUT);
        Self::of(request.json(body).send().await.unwrap())
    }

    /// Reads the events of a response.
    pub fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: Vec::new(), read: VecDeque::new() }
    }

    /// Returns the next event, or `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Some(event);
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await.expect("an event arrives");
            // A lost connection ends the stream, too.
            self.text.extend(chunk.ok().flatten()?);
            while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.text.drain(..end + 2).collect();
                self.read.extend(parse(&String::from_utf8(block).unwrap()));
            }
        }
    }

    /// Returns all remaining events.
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
    let id = field("id:").map(str::to_owned);
    Some(Event {
        name: field("event:")?.to_owned(),
        id,
        data: serde_json::from_str(field("data:")?).unwrap(),
    })
}
