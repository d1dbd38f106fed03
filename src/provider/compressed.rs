//! Decodes compressed answers. Some upstreams compress although no `Accept-Encoding` asks for it.

use std::io::{self, Read};

use crate::content_encoding::ContentEncoding;
use crate::exchange::{Interruption, Waiter};
use crate::failure::{Failure, FailureKind};

/// The decoded body, for `encodings`, the value of `Content-Encoding`.
///
/// # Errors
/// When a encoding is not supported.
pub fn undone(
    encodings: &str,
    body: Box<dyn Read>,
    waiter: &Waiter,
) -> Result<Box<dyn Read>, Failure> {
    let names = encodings.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let mut names = names.rev().peekable();
    if names.peek().is_none() {
        return Ok(body);
    }
    let mut body: Box<dyn Read> = Box::new(Steady(body, waiter.clone()));
    // The last encoding was applied last (RFC 9110, 8.4).
    for name in names {
        let Some(encoding) = ContentEncoding::of_name(name) else {
            let message = "the upstream's answer has an unsupported Content-Encoding";
            return Err(Failure::new(FailureKind::Broken, message));
        };
        body = encoding.decoder(body);
    }
    Ok(Box::new(Told(body, waiter.clone())))
}

/// A body that hides pauses, because not every decoder can continue after an error.
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

/// A decoded body with the original error, because not every decoder returns it.
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
