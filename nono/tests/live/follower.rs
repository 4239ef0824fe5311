//! A client that follows a session and checks that its events fit together.

use crate::{
    app::App,
    chat::stream::{Event, Events},
};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;

/// Timeout for a stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum number of events until the expected one.
const MAX_EVENTS: usize = 1000;

/// Prepares a request for the events of a session. Nothing but its whole stream has a timeout.
pub fn request(app: &App, user_id: &str) -> RequestBuilder {
    app.request(Method::GET, &format!("/api/session/{user_id}/events")).timeout(STREAM_TIMEOUT)
}

/// A client with the state that it has learned from the events.
pub struct Follower {
    events: Events,
    /// Cursor of the last event.
    pub cursor: String,
    /// The snapshot of the present stream.
    pub snapshot: Value,
    /// Messages since the first snapshot.
    pub messages: Vec<Value>,
    /// Seq of the last known message.
    pub seq: u64,
    /// Text of the running reply.
    pub text: String,
}

impl Follower {
    /// Follows the session `a` from now on.
    pub async fn open(app: &App) -> Self {
        Self::begin(Events::of(request(app, "a").send().await.unwrap())).await
    }

    async fn begin(mut events: Events) -> Self {
        let event = events.next().await.unwrap();
        assert_eq!((event.name.as_str(), &event.data["has_gap"]), ("snapshot", &Value::Bool(false)));
        let seq = event.data["session"]["message_count"].as_u64().unwrap();
        let (cursor, snapshot) = (event.id.unwrap(), event.data);
        let mut follower = Self { events, cursor, snapshot, messages: Vec::new(), seq, text: String::new() };
        follower.take_turn();
        follower
    }

    /// Continues after the last event in a new stream.
    pub async fn resume(&mut self, app: &App) {
        let response = request(app, "a").header("Last-Event-ID", &self.cursor).send().await.unwrap();
        self.events = Events::of(response);
        let event = self.events.next().await.unwrap();
        assert_eq!((event.name.as_str(), &event.data["has_gap"]), ("snapshot", &Value::Bool(false)));
        (self.cursor, self.snapshot) = (event.id.unwrap(), event.data);
        self.take_turn();
    }

    /// Reads the running turn of the snapshot.
    fn take_turn(&mut self) {
        let Some(turn) = self.snapshot.get("turn") else { return };
        let offset = usize::try_from(turn["offset"].as_u64().unwrap()).unwrap();
        assert!(offset == 0 || offset == self.text.len(), "{turn} after {:?}", self.text);
        self.text.truncate(offset);
        self.text.push_str(turn["text"].as_str().unwrap());
    }

    /// Returns the next event, whose effect is part of the state.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.events.next().await?;
        let data = &event.data;
        match event.name.as_str() {
            "message" => {
                self.seq += 1;
                assert_eq!(data["seq"], self.seq, "{data}");
                if data.get("finish_reason").is_some() {
                    let reply = data["content"].as_str().unwrap();
                    assert!(reply.starts_with(&self.text), "{:?} is no beginning of {reply:?}", self.text);
                }
                self.messages.push(data.clone());
            }
            "delta" => {
                assert_eq!(data["offset"], self.text.len(), "{data} after {:?}", self.text);
                self.text.push_str(data["text"].as_str().unwrap());
            }
            "turn" if data["state"] == "running" => self.text.clear(),
            "turn" | "session" | "expiring" | "ended" | "checkpoint" | "error" => {}
            other => panic!("an unexpected event {other}: {data}"),
        }
        match &event.id {
            Some(id) => self.cursor.clone_from(id),
            None => assert_eq!(event.name, "error"),
        }
        Some(event)
    }

    /// Reads events until one has this name. Returns its data.
    pub async fn until(&mut self, name: &str) -> Value {
        for _ in 0..MAX_EVENTS {
            let event = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name == name {
                return event.data;
            }
        }
        panic!("no {name} in {MAX_EVENTS} events");
    }

    /// Reads events until a turn is in this state. Returns that event's data.
    pub async fn until_turn(&mut self, state: &str) -> Value {
        loop {
            let turn = self.until("turn").await;
            if turn["state"] == state {
                return turn;
            }
            assert_eq!(turn["state"], "running", "{turn}");
        }
    }

    /// Reads events until the text of the running reply is complete so far.
    pub async fn until_text(&mut self, text: &str) {
        while self.text != text {
            assert!(text.starts_with(&self.text), "{:?} instead of {text:?}", self.text);
            self.until("delta").await;
        }
    }

    /// Returns the events that were not read.
    pub fn into_events(self) -> Events {
        self.events
    }

    /// Reads the events up to the end of the stream. Returns their names.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while let Some(event) = self.next().await {
            names.push(event.name);
        }
        names
    }
}
