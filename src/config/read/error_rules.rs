//! `request-scoped-errors` of an entry, and `oauth-request-scoped-errors` of a channel.

use crate::config::error_rule::{ErrorAction, ErrorRule, Pattern};
use crate::config::reader::{Field, Mapping};
use crate::config::word::{Word, one_of};

/// The rules of a list. One that cannot match is skipped.
pub fn read(field: &Field<'_>) -> Vec<ErrorRule> {
    field.mappings().iter().filter_map(rule).collect()
}

fn rule(row: &Mapping<'_>) -> Option<ErrorRule> {
    let status = status(&row.field("status"));
    let texts = row.field("match").texts();
    let patterns = row.field("match-regexr").items();
    let patterns = patterns.iter().filter_map(pattern).collect();
    let action = action(&row.field("action"));
    let rule = ErrorRule {
        place: row.place.clone(),
        status: status?,
        texts,
        patterns,
        action: action?,
    };
    if rule.texts.is_empty() && rule.patterns.is_empty() {
        row.warn("has neither `match` nor `match-regexr`: skipped");
        return None;
    }
    Some(rule)
}

fn status(field: &Field<'_>) -> Option<u16> {
    let status = field.filled().and_then(|text| text.parse().ok());
    let status = status.filter(|status| (100..600).contains(status));
    if status.is_none() {
        field.warn("must be a status from 100 to 599: the rule is skipped");
    }
    status
}

fn pattern(item: &Field<'_>) -> Option<Pattern> {
    let text = item.filled()?;
    let pattern = Pattern::parse(&text);
    if pattern.is_none() {
        item.warn("is not a regular expression that can be used: skipped");
    }
    pattern
}

fn action(field: &Field<'_>) -> Option<ErrorAction> {
    let word = field.filled().unwrap_or_default().to_ascii_lowercase();
    let action = ErrorAction::of_name(&word);
    if action.is_none() {
        let actions = one_of(ErrorAction::NAMES);
        field.warn(format!("must be {actions}: the rule is skipped"));
    }
    action
}
