//! A connection to a server: commands as words, answers as they came and as values.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    time::Duration,
};

/// Where a server can be asked.
pub(super) enum Address {
    Port(u16),
    /// A server that speaks TLS only is asked here.
    Socket(PathBuf),
}

/// One connection.
pub(super) struct Connection(BufReader<Box<dyn Stream>>);

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// The answer to a command.
pub(super) struct Answer {
    /// In the words of the protocol.
    pub(super) raw: String,
    pub(super) value: Value,
}

/// What an answer says. Numbers are text here, as nothing adds them up.
pub(super) enum Value {
    Text(String),
    Error(String),
    Nil,
    List(Vec<Value>),
}

impl Connection {
    /// Connects to a server that answers anything within `patience`.
    pub(super) fn open(address: &Address, patience: Duration) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Port(port) => {
                let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, *port).into(), patience)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Address::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                Box::new(stream)
            }
        };
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one command and reads its answer.
    pub(super) fn ask(&mut self, command: &[&str]) -> io::Result<Answer> {
        let mut words = format!("*{}\r\n", command.len());
        for word in command {
            words += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(words.as_bytes())?;
        let mut raw = String::new();
        let value = self.read(&mut raw)?;
        Ok(Answer { raw, value })
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
    /// The text, or an error that says what came instead.
    pub(super) fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Error(error) => Err(error),
            Self::Nil => Err("nothing".to_owned()),
            Self::List(_) => Err("a list".to_owned()),
        }
    }

    /// The elements, or an error that says what came instead.
    pub(super) fn list(self) -> Result<Vec<Self>, String> {
        match self {
            Self::List(values) => Ok(values),
            other => Err(other.text().unwrap_or_else(|reason| reason)),
        }
    }

    /// The elements as texts.
    pub(super) fn texts(self) -> Result<Vec<String>, String> {
        self.list()?.into_iter().map(Self::text).collect()
    }
}

/// The value of a field of an answer with lines like `name:value`.
pub(super) fn field<'a>(lines: &'a str, name: &str) -> Option<&'a str> {
    lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
