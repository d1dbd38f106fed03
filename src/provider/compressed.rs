//! Answers that are compressed though nobody asked for it (spec/providers.md 2.3).

use std::io::{self, Read};

use crate::content_encoding::Coding;
use crate::exchange::{Interruption, Waiter};
use crate::failure::{Failure, FailureKind};

/// The body behind `codings`, the value of `Content-Encoding`.
///
/// # Errors
/// When one of them is not known here.
pub fn undone(
    codings: &str,
    body: Box<dyn Read>,
    waiter: &Waiter,
) -> Result<Box<dyn Read>, Failure> {
    let names = codings.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let mut names = names.rev().peekable();
    if names.peek().is_none() {
        return Ok(body);
    }
    let mut body: Box<dyn Read> = Box::new(Steady(body, waiter.clone()));
    // The last one was applied last.
    for name in names {
        let Some(coding) = Coding::of_name(name) else {
            let message = "the upstream compressed its answer in a way that is not supported here";
            return Err(Failure::new(FailureKind::Broken, message));
        };
        body = coding.undone(body);
    }
    Ok(Box::new(Told(body, waiter.clone())))
}

/// A body whose silence is not told: not every decoder can go on after an error.
struct Steady(Box<dyn Read>, Waiter);

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if Interruption::of(&error) == Some(Interruption::Awake) => {
                    self.1.wake_after(None);
                }
                read => return read,
            }
        }
    }
}

/// A decoded body: not every decoder tells why it failed.
struct Told(Box<dyn Read>, Waiter);

impl Read for Told {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0
            .read(buffer)
            .map_err(|error| match self.1.is_client_gone() {
                true => Interruption::ClientGone.into(),
                false => error,
            })
    }
}
