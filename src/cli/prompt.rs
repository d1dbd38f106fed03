//! Asks the user on the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::config::Secret;

/// Whether a user can be asked.
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks `question` and returns the answer without white space around it.
///
/// # Errors
/// When nothing can be read, or the input has ended.
pub fn ask(question: &str) -> io::Result<String> {
    let mut out = io::stderr().lock();
    write!(out, "{question} ")?;
    out.flush()?;
    line()
}

/// As [`ask`], without echo. If standard input is not a terminal, reads one line from it without a question.
///
/// # Errors
/// As [`ask`].
pub fn secret(question: &str) -> io::Result<Secret> {
    if !io::stdin().is_terminal() {
        return line().map(Secret::new);
    }
    let hidden = Hidden::begin()?;
    let answer = ask(question);
    drop(hidden);
    let _ = writeln!(io::stderr().lock());
    answer.map(Secret::new)
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    if io::stdin().lock().read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim().to_owned())
}

/// Turns off the terminal's echo until dropped.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
