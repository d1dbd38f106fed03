//! Adapts the requested reasoning to what the model supports.

use super::effort::{Effort, Level, ReasoningRequest};
use super::support::{ReasoningSupport, Thinking};
use crate::wire::Dialect;

/// The model, as far as the settings depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    pub dialect: Dialect,
    /// `None` for an unknown model, for which nothing is checked.
    pub support: Option<&'r ReasoningSupport>,
    /// The client uses a model of its own vendor: settings that the model does not support are refused, not adapted.
    pub is_same: bool,
}

impl<'r> Target<'r> {
    pub fn new(client: Dialect, upstream: Dialect, support: Option<&'r ReasoningSupport>) -> Self {
        let is_openai = |dialect| matches!(dialect, Dialect::Chat | Dialect::Responses);
        let is_family = client == upstream || (is_openai(client) && is_openai(upstream));
        Self {
            dialect: upstream,
            support,
            is_same: is_family && support.is_some_and(|support| support.is_at_home(upstream)),
        }
    }

    /// Whether the dialect has levels only.
    fn has_words(&self) -> bool {
        matches!(self.dialect, Dialect::Chat | Dialect::Responses)
    }
}

/// The settings for the upstream. The effort of a suffix on the model's name takes precedence over the body's.
///
/// # Errors
/// A message for the client, where a model of its own vendor does not support what it asks for.
pub fn settle(
    wanted: ReasoningRequest,
    suffix: Option<Effort>,
    target: Target<'_>,
) -> Result<ReasoningRequest, String> {
    let Some(asked) = suffix.or(wanted.effort) else {
        return Ok(wanted);
    };
    let is_soft = wanted.is_soft && suffix.is_none();
    let Some(support) = target.support else {
        // Budgets are older than levels, so an unknown model is more likely to support them.
        let effort = match (asked, target.dialect) {
            (Effort::Level(level), Dialect::Gemini) => Effort::Budget(level.budget()),
            (other, _) => other,
        };
        return Ok(ReasoningRequest {
            effort: Some(effort),
            is_soft,
            ..wanted
        });
    };
    let Some(thinking) = &support.thinking else {
        return Ok(ReasoningRequest::default());
    };
    let is_strict = target.is_same && suffix.is_none();
    let fitted = fit(asked, thinking, target, is_soft, is_strict)?;
    let is_least = asked == Effort::None && fitted != Effort::None;
    Ok(ReasoningRequest {
        effort: Some(fitted),
        is_soft,
        is_shown: if is_least {
            Some(false)
        } else {
            wanted.is_shown
        },
    })
}

fn fit(
    asked: Effort,
    thinking: &Thinking,
    target: Target<'_>,
    is_soft: bool,
    is_strict: bool,
) -> Result<Effort, String> {
    let has_levels = !thinking.levels.is_empty();
    let has_budget = thinking.max > 0;
    Ok(match asked {
        Effort::None if thinking.zero || target.dialect == Dialect::Messages => Effort::None,
        Effort::None => match thinking.levels.first() {
            Some(lowest) => Effort::Level(*lowest),
            None => Effort::Budget(thinking.min),
        },
        Effort::Auto if thinking.dynamic && !target.has_words() => Effort::Auto,
        Effort::Auto if has_levels && target.dialect == Dialect::Messages => Effort::Auto,
        Effort::Auto if has_levels => Effort::Level(nearest(Level::Medium, thinking)),
        Effort::Auto => Effort::Budget(u64::midpoint(thinking.min, thinking.max)),
        Effort::Level(level) if has_levels => {
            if thinking.levels.contains(&level) {
                return Ok(asked);
            }
            if target.is_same {
                return Err(refused_level(level, thinking));
            }
            Effort::Level(nearest_for(level, thinking, target.dialect))
        }
        // The model supports its own choice only.
        Effort::Level(_) if is_soft && target.dialect == Dialect::Gemini => {
            Effort::Budget(thinking.max)
        }
        Effort::Level(level) => Effort::Budget(level.budget().clamp(thinking.min, thinking.max)),
        // A budget for another vendor's models is better expressed as a level.
        Effort::Budget(tokens)
            if has_levels
                && (!has_budget
                    || target.has_words()
                    || (target.dialect == Dialect::Messages && !target.is_same)) =>
        {
            Effort::Level(nearest(Level::of_budget(tokens), thinking))
        }
        Effort::Budget(tokens) => {
            if is_strict && !(thinking.min..=thinking.max).contains(&tokens) {
                return Err(format!(
                    "budget {tokens} out of range [{},{}]",
                    thinking.min, thinking.max
                ));
            }
            Effort::Budget(tokens.clamp(thinking.min, thinking.max))
        }
    })
}

fn refused_level(level: Level, thinking: &Thinking) -> String {
    let valid: Vec<&str> = thinking.levels.iter().map(|level| level.name()).collect();
    format!(
        "level \"{}\" not supported, valid levels: {}",
        level.name(),
        valid.join(", ")
    )
}

/// The nearest level that the model supports; of two, the lower.
fn nearest(level: Level, thinking: &Thinking) -> Level {
    let distance = |other: &Level| (level as i32 - *other as i32).abs();
    thinking
        .levels
        .iter()
        .copied()
        .min_by_key(|other| (distance(other), *other))
        .unwrap_or(level)
}

/// The same; Claude's two highest levels replace each other first.
fn nearest_for(level: Level, thinking: &Thinking, dialect: Dialect) -> Level {
    let ladder: &[Level] = match (dialect, level) {
        (Dialect::Messages, Level::XHigh) => &[Level::Max, Level::High],
        (Dialect::Messages, Level::Max) => &[Level::XHigh, Level::High],
        _ => &[],
    };
    let found = ladder.iter().find(|level| thinking.levels.contains(level));
    found.copied().unwrap_or_else(|| nearest(level, thinking))
}
