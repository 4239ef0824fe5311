//! Server-sent events with chunks as their data, or JSON documents where a server ignored that a stream was requested.

use super::{
    failure, wire,
    wire::{Chunk, NoChunk},
};
use crate::model::{ModelError, limits::LINE_MAX_BYTES};
use serde_json::Value;

/// Meaning of a line together with the lines before it.
#[derive(Debug)]
pub(super) enum Event {
    /// A comment, a field that is not used, or a line of an event that is not complete.
    Nothing,
    Chunk(Chunk),
    /// An event that is not understood.
    Malformed,
    Done,
    Failed(ModelError),
}

/// Assembles events. An event ends at a blank line; one whose first data line is a complete chunk does not wait for it.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// The beginning of an incomplete chunk.
    pending: String,
    /// The chunk is a JSON document that is not wrapped in an event. It ends with the stream.
    is_document: bool,
    /// The `event` field names an error.
    is_error: bool,
    after_first_line: bool,
}

impl Events {
    /// Reads a line without its line end.
    pub(super) fn push(&mut self, line: &str) -> Event {
        let line = if self.after_first_line { line } else { line.trim_start_matches('\u{feff}') };
        self.after_first_line = true;
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        match field {
            "data" => self.data(value.strip_prefix(' ').unwrap_or(value)),
            _ if self.is_document => self.append(line),
            _ if line.trim().is_empty() => self.finish(),
            "event" => {
                self.is_error = value.trim() == "error";
                Event::Nothing
            }
            // llama.cpp has reported failures in a field of their own.
            "error" if value.trim_start().starts_with('{') => failed(value),
            _ if line.trim_start().starts_with('{') => {
                let event = self.first(line);
                self.is_document = !self.pending.is_empty();
                event
            }
            _ => Event::Nothing,
        }
    }

    /// Ends the event, at a blank line or at the end of the stream.
    pub(super) fn finish(&mut self) -> Event {
        self.is_error = false;
        self.is_document = false;
        let json = std::mem::take(&mut self.pending);
        if json.is_empty() { Event::Nothing } else { event(wire::chunk(&json)) }
    }

    fn data(&mut self, data: &str) -> Event {
        match data.trim() {
            "" => Event::Nothing,
            "[DONE]" => Event::Done,
            error if self.is_error => failed(error),
            _ if self.pending.is_empty() => self.first(data),
            // Servers that end events with a single line end cannot be told from events of several lines, except by
            // a line that is a chunk by itself.
            _ => match wire::chunk(data) {
                Ok(chunk) if chunk.is_known => {
                    self.pending.clear();
                    self.is_document = false;
                    Event::Chunk(Chunk { odd: chunk.odd.or(Some("event")), ..chunk })
                }
                _ => self.append(data),
            },
        }
    }

    /// Reads the first line of an event.
    fn first(&mut self, json: &str) -> Event {
        match wire::chunk(json) {
            Err(NoChunk::Incomplete) => self.append(json),
            complete => event(complete),
        }
    }

    fn append(&mut self, line: &str) -> Event {
        if self.pending.len() + line.len() >= LINE_MAX_BYTES {
            return Event::Failed(ModelError::InvalidResponse("an event does not end".into()));
        }
        self.pending.push_str(line);
        self.pending.push('\n');
        Event::Nothing
    }
}

fn event(chunk: Result<Chunk, NoChunk>) -> Event {
    match chunk {
        Ok(chunk) => Event::Chunk(chunk),
        Err(NoChunk::Incomplete | NoChunk::Malformed) => Event::Malformed,
        Err(NoChunk::Failed(error)) => Event::Failed(error),
    }
}

fn failed(json: &str) -> Event {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    Event::Failed(failure::from_stream(value.get("error").unwrap_or(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a letter for each event of these lines and of their end, without those that mean nothing.
    fn events(lines: &[&str]) -> String {
        let mut events = Events::default();
        let mut found: Vec<_> = lines.iter().map(|line| events.push(line)).collect();
        found.push(events.finish());
        let letter = |event| match event {
            Event::Nothing => String::new(),
            Event::Chunk(chunk) => String::from_utf8(chunk.text).unwrap(),
            Event::Malformed => "?".into(),
            Event::Done => ".".into(),
            Event::Failed(error) => format!("!{}", error.as_label()),
        };
        found.into_iter().map(letter).collect()
    }

    const A: &str = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#;

    #[test]
    fn comments_and_other_fields_are_ignored() {
        let others =
            ["", ":", ": OPENROUTER PROCESSING", "event: message", "id: 1", "retry: 5", "data", "data:", "x"];
        assert_eq!(events(&[&others[..], &[A]].concat()), "a");
        assert_eq!(events(&[&[A][..], &others].concat()), "a");
    }

    #[test]
    fn white_space_around_data_is_optional() {
        assert_eq!(events(&[&A.replace("data: ", "data:"), "data:  [DONE]  "]), "a.");
        assert_eq!(events(&[&format!("\u{feff}{A}"), "", "data:[DONE]"]), "a.");
    }

    #[test]
    fn data_lines_of_an_event_are_joined() {
        let lines = ["data: {\"choices\": [", "data: {\"delta\": {\"content\": \"b\"}}", "data: ]}", ""];
        assert_eq!(events(&[&[A, ""][..], &lines, &[A]].concat()), "aba");
        assert_eq!(events(&lines[..3]), "b");
    }

    #[test]
    fn unknown_events_do_not_affect_others() {
        for odd in [
            "data: {\"choices\": [oops",
            "data: {\"choices\":[{\"delta\":{\"content\":\"cut",
            "data: ping",
            "data: 5",
        ] {
            assert_eq!(events(&[A, "", odd, "", A, ""]), "a?a", "{odd}");
            assert!(events(&[A, odd, A]).replace('?', "") == "aa", "{odd}");
        }
    }

    #[test]
    fn json_outside_of_events_is_a_chunk() {
        let document = ["{", "  \"choices\": [", "    {\"message\": {\"content\": \"b\"}}", "  ]", "", "}"];
        assert_eq!(events(&document), "b");
        let line = &A[6..];
        assert_eq!(events(&[line, line]), "aa");
        assert_eq!(events(&["{", "", "oops"]), "?");
        assert_eq!(events(&["<html>", "{\"a\": 1}", "</html>"]), "");
    }

    #[test]
    fn errors_are_recognized_as_field_event_or_chunk() {
        for lines in [
            &["data: {\"error\": {\"code\": 429}}"][..],
            &["error: {\"code\": 429}"],
            &["event: error", "data: {\"code\": 429}"],
            &["event: error", "data: {\"error\": {\"code\": 429}}"],
            &["{\"error\": {\"code\": 429}}"],
        ] {
            assert_eq!(events(lines), "!rate_limited", "{lines:?}");
        }
        assert_eq!(events(&["event: error", "data: out of memory"]), "!failed");
        assert_eq!(events(&["event: error", "", A]), "a");
    }

    #[test]
    fn the_size_of_events_is_limited() {
        let mut lines = vec!["data: {"];
        lines.resize(LINE_MAX_BYTES / 900, "data: \"a\":1,");
        assert_eq!(events(&lines), "?");
        let long = format!("data: \"{}\":1,", "x".repeat(1000));
        lines.resize(lines.len() + LINE_MAX_BYTES / 1000, &long);
        assert!(events(&lines).starts_with("!invalid_response"));
    }
}
