//! The metrics in `docs/operations.md`, compared with those of a running program.

use super::document;
use crate::tls::{Server, TlsClient};
use std::collections::BTreeSet;
use testkit::Authority;

/// Suffixes that the text format adds to the name of a metric.
const SUFFIXES: [&str; 4] = ["_bucket", "_count", "_sum", "_created"];

/// Returns the first cells of the table of metrics, without backticks.
fn documented(text: &str) -> Vec<(String, String)> {
    let section = text.split_once("## Metrics").unwrap().1.split_once("\n## ").unwrap().0;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| (row.split('`').next().unwrap().to_owned(), row.to_owned())).collect()
}

/// Returns the values of a label of a metric.
fn values(metrics: &str, metric: &str, label: &str) -> BTreeSet<String> {
    let lines = metrics.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    let value = |line: &str| {
        let rest = line.split_once(&format!("{label}=\""))?.1;
        Some(rest.split('"').next().unwrap().to_owned())
    };
    lines.filter_map(value).collect()
}

#[tokio::test]
async fn the_documented_metrics_are_those_of_the_program() {
    // With TLS, so that the metrics of certificates have values.
    let authority = Authority::new("CA");
    let (server, client) = (Server::nono(&authority, &[]).await, TlsClient::new(&authority.pem()));
    let get =
        async |url: String| client.http(&["http/1.1"]).get(url).send().await.unwrap().text().await.unwrap();
    get(server.url("http", "/health")).await;
    let metrics = get(server.url("admin", "/metrics")).await;
    let names: BTreeSet<_> = metrics
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split(['{', ' ']).next().unwrap())
        .map(|name| SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name).to_owned())
        .collect();
    let rows = documented(&document("docs/operations.md"));
    let documented: BTreeSet<_> = rows.iter().map(|(name, _)| name.clone()).collect();
    assert!(names.len() >= 15, "{names:?}");
    assert_eq!(documented, names);
    for (metric, label) in [
        ("nono_chat_turns_total", "outcome"),
        ("nono_connections_rejected_total", "reason"),
        ("nono_http_auth_rejected_total", "reason"),
        ("nono_oidc_refreshes_total", "outcome"),
    ] {
        let row = &rows.iter().find(|(name, _)| name == metric).unwrap().1;
        let values = values(&metrics, metric, label);
        assert!(values.len() >= 3, "{metric}: {values:?}");
        for value in values.iter().filter(|value| *value != "turn_in_progress") {
            assert!(row.contains(&format!("`{value}`")), "{value} of {metric} is not documented in {row}");
        }
    }
}
