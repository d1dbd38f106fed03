//! Printing. A reader that has gone away is no failure: nothing here complains of a closed pipe.

use std::fmt::Display;
use std::io::{self, Write};

/// To standard output: what was asked for.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// To standard error: what is wrong.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
