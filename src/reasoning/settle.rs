//! What the model can of what is asked for (spec/dialects.md 3.3).

use super::{Amount, Level, Record, Thinking, Wish};
use crate::wire::Dialect;

/// Who is to think.
#[derive(Clone, Copy, Debug)]
pub struct Target<'r> {
    pub dialect: Dialect,
    /// `None`: nothing is known of the model, and nothing is checked.
    pub record: Option<&'r Record>,
    /// The client speaks to a model of its own vendor: it knows the model, and is told where it is mistaken.
    pub is_same: bool,
}

impl<'r> Target<'r> {
    pub fn new(client: Dialect, upstream: Dialect, record: Option<&'r Record>) -> Self {
        let is_openai = |dialect| matches!(dialect, Dialect::Chat | Dialect::Responses);
        let is_family = client == upstream || (is_openai(client) && is_openai(upstream));
        Self {
            dialect: upstream,
            record,
            is_same: is_family && record.is_some_and(|record| record.is_at_home(upstream)),
        }
    }

    /// Where amounts are words.
    fn has_words(&self) -> bool {
        matches!(self.dialect, Dialect::Chat | Dialect::Responses)
    }
}

/// What the upstream is to be told. A suffix on the model's name outranks the body, for the amount.
///
/// # Errors
/// In words for the client: it asks a model of its own dialect for what that does not have.
pub fn settle(wish: Wish, suffix: Option<Amount>, target: Target<'_>) -> Result<Wish, String> {
    let Some(asked) = suffix.or(wish.amount) else {
        return Ok(wish);
    };
    let is_soft = wish.is_soft && suffix.is_none();
    let Some(record) = target.record else {
        // Budgets are older than levels, so they are what an unknown model is likelier to take.
        let amount = match (asked, target.dialect) {
            (Amount::Level(level), Dialect::Gemini) => Amount::Budget(level.budget()),
            (other, _) => other,
        };
        return Ok(Wish {
            amount: Some(amount),
            is_soft,
            ..wish
        });
    };
    let Some(thinking) = &record.thinking else {
        return Ok(Wish::default());
    };
    let is_strict = target.is_same && suffix.is_none();
    let fitted = fit(asked, thinking, target, is_soft, is_strict)?;
    let is_least = asked == Amount::None && fitted != Amount::None;
    Ok(Wish {
        amount: Some(fitted),
        is_soft,
        is_shown: if is_least { Some(false) } else { wish.is_shown },
    })
}

fn fit(
    asked: Amount,
    thinking: &Thinking,
    target: Target<'_>,
    is_soft: bool,
    is_strict: bool,
) -> Result<Amount, String> {
    let has_levels = !thinking.levels.is_empty();
    let has_budget = thinking.max > 0;
    Ok(match asked {
        Amount::None if thinking.zero || target.dialect == Dialect::Messages => Amount::None,
        Amount::None => match thinking.levels.first() {
            Some(lowest) => Amount::Level(*lowest),
            None => Amount::Budget(thinking.min),
        },
        Amount::Auto if thinking.dynamic && !target.has_words() => Amount::Auto,
        Amount::Auto if has_levels && target.dialect == Dialect::Messages => Amount::Auto,
        Amount::Auto if has_levels => Amount::Level(nearest(Level::Medium, thinking)),
        Amount::Auto => Amount::Budget(u64::midpoint(thinking.min, thinking.max)),
        Amount::Level(level) if has_levels => {
            if thinking.levels.contains(&level) {
                return Ok(asked);
            }
            if target.is_same {
                return Err(refused_level(level, thinking));
            }
            Amount::Level(nearest_for(level, thinking, target.dialect))
        }
        // "As the provider sees fit" is all that it has.
        Amount::Level(_) if is_soft && target.dialect == Dialect::Gemini => {
            Amount::Budget(thinking.max)
        }
        Amount::Level(level) => Amount::Budget(level.budget().clamp(thinking.min, thinking.max)),
        // Levels say it better where the budget was made for another vendor's models.
        Amount::Budget(tokens)
            if has_levels
                && (!has_budget
                    || target.has_words()
                    || (target.dialect == Dialect::Messages && !target.is_same)) =>
        {
            Amount::Level(nearest(Level::of_budget(tokens), thinking))
        }
        Amount::Budget(tokens) => {
            if is_strict && !(thinking.min..=thinking.max).contains(&tokens) {
                return Err(format!(
                    "budget {tokens} out of range [{},{}]",
                    thinking.min, thinking.max
                ));
            }
            Amount::Budget(tokens.clamp(thinking.min, thinking.max))
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
