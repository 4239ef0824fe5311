//! Telemetry: logs to standard error, spans to an OpenTelemetry collector if one is configured.

use crate::{
    json_lines::JsonFormat,
    reload::text,
    settings::{LogFilter, LogFormat, ProcessSettings, plain_url},
};
use anyhow::{Context, Result};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};
use std::{
    env, fmt,
    io::{self, BufWriter, IsTerminal, Write},
    sync::OnceLock,
    thread,
    time::Duration,
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, LevelFilter, Targets, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt,
};

/// Timeout for sending the last spans.
const FLUSH_MAX: Duration = Duration::from_secs(3);

/// Maximum number of log lines waiting to be written. Further lines are dropped, so that a slow log reader cannot block
/// calls.
const LINES_WAITING_MAX: usize = 10_000;

/// Pause of the writer thread after each batch. A thread that waits for every line costs the callers a wake-up per line.
const BATCH_PAUSE: Duration = Duration::from_millis(10);

/// Writes log lines in batches. Write errors are ignored: after one, the writer thread would not notice its shutdown.
struct BatchedWriter<W: Write>(BufWriter<W>);

impl<W: Write> Write for BatchedWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        #[expect(clippy::disallowed_methods, reason = "it is a thread of its own")]
        thread::sleep(BATCH_PAUSE);
        Ok(())
    }
}

/// Telemetry that is flushed when the program ends.
pub(crate) struct Telemetry {
    spans: Option<SdkTracerProvider>,
    filter: reload::Handle<EnvFilter, Registry>,
    /// Writes the remaining log lines when it is dropped.
    _log: WorkerGuard,
}

impl Telemetry {
    /// Installs the subscriber. The standard `OTEL_*` variables configure the export.
    pub(crate) fn install(program: &'static str, settings: &ProcessSettings) -> Result<Self> {
        let on_terminal = io::stderr().is_terminal();
        let default_format = if on_terminal { LogFormat::Text } else { LogFormat::Json };
        let format = settings.log_format.unwrap_or(default_format);
        let (filter, handle) = reload::Layer::new(log_filter(settings)?);
        // A dedicated thread writes lines in batches, so request threads never contend on standard error.
        let (writer, log) = NonBlockingBuilder::default()
            .buffered_lines_limit(LINES_WAITING_MAX)
            .finish(BatchedWriter(BufWriter::new(io::stderr())));
        let _ = DROPPED.set(writer.error_counter());
        let logs = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(on_terminal);
        let logs = match format {
            LogFormat::Text => logs.with_target(false).boxed(),
            LogFormat::Json => logs.event_format(JsonFormat).boxed(),
        };
        let provider = exporter(program)?;
        // Log lines do not contain spans, so spans are created only if they are exported.
        let events = filter_fn(|metadata| metadata.is_event()).with_max_level_hint(LevelFilter::TRACE);
        let subscriber = tracing_subscriber::registry().with(logs.with_filter(filter.and(events)));
        match &provider {
            Some(provider) => subscriber.with(spans(provider, program)).try_init()?,
            None => subscriber.try_init()?,
        }
        Ok(Self { spans: provider, filter: handle, _log: log })
    }

    /// Returns a function that replaces the log filter with the content of its file.
    pub(crate) fn filter_loader(&self) -> impl FnMut(&[Vec<u8>]) -> Result<(), String> + use<> {
        let filter = self.filter.clone();
        move |contents| {
            let text = text(contents.first().map_or(&[], Vec::as_slice))?;
            let new = text.parse::<LogFilter>()?.to_layer();
            filter.reload(new).map_err(|error| error.to_string())
        }
    }

    /// Sends the last spans. Returns `true` if that succeeded in time.
    pub(crate) async fn flush(&self) -> bool {
        let Some(provider) = self.spans.clone() else { return true };
        // This blocks its thread, and would deadlock on the only worker.
        let flushing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_MAX));
        matches!(tokio::time::timeout(FLUSH_MAX, flushing).await, Ok(Ok(Ok(()))))
    }
}

/// Returns the filter of the settings, that of `RUST_LOG`, or the default.
fn log_filter(settings: &ProcessSettings) -> Result<EnvFilter> {
    if let Some(filter) = &settings.log_filter {
        return Ok(filter.to_layer());
    }
    #[expect(clippy::disallowed_methods, reason = "it is the standard variable, and no setting of ours")]
    match env::var("RUST_LOG") {
        Ok(rules) if !rules.is_empty() => {
            EnvFilter::try_new(&rules).with_context(|| format!("RUST_LOG {rules:?} is not a log filter"))
        }
        _ => Ok(EnvFilter::new("info")),
    }
}

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Counter of dropped log lines.
#[derive(Debug)]
pub(crate) struct DroppedLines;

impl Collector for DroppedLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
        let counter = ConstCounter::new(u64::try_from(dropped).unwrap_or(u64::MAX));
        let help = "Log lines that were dropped because standard error was not read";
        counter.encode(encoder.encode_descriptor(
            "nono_log_lines_dropped",
            help,
            None,
            counter.metric_type(),
        )?)
    }
}

fn exporter(program: &'static str) -> Result<Option<SdkTracerProvider>> {
    #[expect(clippy::disallowed_methods, reason = "they are the standard variables, and no settings of ours")]
    let value = |name| env::var_os(name).filter(|value| !value.is_empty());
    let mut has_endpoint = false;
    for name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] {
        if let Some(endpoint) = value(name) {
            has_endpoint = true;
            let endpoint = endpoint.to_str().and_then(|text| plain_url(text, &["http", "https"]));
            // The value may contain a password, so it is not repeated.
            endpoint.with_context(|| format!("{name}: it must be of the form http://host:port"))?;
        }
    }
    if !has_endpoint {
        return Ok(None);
    }
    let exporter =
        SpanExporter::builder().with_tonic().build().context("the OTLP exporter is misconfigured")?;
    let mut resource = Resource::builder();
    if value("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(program);
    }
    Ok(Some(
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build(),
    ))
}

fn spans<S>(provider: &SdkTracerProvider, program: &'static str) -> impl Layer<S> + use<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    // Exclude the exporter's own gRPC calls, or tracing them would recurse.
    let ours = Targets::new().with_default(tracing::Level::INFO).with_targets(
        ["h2", "hyper", "tonic", "tower", "opentelemetry", "opentelemetry_sdk", "opentelemetry_otlp"]
            .map(|target| (target, LevelFilter::OFF)),
    );
    tracing_opentelemetry::layer().with_tracer(provider.tracer(program)).with_filter(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_cannot_be_written_delays_no_end() {
        let (mut writer, log) = NonBlockingBuilder::default().finish(BatchedWriter(BufWriter::new(Closed)));
        writer.write_all(b"a line\n").unwrap();
        let begun = Instant::now();
        drop(log);
        // The library waits a second for a thread that does not notice its shutdown.
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    }
}
