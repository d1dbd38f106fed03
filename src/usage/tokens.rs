//! Tokens as the statistics count them: by the vendors' own fields.

use serde::{Deserialize, Deserializer, Serialize};

use crate::wire::Dialect;
use crate::wire::usage::Usage;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    #[serde(deserialize_with = "count")]
    pub input_tokens: u64,
    #[serde(deserialize_with = "count")]
    pub output_tokens: u64,
    #[serde(deserialize_with = "count")]
    pub reasoning_tokens: u64,
    #[serde(deserialize_with = "count")]
    pub cached_tokens: u64,
    #[serde(deserialize_with = "count")]
    pub total_tokens: u64,
}

impl Tokens {
    /// What an upstream of `dialect` said. The vendors disagree on whether `input` has what was cached, and
    /// `output` the thoughts; each is shown as it counts itself.
    pub fn of(dialect: Dialect, usage: Usage) -> Self {
        let Usage {
            input,
            output,
            cached_read,
            cache_creation,
            reasoning,
            // Counted apart from tokens by every vendor.
            web_searches: _,
        } = usage;
        let total_tokens = input.saturating_add(output);
        match dialect {
            Dialect::Chat | Dialect::Responses => Self {
                input_tokens: input,
                output_tokens: output,
                reasoning_tokens: reasoning,
                cached_tokens: cached_read,
                total_tokens,
            },
            Dialect::Messages => {
                let uncached = input
                    .saturating_sub(cached_read)
                    .saturating_sub(cache_creation);
                Self {
                    input_tokens: uncached,
                    output_tokens: output,
                    reasoning_tokens: 0,
                    cached_tokens: match cached_read {
                        0 => cache_creation,
                        read => read,
                    },
                    total_tokens: uncached.saturating_add(output),
                }
            }
            Dialect::Gemini => Self {
                input_tokens: input,
                output_tokens: output.saturating_sub(reasoning),
                reasoning_tokens: reasoning,
                cached_tokens: cached_read,
                total_tokens,
            },
        }
    }

    /// With a total, if it has none.
    #[must_use]
    pub fn totalled(self) -> Self {
        let sum = self
            .input_tokens
            .saturating_add(self.output_tokens)
            .saturating_add(self.reasoning_tokens);
        let total_tokens = match (self.total_tokens, sum) {
            (0, 0) => self.cached_tokens,
            (0, sum) => sum,
            (total, _) => total,
        };
        Self {
            total_tokens,
            ..self
        }
    }
}

/// A count as files have it: null and negative numbers are 0.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Option::<i64>::deserialize(deserializer)?;
    Ok(number
        .and_then(|number| u64::try_from(number).ok())
        .unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_is_shown_as_it_counts() {
        let usage = Usage {
            input: 1000,
            output: 130,
            cached_read: 900,
            cache_creation: 60,
            reasoning: 50,
            web_searches: 0,
        };
        let shown = |dialect, usage| {
            let tokens = Tokens::of(dialect, usage);
            assert_eq!(tokens.totalled(), tokens);
            [
                tokens.input_tokens,
                tokens.output_tokens,
                tokens.reasoning_tokens,
                tokens.cached_tokens,
                tokens.total_tokens,
            ]
        };
        for dialect in [Dialect::Chat, Dialect::Responses] {
            assert_eq!(shown(dialect, usage), [1000, 130, 50, 900, 1130]);
        }
        assert_eq!(shown(Dialect::Messages, usage), [40, 130, 0, 900, 170]);
        assert_eq!(shown(Dialect::Gemini, usage), [1000, 80, 50, 900, 1130]);
        let first = Usage {
            cached_read: 0,
            ..usage
        };
        assert_eq!(shown(Dialect::Messages, first), [940, 130, 0, 60, 1070]);
    }

    #[test]
    fn a_missing_total_is_made() {
        let total = |input_tokens, reasoning_tokens, cached_tokens, total_tokens| {
            let tokens = Tokens {
                input_tokens,
                output_tokens: 0,
                reasoning_tokens,
                cached_tokens,
                total_tokens,
            };
            tokens.totalled().total_tokens
        };
        assert_eq!(total(1, 2, 4, 0), 3);
        assert_eq!(total(0, 0, 4, 0), 4);
        assert_eq!(total(1, 2, 4, 9), 9);
    }
}
