//! Prints to standard output and standard error. A closed pipe is not an error.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a result to standard output. Exits if that fails, because a partial result must not look complete.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(format_args!("holdfast: cannot print: {error}"));
            std::process::exit(super::exit::INPUT.into());
        }
        _ => {}
    }
}

/// Prints an error to standard error.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
