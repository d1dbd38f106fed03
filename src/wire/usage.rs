//! The usage that an answer reports, read from the vendors' fields.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::Dialect;
use super::needle::Needle;
use crate::json::{Invalid, Member, Scanner, Text, Value};

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// The part of `input` that was read from the prompt cache.
    pub cached_read: u64,
    /// The part of `input` that was written to the prompt cache.
    pub cache_creation: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Web searches, which are billed separately.
    pub web_searches: u64,
}

/// Collects the usage of an answer from its events. The largest value of a number counts: numbers only grow, and some
/// upstreams end with zeros.
#[derive(Clone, Debug)]
pub struct Meter {
    dialect: Dialect,
    said: Option<Said>,
}

/// The usage of a whole JSON answer.
pub fn of_body(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let mut meter = Meter::new(dialect);
    meter.read(body);
    meter.usage()
}

/// The usage of a whole JSON answer whose members are known.
pub fn of_members(dialect: Dialect, body: &[u8], members: &[Member<'_>]) -> Option<Usage> {
    let mut meter = Meter::new(dialect);
    for member in members
        .iter()
        .filter(|member| USAGE.contains(&&*member.key))
    {
        let span = member.value;
        let value = body.get(span.start..span.end).unwrap_or_default();
        if let Ok(mut scanner) = Scanner::new(value)
            && scanner.peek() == Some(b'{')
            && let Ok(numbers) = Numbers::read(&mut scanner)
        {
            let said = meter.said.get_or_insert_default();
            said.read(dialect, &numbers);
        }
    }
    meter.usage()
}

/// The names of usage members.
const USAGE: &[&str] = &["usage", "usageMetadata", "usage_metadata"];

impl Meter {
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            said: None,
        }
    }

    /// Reads the data of one event, or a whole body. Without usage in it, this is one byte search.
    pub fn read(&mut self, json: &[u8]) {
        if !has_usage(json) {
            return;
        }
        for usage in usages(json) {
            let said = self.said.get_or_insert_default();
            said.read(self.dialect, &usage);
        }
    }

    /// The usage so far; `None` if there was none.
    pub fn usage(&self) -> Option<Usage> {
        self.said.as_ref()?.total(self.dialect)
    }
}

/// Whether `json` may have a usage object: a `"usage…"` key with an object as its value. Most chunks of a stream have
/// none, or `null`.
fn has_usage(json: &[u8]) -> bool {
    static KEY: Needle = LazyLock::new(|| Finder::new("\"usage"));
    KEY.find_iter(json).any(|at| {
        let after = json.get(at + 1..).unwrap_or_default();
        let key_end = memchr::memchr(b'"', after).unwrap_or(after.len());
        let mut next = after
            .iter()
            .skip(key_end + 1)
            .filter(|byte| !byte.is_ascii_whitespace());
        next.next() == Some(&b':') && next.next() == Some(&b'{')
    })
}

/// The numbers of a usage object, and those one level below.
#[derive(Default)]
struct Numbers<'a>(Vec<(Option<Text<'a>>, Text<'a>, u64)>);

impl<'a> Numbers<'a> {
    /// Reads the object at the scanner's position.
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Invalid> {
        let mut numbers = Self::default();
        numbers.members(scanner, None)?;
        Ok(numbers)
    }

    fn members(
        &mut self,
        scanner: &mut Scanner<'a>,
        outer: Option<Text<'a>>,
    ) -> Result<(), Invalid> {
        scanner.object(|scanner, key| {
            if outer.is_none() && scanner.peek() == Some(b'{') {
                return self.members(scanner, Some(key));
            }
            if let (Value::Number(number), _) = scanner.value()?
                && let Ok(number) = number.parse()
            {
                self.0.push((outer, key, number));
            }
            Ok(())
        })
    }

    /// The number at `name` or `object/name`.
    fn at(&self, path: &str) -> Option<u64> {
        let (object, name) = match path.split_once('/') {
            Some((object, name)) => (Some(object), name),
            None => (None, path),
        };
        let is_it = |outer: Option<Text<'_>>, key: Text<'_>| {
            key.is(name)
                && match (outer, object) {
                    (Some(outer), Some(object)) => outer.is(object),
                    (None, None) => true,
                    _ => false,
                }
        };
        let found = self
            .0
            .iter()
            .rev()
            .find(|(outer, key, _)| is_it(*outer, *key));
        found.map(|(_, _, number)| *number)
    }
}

/// The usage objects: at the top (chat, whole answers, the last Messages event) and in an envelope (the first
/// Messages event, the events of Responses, Gemini's envelope).
fn usages(json: &[u8]) -> Vec<Numbers<'_>> {
    let mut found = Vec::new();
    if let Ok(mut scanner) = Scanner::new(json) {
        let walked = look_for_usage(&mut scanner, true, &mut found);
        if walked.and_then(|()| scanner.end()).is_err() {
            found.clear();
        }
    }
    found
}

fn look_for_usage<'a>(
    scanner: &mut Scanner<'a>,
    is_top: bool,
    found: &mut Vec<Numbers<'a>>,
) -> Result<(), Invalid> {
    scanner.object(|scanner, key| {
        let is = |names: &[&str]| names.iter().any(|name| key.is(name));
        if scanner.peek() == Some(b'{') {
            if is_top && is(&["response", "message"]) {
                return look_for_usage(scanner, false, found);
            }
            if is(USAGE) {
                found.push(Numbers::read(scanner)?);
                return Ok(());
            }
        }
        scanner.value().map(drop)
    })
}

/// The vendor's numbers, as far as they were reported.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// All input (Chat, Responses, Gemini), or only what was not cached (Messages).
    input: Option<u64>,
    output: Option<u64>,
    cached_read: Option<u64>,
    cache_creation: Option<u64>,
    reasoning: Option<u64>,
    tool_prompt: Option<u64>,
    web_searches: Option<u64>,
    total: Option<u64>,
}

impl Said {
    fn read(&mut self, dialect: Dialect, usage: &Numbers<'_>) {
        let most = |paths: &[&str]| paths.iter().filter_map(|path| usage.at(path)).max();
        let keep = |field: &mut Option<u64>, paths: &[&str]| *field = most(paths).max(*field);
        keep(
            &mut self.web_searches,
            &["server_tool_use/web_search_requests"],
        );
        match dialect {
            // Compatible upstreams mix the names of both dialects.
            Dialect::Chat | Dialect::Responses => {
                keep(&mut self.input, &["prompt_tokens", "input_tokens"]);
                keep(&mut self.output, &["completion_tokens", "output_tokens"]);
                keep(
                    &mut self.cached_read,
                    &[
                        "prompt_tokens_details/cached_tokens",
                        "input_tokens_details/cached_tokens",
                        "prompt_cache_hit_tokens",
                        "cached_tokens",
                    ],
                );
                keep(
                    &mut self.cache_creation,
                    &[
                        "prompt_tokens_details/cache_write_tokens",
                        "input_tokens_details/cache_write_tokens",
                    ],
                );
                keep(
                    &mut self.reasoning,
                    &[
                        "completion_tokens_details/reasoning_tokens",
                        "output_tokens_details/reasoning_tokens",
                    ],
                );
            }
            Dialect::Messages => {
                keep(&mut self.output, &["output_tokens"]);
                // The cached part is not included in the rest, so these numbers are compared together.
                let read = [
                    most(&["input_tokens"]).or(self.input),
                    most(&["cache_read_input_tokens"]).or(self.cached_read),
                    most(&["cache_creation_input_tokens"]).or(self.cache_creation),
                ];
                let known = [self.input, self.cached_read, self.cache_creation];
                let sum = |numbers: [Option<u64>; 3]| {
                    let said = numbers.into_iter().flatten();
                    said.fold(0_u64, u64::saturating_add)
                };
                if sum(read) >= sum(known) {
                    [self.input, self.cached_read, self.cache_creation] = read;
                }
                keep(
                    &mut self.reasoning,
                    &["output_tokens_details/thinking_tokens"],
                );
            }
            Dialect::Gemini => {
                keep(&mut self.input, &["promptTokenCount"]);
                keep(&mut self.output, &["candidatesTokenCount"]);
                keep(&mut self.cached_read, &["cachedContentTokenCount"]);
                keep(&mut self.reasoning, &["thoughtsTokenCount"]);
                keep(&mut self.tool_prompt, &["toolUsePromptTokenCount"]);
                keep(&mut self.total, &["totalTokenCount"]);
            }
        }
    }

    fn total(&self, dialect: Dialect) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let cached_read = self.cached_read.unwrap_or(0);
        let cache_creation = self.cache_creation.unwrap_or(0);
        let reasoning = self.reasoning.unwrap_or(0);
        let said = self.input.unwrap_or(0);
        let (input, output) = match dialect {
            Dialect::Chat | Dialect::Responses => (said, self.output.unwrap_or(0)),
            Dialect::Messages => (
                said.saturating_add(cached_read)
                    .saturating_add(cache_creation),
                self.output.unwrap_or(0),
            ),
            Dialect::Gemini => {
                let input = said.saturating_add(self.tool_prompt.unwrap_or(0));
                let left = self.total.map(|total| total.saturating_sub(input));
                let visible = self.output.map(|visible| visible.saturating_add(reasoning));
                (input, visible.or(left).unwrap_or(0))
            }
        };
        Some(Usage {
            input,
            output,
            cached_read,
            cache_creation,
            reasoning,
            web_searches: self.web_searches.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests;
