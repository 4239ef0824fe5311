//! Output to the terminal. A closed standard stream is not an error.

use std::{
    fmt::Arguments,
    io::{self, Write},
};

/// Writes to standard output. A pipe that the reader has closed is ignored, as `nono --help | head -1` needs.
pub fn print(text: Arguments<'_>) {
    write(io::stdout(), text);
}

/// Writes to standard error, for errors from before the log exists.
pub fn complain(text: Arguments<'_>) {
    write(io::stderr(), text);
}

fn write(mut stream: impl Write, text: Arguments<'_>) {
    // No other stream could report the failure, and the exit code has a meaning of its own.
    let _ = stream.write_fmt(text).and_then(|()| stream.flush());
}
