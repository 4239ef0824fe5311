//! Log format: one JSON object per line, identical to the subscriber's own JSON format.
//!
//! The subscriber's formatter validates all text as UTF-8 again, which made the log line the most expensive part of a short
//! call (docs/decisions/0006-speed.md).

use crate::context::RequestContext;
use serde_json::Number;
use std::{
    fmt::{self, Debug, Write},
    time::SystemTime,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

const REQUEST_ID: &str = "request_id";
/// Initial capacity of a line: more than that of a call.
const LINE_BYTES: usize = 512;

/// Formats an event as `{"timestamp":...,"level":...,` followed by its fields and `"target":...}`. Spans are not included, but
/// the ids of the current request are.
pub(crate) struct JsonFormat;

impl<S, N> FormatEvent<S, N> for JsonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let normalized = event.normalized_metadata();
        let metadata = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let mut line = String::with_capacity(LINE_BYTES);
        line.push_str(r#"{"timestamp":""#);
        write!(line, "{}", humantime::format_rfc3339_micros(SystemTime::now()))?;
        line.push_str(r#"","level":""#);
        line.push_str(metadata.level().as_str());
        line.push('"');
        let mut fields = Fields { line, written: Ok(()), has_request_id: false };
        event.record(&mut fields);
        if !fields.has_request_id {
            RequestContext::with_current(|context| fields.ids(context));
        }
        let Fields { mut line, written, .. } = fields;
        written?;
        line.push_str(r#","target":"#);
        write_text(&mut line, metadata.target())?;
        line.push_str("}\n");
        // Once, because every call of the writer is a virtual one.
        writer.write_str(&line)
    }
}

/// Visitor that writes fields until one fails.
struct Fields {
    line: String,
    written: fmt::Result,
    has_request_id: bool,
}

impl Fields {
    fn entry(&mut self, name: &str, value: impl FnOnce(&mut String) -> fmt::Result) {
        self.written = self.written.and_then(|()| {
            self.line.push(',');
            write_text(&mut self.line, name)?;
            self.line.push(':');
            value(&mut self.line)
        });
    }

    /// Writes the ids of a request.
    fn ids(&mut self, context: &RequestContext) {
        self.entry(REQUEST_ID, |line| write_text(line, context.request_id()));
        self.entry("trace_id", |line| write_text(line, context.trace_id()));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.entry(field.name(), |line| match Number::from_f64(value) {
            Some(number) => write!(line, "{number}"),
            None => line.write_str("null"),
        });
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field.name(), |line| write!(line, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field.name(), |line| write!(line, "{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field.name(), |line| write!(line, "{value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.has_request_id |= field.name() == REQUEST_ID;
        self.entry(field.name(), |line| write_text(line, value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.entry(field.name(), |line| write_debug(line, value));
    }
}

/// Writes text as a JSON string. Text without escapes, the common case, is copied.
fn write_text(line: &mut String, text: &str) -> fmt::Result {
    if needs_escape(text) {
        return line.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?);
    }
    line.push('"');
    line.push_str(text);
    line.push('"');
    Ok(())
}

/// Writes a value as a JSON string, in the common case directly into the line.
fn write_debug(line: &mut String, value: &dyn Debug) -> fmt::Result {
    let start = line.len();
    write!(line, "\"{value:?}\"")?;
    let text = &line[start + 1..line.len() - 1];
    if needs_escape(text) {
        let text = text.to_owned();
        line.truncate(start);
        write_text(line, &text)?;
    }
    Ok(())
}

fn needs_escape(text: &str) -> bool {
    // Not `any`, which the compiler does not vectorize.
    text.bytes().fold(false, |any, byte| any | (byte < b' ' || byte == b'"' || byte == b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::{Registry, fmt::MakeWriter, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Lines {
        /// Returns the lines without their timestamps, which are validated.
        fn read(&self) -> Vec<Value> {
            let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let line = |line: &str| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let timestamp = line.as_object_mut().unwrap().remove("timestamp").unwrap();
                let timestamp = timestamp.as_str().unwrap();
                assert_eq!((timestamp.len(), &timestamp[10..11], &timestamp[26..]), (27, "T", "Z"));
                line
            };
            text.lines().map(line).collect()
        }
    }

    #[test]
    fn lines_equal_those_of_the_library() {
        let (ours, theirs) = (Lines::default(), Lines::default());
        let our_layer = tracing_subscriber::fmt::layer().with_writer(ours.clone()).event_format(JsonFormat);
        let their_layer = tracing_subscriber::fmt::layer().with_writer(theirs.clone()).json();
        let their_layer = their_layer.flatten_event(true).with_current_span(false).with_span_list(false);
        let both = Registry::default().with(our_layer).with(their_layer);
        tracing::subscriber::with_default(both, || {
            let odd = "a \"quote\", a \\ and a \n, \u{1} and 🤖";
            tracing::info!(odd, count = 42_u64, below = -1, yes = true, share = 0.25, "call");
            tracing::error!(error = %odd, debug = ?Some(odd), "{odd} {}", 1);
            tracing::warn!(
                nan = f64::NAN,
                large = u64::MAX,
                small = 1e-300,
                whole = 3.0,
                none = None::<&str>
            );
            tracing::debug!(target: "a\"b", r#type = "raw", dotted.name = "", "words");
            tracing::info_span!("span", inside = 1).in_scope(|| tracing::info!("said in a span"));
        });
        let (ours, theirs) = (ours.read(), theirs.read());
        assert_eq!(ours.len(), 5);
        for (our, their) in ours.iter().zip(&theirs) {
            assert_eq!(our.to_string(), their.to_string());
        }
    }

    #[tokio::test]
    async fn lines_of_a_request_carry_its_ids_once() {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone()).event_format(JsonFormat);
        let _guard = tracing::subscriber::set_default(Registry::default().with(layer));
        let context = RequestContext::begin(&http::HeaderMap::new(), &tracing::Span::none());
        let log = || tracing::warn!(cause = "it broke", "failed");
        let propagated = context.enter(|| RequestContext::propagate(async { log() }));
        context.scope(async { log() }).await;
        propagated.await;
        context.enter(log);
        context.enter(|| tracing::info!(request_id = "other", "call"));
        log();
        let lines = lines.read();
        for line in &lines[..3] {
            assert_eq!(line["request_id"], context.request_id());
            assert_eq!(line["trace_id"], context.trace_id());
        }
        assert_eq!((lines[3]["request_id"].as_str(), lines[3].get("trace_id")), (Some("other"), None));
        assert_eq!(lines[4].get("request_id"), None);
    }
}
