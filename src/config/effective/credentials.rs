//! The blocks of credentials.

use super::page::{Page, quoted};
use super::{Kept, Secret};
use crate::config::entries::{Common, CompatEntry, CompatKey, KeyEntry, ModelRow, Tuning};
use crate::config::headers::HeaderValueSource;
use crate::config::thinking::Thinking;
use crate::config::url::ProxySetting;

pub fn proxy(page: &mut Page<'_>, proxy: &ProxySetting) {
    let shown = match proxy {
        ProxySetting::Inherit => String::new(),
        ProxySetting::Direct => "direct".to_owned(),
        ProxySetting::Url(url) => url.to_string(),
    };
    let path = page.here("proxy-url");
    let shown = quoted(&shown);
    page.line("proxy-url", &shown, &path);
    let kept = match proxy {
        ProxySetting::Url(url) => vec![Secret::new(url.reveal())],
        ProxySetting::Inherit | ProxySetting::Direct => Vec::new(),
    };
    page.leaf(path, shown, Some(Kept(kept)));
}

pub fn keys(page: &mut Page<'_>, block: &str, entries: &[KeyEntry]) {
    let place = |entry: &KeyEntry, _| entry.common.place.path.clone();
    page.list(block, entries, place, |page, entry| {
        let KeyEntry {
            common: shared,
            key,
            proxy: way,
            excluded_models,
            websockets,
        } = entry;
        page.secret("api-key", Some(key));
        common(page, shared);
        proxy(page, way);
        page.texts(
            "excluded-models",
            excluded_models.iter().map(String::as_str),
        );
        if block == "codex-api-key" {
            page.plain("websockets", websockets);
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
        page.text("name", name);
        common(page, shared);
        let keys = keys.as_deref().unwrap_or_default();
        let place = |key: &CompatKey, _| key.place.path.clone();
        page.list("api-key-entries", keys, place, |page, entry| {
            let CompatKey {
                place: _,
                key,
                proxy: way,
                tuning: own,
            } = entry;
            page.secret("api-key", key.as_ref());
            proxy(page, way);
            tuning(page, *own);
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
    } = common;
    page.text("base-url", base_url.as_deref().unwrap_or_default());
    page.text("prefix", prefix.as_deref().unwrap_or_default());
    page.plain("priority", priority);
    tuning(page, *own);
    page.block("headers", |page| {
        for (name, source) in headers {
            match source {
                HeaderValueSource::Literal(value) => page.secret(name, Some(value)),
                HeaderValueSource::Client(header) => page.text(name, &format!("${header}")),
            }
        }
    });
    let models = models.as_deref().unwrap_or_default();
    page.list("models", models, |row, _| row.place.path.clone(), model);
}

fn tuning(page: &mut Page<'_>, tuning: Tuning) {
    let Tuning {
        disable_cooling,
        request_retry,
        weight,
    } = tuning;
    if let Some(weight) = weight {
        page.plain("weight", weight);
    }
    if let Some(disable_cooling) = disable_cooling {
        page.plain("disable-cooling", disable_cooling);
    }
    if let Some(request_retry) = request_retry {
        page.plain("request-retry", request_retry);
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
    page.text("name", name);
    page.text("alias", alias);
    if let Some(display_name) = display_name {
        page.text("display-name", display_name);
    }
    if let Some(context) = context {
        page.plain("max-context-length", context);
    }
    match thinking {
        None => {}
        Some(Thinking::Levels(levels)) => page.block("thinking", |page| {
            page.texts("levels", levels.iter().copied());
        }),
        Some(Thinking::Budget {
            min,
            max,
            zero,
            dynamic,
        }) => page.block("thinking", |page| {
            page.plain("min", min);
            page.plain("max", max);
            page.plain("zero-allowed", zero);
            page.plain("dynamic-allowed", dynamic);
        }),
    }
    page.plain("force-mapping", force_mapping);
}
