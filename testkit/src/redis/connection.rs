//! A connection to a server: commands as words, replies in raw form and as values.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

/// Address of a server.
pub(super) enum Address {
    Port(u16),
    /// For servers that accept only TLS.
    Socket(PathBuf),
}

/// A connection.
pub(super) struct Connection(BufReader<Box<dyn Stream>>);

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// The reply to a command.
pub(super) struct Reply {
    /// The reply in the form of the protocol.
    pub(super) raw: String,
    pub(super) value: Value,
}

/// The value of a reply. Numbers are text.
pub(super) enum Value {
    Text(String),
    Error(String),
    Nil,
    List(Vec<Value>),
}

impl Connection {
    /// Connects to a server with a timeout for connecting and for each reply.
    pub(super) fn open(address: &Address, timeout: Duration) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Port(port) => {
                let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, *port).into(), timeout)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(timeout))?;
                Box::new(stream)
            }
        };
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends a command and reads its reply.
    pub(super) fn send(&mut self, command: &[&str]) -> io::Result<Reply> {
        let mut words = format!("*{}\r\n", command.len());
        for word in command {
            words += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(words.as_bytes())?;
        let mut raw = String::new();
        let value = self.read(&mut raw)?;
        Ok(Reply { raw, value })
    }

    fn read(&mut self, raw: &mut String) -> io::Result<Value> {
        let start = raw.len();
        if self.0.read_line(raw)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = raw[start..].trim_end().to_owned();
        let (kind, rest) = line.split_at_checked(1).ok_or(io::ErrorKind::InvalidData)?;
        let length = rest.parse::<usize>();
        Ok(match (kind, length) {
            ("-", _) => Value::Error(rest.to_owned()),
            ("$", Ok(length)) => Value::Text(self.read_text(length, raw)?),
            ("*", Ok(length)) => Value::List((0..length).map(|_| self.read(raw)).collect::<Result<_, _>>()?),
            ("$" | "*", Err(_)) => Value::Nil,
            _ => Value::Text(rest.to_owned()),
        })
    }

    fn read_text(&mut self, length: usize, raw: &mut String) -> io::Result<String> {
        let mut bytes = vec![0; length + "\r\n".len()];
        self.0.read_exact(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        raw.push_str(&text);
        Ok(text.trim_end_matches("\r\n").to_owned())
    }
}

impl Value {
    /// Returns the text, or an error that describes the reply.
    pub(super) fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Error(error) => Err(error),
            Self::Nil => Err("nil".to_owned()),
            Self::List(_) => Err("a list".to_owned()),
        }
    }

    /// Returns the elements, or an error that describes the reply.
    pub(super) fn list(self) -> Result<Vec<Self>, String> {
        match self {
            Self::List(values) => Ok(values),
            other => Err(other.text().unwrap_or_else(|reason| reason)),
        }
    }

    /// Returns the elements as texts.
    pub(super) fn texts(self) -> Result<Vec<String>, String> {
        self.list()?.into_iter().map(Self::text).collect()
    }
}

/// Returns the value of a field in a reply with lines such as `name:value`.
pub(super) fn field<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
