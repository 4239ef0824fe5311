//! Header values that are lists of items with parameters (RFC 9110, section 5.6).

use axum::http::{HeaderMap, HeaderName};

/// One item of a list, such as `text/html;level="1";q=0.5`.
#[derive(Debug, PartialEq)]
pub(crate) struct Item {
    /// The part before the parameters, in lower case.
    pub(crate) name: String,
    params: Vec<(String, String)>,
}

impl Item {
    /// Returns `true` if the item has this name, ignoring case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Returns the value of a parameter, without its quotes.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns the quality value in thousandths; 1000 if there is none or a malformed one.
    pub(crate) fn quality(&self) -> u16 {
        self.param("q").map_or(1000, |q| parse_quality(q).unwrap_or(1000))
    }
}

/// Parses `0`, `1` and up to three decimals, in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !digits(decimals) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    let quality = whole.parse::<u16>().ok()? * 1000 + thousandths;
    (quality <= 1000).then_some(quality)
}

/// Returns the items of all headers of this name. Values that are not ASCII are left out.
pub(crate) fn items(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Item> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| split(value, ',')).filter_map(parse)
}

/// Returns the values of all headers of this name, split at the commas outside quotes.
pub(crate) fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| split(value, ',')).map(str::trim).filter(|value| !value.is_empty())
}

/// Parses a header value that is a single item.
pub(crate) fn single(value: &str) -> Option<Item> {
    parse(value)
}

/// Returns the quality of the first item with one of these names, the most specific name first. `None` if none is listed.
pub(crate) fn quality(items: &[Item], names: &[&str]) -> Option<u16> {
    names.iter().find_map(|name| items.iter().find(|item| item.is(name)).map(Item::quality))
}

fn parse(text: &str) -> Option<Item> {
    let mut parts = split(text, ';');
    let name = parts.next()?.trim().to_ascii_lowercase();
    let params = parts.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), unquoted(value.trim())))
    });
    (!name.is_empty()).then(|| Item { params: params.collect(), name })
}

/// Splits at a separator outside quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        let splits = character == separator && !is_quoted;
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        splits
    })
}

fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut is_escaped = false;
    let keep = |character: &char| {
        is_escaped = *character == '\\' && !is_escaped;
        !is_escaped
    };
    quoted.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::ACCEPT;

    fn list(value: &str) -> Vec<Item> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        items(&headers, ACCEPT).collect()
    }

    #[test]
    fn a_list_is_split_outside_quotes_and_empty_items_are_skipped() {
        let items = list(r#", text/html ; Level="1,;\"2" ;q=0.5 ,, APPLICATION/json,"#);
        let names: Vec<_> = items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["text/html", "application/json"]);
        assert_eq!(items[0].param("level"), Some(r#"1,;"2"#));
        assert_eq!([items[0].quality(), items[1].quality()], [500, 1000]);
    }

    #[test]
    fn quality_values_have_up_to_three_decimals() {
        for (text, expected) in
            [("0", 0), ("0.", 0), ("0.000", 0), ("0.001", 1), ("0.5", 500), ("1.000", 1000)]
        {
            assert_eq!(parse_quality(text), Some(expected), "{text}");
        }
        for text in ["", "2", "1.001", "0.1234", "-0.5", "+0.5", "0.5x", ".5", "nan"] {
            assert_eq!(parse_quality(text), None, "{text}");
        }
    }

    #[test]
    fn the_most_specific_name_decides() {
        let items = list("*;q=0.1, gzip;q=0, br");
        assert_eq!(quality(&items, &["gzip", "*"]), Some(0));
        assert_eq!(quality(&items, &["br", "*"]), Some(1000));
        assert_eq!(quality(&items, &["zstd", "*"]), Some(100));
        assert_eq!(quality(&items, &["zstd"]), None);
    }
}
