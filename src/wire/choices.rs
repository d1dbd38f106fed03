//! The choices of an answer: which have begun, and which have a finish reason.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Dialect;
use super::needle::{Needle, has_text, has_value, is_nonempty_text};
use crate::json::{self, Invalid, Scanner};

static DELTA: Needle = LazyLock::new(|| Finder::new("\"delta\""));
static CONTENT: Needle = LazyLock::new(|| Finder::new("\"content\""));
static INDEX: Needle = LazyLock::new(|| Finder::new("\"index\""));
pub static FINISH_CHAT: Needle = LazyLock::new(|| Finder::new("\"finish_reason\""));
pub static FINISH_GEMINI: Needle = LazyLock::new(|| Finder::new("\"finishReason\""));
static BLOCK: Needle = LazyLock::new(|| Finder::new("\"blockReason\""));

/// The choices of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choices {
    /// One bit per choice; those above 127 share the last one.
    begun: u128,
    finished: u128,
}

impl Choices {
    /// Reads the data of an event. JSON is parsed only if a choice may end, or is not the first.
    pub fn see(&mut self, dialect: Dialect, data: &[u8]) {
        let (content, finish) = match dialect {
            Dialect::Chat => (&DELTA, &FINISH_CHAT),
            Dialect::Gemini => (&CONTENT, &FINISH_GEMINI),
            Dialect::Messages | Dialect::Responses => return,
        };
        let is_plain = !has_text(data, finish) && !has_later_index(data) && !is_blocked(data);
        if is_plain {
            if self.begun & 1 == 0 {
                self.begun |= u128::from(content.find(data).is_some());
            }
            return;
        }
        let mut seen = *self;
        let visited = visit(dialect, data, &mut |choice| match choice {
            Choice::Blocked => seen.finished = u128::MAX,
            Choice::One { index, is_finished } => {
                let bit = 1 << index.min(127);
                seen.begun |= bit;
                if is_finished {
                    seen.finished |= bit;
                }
            }
        });
        if visited.is_ok() {
            *self = seen;
        }
    }

    /// Whether every choice that has begun has a finish reason.
    pub fn are_finished(&self) -> bool {
        self.finished != 0 && self.begun & !self.finished == 0
    }
}

/// What an event says of a choice.
enum Choice {
    One {
        index: u32,
        is_finished: bool,
    },
    /// The prompt is refused (Gemini).
    Blocked,
}

/// Whether an event of Chat or Gemini has a finish reason.
pub fn finishes(dialect: Dialect, data: &[u8]) -> bool {
    let may_finish = match dialect {
        Dialect::Chat => has_text(data, &FINISH_CHAT),
        _ => has_text(data, &FINISH_GEMINI) || is_blocked(data),
    };
    let mut finishes = false;
    may_finish
        && visit(dialect, data, &mut |choice| {
            finishes |= match choice {
                Choice::One { is_finished, .. } => is_finished,
                Choice::Blocked => true,
            }
        })
        .is_ok()
        && finishes
}

/// Whether the prompt may have been refused.
fn is_blocked(data: &[u8]) -> bool {
    has_text(data, &BLOCK)
}

/// Visits the choices of an event.
fn visit(dialect: Dialect, data: &[u8], each: &mut dyn FnMut(Choice)) -> Result<(), Invalid> {
    let mut scanner = Scanner::new(data)?;
    visit_in(dialect, &mut scanner, true, each)?;
    scanner.end()
}

fn visit_in(
    dialect: Dialect,
    scanner: &mut Scanner<'_>,
    is_top: bool,
    each: &mut dyn FnMut(Choice),
) -> Result<(), Invalid> {
    let (list, finish) = match dialect {
        Dialect::Chat => ("choices", "finish_reason"),
        _ => ("candidates", "finishReason"),
    };
    let is_gemini = dialect == Dialect::Gemini;
    scanner.object(|scanner, key| {
        let next = scanner.peek();
        if next == Some(b'[') && key.is(list) {
            return scanner.array(|scanner| {
                if scanner.peek() != Some(b'{') {
                    return scanner.skip();
                }
                let (mut index, mut is_finished) = (0, false);
                scanner.object(|scanner, key| {
                    let (value, _) = scanner.value()?;
                    match value {
                        json::Value::Number(number) if key.is("index") => {
                            index = number.parse().unwrap_or(0);
                        }
                        json::Value::String(text) if key.is(finish) => {
                            is_finished = !text.is_empty();
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                each(Choice::One { index, is_finished });
                Ok(())
            });
        }
        if is_gemini && next == Some(b'{') && key.is("promptFeedback") {
            return scanner.object(|scanner, key| {
                let (value, _) = scanner.value()?;
                if is_nonempty_text(&key, value, "blockReason") {
                    each(Choice::Blocked);
                }
                Ok(())
            });
        }
        if is_gemini && is_top && next == Some(b'{') && key.is("response") {
            return visit_in(dialect, scanner, false, each);
        }
        scanner.skip()
    })
}

/// Whether a choice has an index above 0.
fn has_later_index(json: &[u8]) -> bool {
    has_value(json, &INDEX, |next| matches!(next, b'1'..=b'9'))
}
