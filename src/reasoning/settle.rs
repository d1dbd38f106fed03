//! What the model can of what is asked for (spec/dialects.md 3.3).

use super::effort::{Effort, Level, ReasoningRequest};
use super::support::{ReasoningSupport, Thinking};
use crate::wire::Dialect;

/// Who is to think.
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    pub dialect: Dialect,
    /// `None`: nothing is known of the model, and nothing is checked.
    pub support: Option<&'r ReasoningSupport>,
    /// The client speaks to a model of its own vendor: it knows the model, and is told where it is mistaken.
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

    /// Where amounts are words.
    fn has_words(&self) -> bool {
        matches!(self.dialect, Dialect::Chat | Dialect::Responses)
    }
}

/// What the upstream is to be told. A suffix on the model's name outranks the body, for the effort.
///
/// # Errors
/// In words for the client: it asks a model of its own dialect for what that does not have.
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
        // Budgets are older than levels, so they are what an unknown model is likelier to take.
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
        // "As the provider sees fit" is all that it has.
        Effort::Level(_) if is_soft && target.dialect == Dialect::Gemini => {
            Effort::Budget(thinking.max)
        }
        Effort::Level(level) => Effort::Budget(level.budget().clamp(thinking.min, thinking.max)),
        // Levels say it better where the budget was made for another vendor's models.
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

/// The level of the model that is nearest; of two, the lower.
fn nearest(level: Level, thinking: &Thinking) -> Level {
    let distance = |other: &Level| (level as i32 - *other as i32).abs();
    thinking
        .levels
        .iter()
        .copied()
        .min_by_key(|other| (distance(other), *other))
        .unwrap_or(level)
}

/// The same; Claude's highest levels stand for each other first.
fn nearest_for(level: Level, thinking: &Thinking, dialect: Dialect) -> Level {
    let ladder: &[Level] = match (dialect, level) {
        (Dialect::Messages, Level::XHigh) => &[Level::Max, Level::High],
        (Dialect::Messages, Level::Max) => &[Level::XHigh, Level::High],
        _ => &[],
    };
    let found = ladder.iter().find(|level| thinking.levels.contains(level));
    found.copied().unwrap_or_else(|| nearest(level, thinking))
}
