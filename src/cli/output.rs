//! Printing to standard output and standard error. A closed pipe is no error.

use std::fmt::Display;
use std::io::{self, Write};

/// To standard output: what was asked for. Where it cannot be written, the program ends: an answer that is not
/// whole must not look like one.
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

/// To standard error: what is wrong.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
