//! A configuration as it is understood: every key with its value and its origin. What is printed is a configuration
//! again, except that secrets are masked.

mod credentials;
mod page;
mod rules;

use std::collections::HashMap;

pub use page::Leaf;
use page::{Origin, Page, origins};

use super::keys::{self, Key, Kind};
use super::settings::{AmpKey, AmpMapping, Config, FollowedLogin, OauthAlias, OauthClient};

/// Renders `config`, which was read from `text`.
pub fn render(config: &Config, text: &str) -> String {
    written(config, origins(text)).text
}

/// Every single value, in the order of the page.
pub fn leaves(config: &Config) -> Vec<Leaf> {
    written(config, HashMap::new()).leaves
}

fn written(config: &Config, origins: HashMap<String, Origin>) -> Page<'_> {
    let mut page = Page::new(&config.file, origins);
    let groups = keys::GROUPS.iter();
    let keys: Vec<&Key> = groups.flat_map(|(_, keys)| *keys).collect();
    for key in keys.iter().filter(|key| !key.path.contains('.')) {
        if key.kind != Kind::Mapping {
            value(&mut page, key, config);
            continue;
        }
        let inside = |inner: &&&Key| inner.split().0 == key.path;
        let inner: Vec<&&Key> = keys.iter().filter(inside).collect();
        let is_shown = |inner: &&&Key| inner.has_value() || inner.kind == Kind::List;
        if inner.iter().any(is_shown) {
            page.block(&key.path, |page| {
                inner.iter().for_each(|key| value(page, key, config));
            });
        }
    }
    page
}

fn value(page: &mut Page<'_>, key: &Key, config: &Config) {
    let place = |index| format!("{}[{index}]", key.path);
    let name = key.split().1;
    match &*key.path {
        "claude-api-key" => credentials::keys(page, name, &config.claude),
        "gemini-api-key" => credentials::keys(page, name, &config.gemini),
        "vertex-api-key" => credentials::keys(page, name, &config.vertex),
        "codex-api-key" => credentials::keys(page, name, &config.codex),
        "xai-api-key" => credentials::keys(page, name, &config.xai),
        "openai-compatibility" => credentials::compat(page, &config.compat),
        "ampcode.upstream-api-keys" => {
            let keys = &config.amp.upstream_keys;
            page.list(
                name,
                keys,
                |_, index| place(index),
                |page, entry| {
                    let AmpKey { upstream, clients } = entry;
                    page.value("upstream-api-key", upstream);
                    page.value("api-keys", &clients[..]);
                },
            );
        }
        "ampcode.model-mappings" => {
            let rows = &config.amp.mappings;
            page.list(
                name,
                rows,
                |_, index| place(index),
                |page, row| {
                    let AmpMapping { from, to, is_regex } = row;
                    page.value("from", from);
                    page.value("to", to);
                    page.value("regex", is_regex);
                },
            );
        }
        "cli-credentials" => {
            let rows = &config.followed;
            page.list(name, rows, |row, _| row.place.path.clone(), followed);
        }
        "oauth-clients" => page.block(name, |page| {
            for (channel, client) in &config.oauth_clients {
                page.block(channel, |page| {
                    let OauthClient {
                        id,
                        secret,
                        token_uri,
                    } = client;
                    page.value("client-id", id);
                    page.value("client-secret", secret);
                    page.value("token-uri", token_uri);
                });
            }
        }),
        "oauth-model-alias" => page.block(name, |page| {
            for (channel, rows) in &config.oauth_aliases {
                page.list(channel, rows, |row, _| row.place.path.clone(), alias);
            }
        }),
        "oauth-excluded-models" => page.block(name, |page| {
            for (channel, rows) in &config.oauth_exclusions {
                let patterns: Vec<String> = rows.iter().map(|row| row.pattern.clone()).collect();
                page.value(channel, &patterns[..]);
            }
        }),
        "oauth-request-scoped-errors" => page.block(name, |page| {
            for (channel, rules) in &config.oauth_errors {
                credentials::error_rules(page, channel, rules);
            }
        }),
        path if path.starts_with("payload.") => rules::section(page, name, &config.payload),
        _ => page.shown(name, key.value(config)),
    }
}

fn followed(page: &mut Page<'_>, row: &FollowedLogin) {
    let FollowedLogin {
        place: _,
        program,
        path,
        prefix,
        priority,
        proxy,
        excluded_models,
        note,
    } = row;
    page.value("cli", &(*program).to_owned());
    page.value("path", path);
    page.value("prefix", prefix);
    page.value("priority", priority);
    page.value("proxy-url", proxy);
    page.value("excluded-models", &excluded_models[..]);
    page.value("note", note);
}

fn alias(page: &mut Page<'_>, row: &OauthAlias) {
    let OauthAlias {
        place: _,
        name,
        alias,
        fork,
        display_name,
        force_mapping,
    } = row;
    page.value("name", name);
    page.value("alias", alias);
    page.value("fork", fork);
    if let Some(display_name) = display_name {
        page.value("display-name", display_name);
    }
    page.value("force-mapping", force_mapping);
}
