//! The blocks of credentials.

use super::page::Page;
use crate::config::credentials::{
    Common, CompatEntry, CompatKey, HeaderValueSource, KeyEntry, ModelRow, Thinking, Tuning,
};
use crate::config::error_rule::ErrorRule;
use crate::config::show::Show as _;
use crate::config::word::Word as _;

pub fn keys(page: &mut Page<'_>, block: &str, entries: &[KeyEntry]) {
    let place = |entry: &KeyEntry, _| entry.common.place.path.clone();
    page.list(block, entries, place, |page, entry| {
        let KeyEntry {
            common: shared,
            key,
            proxy,
            excluded_models,
            websockets,
        } = entry;
        page.value("api-key", key);
        common(page, shared);
        page.value("proxy-url", proxy);
        page.value("excluded-models", &excluded_models[..]);
        if block == "codex-api-key" {
            page.value("websockets", websockets);
        }
    });
}

pub fn compat(page: &mut Page<'_>, entries: &[CompatEntry]) {
    let place = |entry: &CompatEntry, _| entry.common.place.path.clone();
    page.list("openai-compatibility", entries, place, |page, entry| {
        let CompatEntry {
            common: shared,
            name,
            // In what all entries share, too.
            base_url: _,
            keys,
        } = entry;
        page.value("name", name);
        common(page, shared);
        let keys = keys.as_deref().unwrap_or_default();
        let place = |key: &CompatKey, _| key.place.path.clone();
        page.list("api-key-entries", keys, place, |page, entry| {
            let CompatKey {
                place: _,
                key,
                proxy,
                tuning: own,
                errors,
            } = entry;
            page.value("api-key", key);
            page.value("proxy-url", proxy);
            tuning(page, *own);
            error_rules(page, "request-scoped-errors", errors);
        });
    });
}

fn common(page: &mut Page<'_>, common: &Common) {
    let Common {
        place: _,
        base_url,
        prefix,
        headers,
        models,
        priority,
        tuning: own,
        errors,
    } = common;
    page.value("base-url", base_url);
    page.value("prefix", prefix);
    page.value("priority", priority);
    tuning(page, *own);
    page.block("headers", |page| {
        for (name, source) in headers {
            match source {
                HeaderValueSource::Literal(value) => page.value(name, value),
                HeaderValueSource::Client(header) => page.value(name, &format!("${header}")),
            }
        }
    });
    let models = models.as_deref().unwrap_or_default();
    page.list("models", models, |row, _| row.place.path.clone(), model);
    error_rules(page, "request-scoped-errors", errors);
}

/// A list of rules about errors.
pub fn error_rules(page: &mut Page<'_>, name: &str, rules: &[ErrorRule]) {
    let place = |rule: &ErrorRule, _| rule.place.path.clone();
    page.list(name, rules, place, |page, rule| {
        let ErrorRule {
            place: _,
            status,
            texts,
            patterns,
            action,
        } = rule;
        page.value("status", status);
        page.value("match", &texts[..]);
        let patterns: Vec<String> = patterns.iter().map(|it| it.as_str().to_owned()).collect();
        page.value("match-regexr", &patterns[..]);
        page.value("action", &action.name().to_owned());
    });
}

fn tuning(page: &mut Page<'_>, tuning: Tuning) {
    let Tuning {
        disable_cooling,
        request_retry,
        weight,
    } = tuning;
    for (key, shown) in [
        ("weight", weight.map(|it| it.show())),
        ("disable-cooling", disable_cooling.map(|it| it.show())),
        ("request-retry", request_retry.map(|it| it.show())),
    ] {
        page.shown(key, shown.flatten());
    }
}

fn model(page: &mut Page<'_>, row: &ModelRow) {
    let ModelRow {
        place: _,
        name,
        alias,
        display_name,
        context,
        thinking,
        force_mapping,
    } = row;
    page.value("name", name);
    page.value("alias", alias);
    if let Some(display_name) = display_name {
        page.value("display-name", display_name);
    }
    if let Some(context) = context {
        page.value("max-context-length", context);
    }
    match thinking {
        None => {}
        Some(Thinking::Levels(levels)) => page.block("thinking", |page| {
            let levels: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
            page.value("levels", &levels[..]);
        }),
        Some(Thinking::Budget {
            min,
            max,
            zero,
            dynamic,
        }) => page.block("thinking", |page| {
            page.value("min", min);
            page.value("max", max);
            page.value("zero-allowed", zero);
            page.value("dynamic-allowed", dynamic);
        }),
    }
    page.value("force-mapping", force_mapping);
}
