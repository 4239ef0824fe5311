//! Responses to requests that hyper cannot parse, in the form of all other errors (RFC 9457).
//!
//! hyper writes such a response itself, without a body, and no service sees the request.

/// Header lines that follow the status line of hyper's own responses, and of no response of a service.
const EMPTY: &[u8] = b"connection: close\r\ncontent-length: 0\r\n";

/// Returns the response to send instead of `response`, if that is one of hyper's own.
pub(super) fn problem_for(response: &[u8]) -> Option<Vec<u8>> {
    let rest = response.strip_prefix(b"HTTP/1.1 4")?;
    let line_end = rest.iter().take(64).position(|byte| *byte == b'\n')?;
    let (title, detail) = match &rest[..2] {
        b"00" => ("Bad request", "the request is not valid HTTP/1.1"),
        b"14" => ("URI too long", "the path and query of the request must be shorter than 65 535 bytes"),
        b"31" => (
            "Request headers too large",
            "the request must have at most 100 headers, of 64 KiB together with its path and query, and a content-length \
             that a body can have",
        ),
        _ => return None,
    };
    if !rest[line_end + 1..].starts_with(EMPTY) {
        return None;
    }
    let status = String::from_utf8_lossy(&rest[..2]);
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": 400 + status.parse::<u16>().ok()?, "detail": detail
    })
    .to_string();
    let length = body.len();
    Some(
        format!(
            "HTTP/1.1 4{status} {title}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
             cache-control: no-store\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_responses_of_hyper_are_replaced() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let problem = String::from_utf8(problem_for(own).unwrap()).unwrap();
        assert!(problem.starts_with("HTTP/1.1 431 ") && problem.contains("\"status\":431"), "{problem}");
        for response in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n\r\n{}"[..],
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400",
            b"HTTP/1.1 4",
            b"",
        ] {
            assert_eq!(problem_for(response), None);
        }
    }
}
