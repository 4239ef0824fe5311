//! Lines of a stream, ended by LF, CR or CRLF as server-sent events allow. The end of the stream ends the last line.

use crate::model::limits::LINE_MAX_BYTES;
use std::io;
use tokio_util::{
    bytes::{Buf, Bytes, BytesMut},
    codec::Decoder,
};

/// Splits a stream into lines of at most [`LINE_MAX_BYTES`].
#[derive(Default)]
pub(super) struct Lines {
    /// The length of the beginning of the buffer that holds no line end.
    scanned: usize,
    /// The last line ended with CR, so an LF that follows belongs to it.
    after_cr: bool,
}

/// Failure to read a line.
#[derive(Debug)]
pub(super) enum LineError {
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for LineError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Decoder for Lines {
    type Item = Bytes;
    type Error = LineError;

    fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, LineError> {
        if self.after_cr && !buffer.is_empty() {
            self.after_cr = false;
            if buffer[0] == b'\n' {
                buffer.advance(1);
            }
        }
        let end = buffer[self.scanned..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = end.map(|end| self.scanned + end) else {
            self.scanned = buffer.len();
            return if self.scanned > LINE_MAX_BYTES { Err(LineError::TooLong) } else { Ok(None) };
        };
        if end > LINE_MAX_BYTES {
            return Err(LineError::TooLong);
        }
        self.scanned = 0;
        let line = buffer.split_to(end).freeze();
        self.after_cr = buffer[0] == b'\r';
        buffer.advance(1);
        Ok(Some(line))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, LineError> {
        let line = self.decode(buffer)?;
        self.scanned = 0;
        Ok(line.or_else(|| (!buffer.is_empty()).then(|| buffer.split().freeze())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio_util::{codec::FramedRead, io::StreamReader};

    /// Returns the lines of a stream that arrives in these parts.
    async fn lines(parts: &[&str]) -> Vec<String> {
        let parts: Vec<_> = parts.iter().map(|part| io::Result::Ok(Bytes::from(part.to_string()))).collect();
        let reader = StreamReader::new(futures_util::stream::iter(parts));
        let lines = FramedRead::new(reader, Lines::default());
        lines.map(|line| String::from_utf8(line.unwrap().to_vec()).unwrap()).collect().await
    }

    #[tokio::test]
    async fn lines_end_with_lf_cr_crlf_or_the_stream() {
        assert_eq!(
            lines(&["a\nb\r\nc\rd\n\ne\r\n\r\nf\r\rg"]).await,
            ["a", "b", "c", "d", "", "e", "", "f", "", "g"]
        );
        assert_eq!(lines(&["a\r", "\nb\r", "c", "\r\n"]).await, ["a", "b", "c"]);
        assert_eq!(lines(&["a\r"]).await, ["a"]);
        assert_eq!(lines(&[]).await, [""; 0]);
    }

    #[test]
    fn lines_longer_than_the_maximum_are_errors() {
        let decode = |bytes: usize, end: &str| {
            let mut buffer = BytesMut::from(format!("{}{end}", "a".repeat(bytes)).as_str());
            Lines::default().decode(&mut buffer)
        };
        assert_eq!(decode(LINE_MAX_BYTES, "\n").unwrap().unwrap().len(), LINE_MAX_BYTES);
        assert!(matches!(decode(LINE_MAX_BYTES + 1, "\n"), Err(LineError::TooLong)));
        assert!(matches!(decode(LINE_MAX_BYTES + 1, ""), Err(LineError::TooLong)));
    }
}
