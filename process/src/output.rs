//! Output for the person who started a program. A standard stream that nobody reads any more is no failure.

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
    // There is no other stream to report a failure on, and the exit code has its own meaning.
    let _ = stream.write_fmt(text).and_then(|()| stream.flush());
}
