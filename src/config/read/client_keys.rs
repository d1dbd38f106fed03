//! `api-keys` and `api-keys-file`, and what follows where there are none.

use std::collections::HashSet;

use super::{files, key_check};
use crate::config::client_keys::{ClientKeys, is_loopback};
use crate::config::reader::{Field, Mapping};
use crate::config::secret::Secret;
use crate::config::settings::{Config, LOOPBACK};
use crate::config::yaml::{Entry, Value};

/// Whether a document says that there are keys. It is asked before variables are put in: what has no value may look
/// as if nothing had been written.
pub fn are_written(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| match entry.key.text.as_str() {
        "api-keys" => match &entry.value.value {
            Value::Sequence(items) => !items.is_empty(),
            _ => !entry.value.is_null(),
        },
        "api-keys-file" => !entry.value.is_null(),
        _ => false,
    })
}

/// The keys in place, or those of `api-keys-file`, one in a line. `are_written`: see there.
pub fn read(root: &Mapping<'_>, are_written: bool) -> ClientKeys {
    let (field, file) = (root.field("api-keys"), root.field("api-keys-file"));
    let mut keys = field.texts();
    let has_file = file.filled().is_some();
    let mut is_usable = !field.is_no_list();
    if has_file {
        if field.node().is_some() {
            file.error("cannot be set together with `api-keys`");
            is_usable = false;
        } else {
            match files::text(&file) {
                Some(text) => keys.extend(files::lines(&text).map(str::to_owned)),
                None => is_usable = false,
            }
        }
    }
    let mut seen = HashSet::new();
    let written = keys.len();
    keys.retain(|key| seen.insert(key.clone()));
    let is_repeated = keys.len() < written;
    if !are_written {
        return ClientKeys::NotConfigured;
    }
    let keys = ClientKeys::Configured(keys.into_iter().map(Secret::new).collect());
    let place = match has_file || field.place.line == 0 {
        true => &file,
        false => &field,
    };
    if is_repeated {
        place.warn("holds a key twice");
    }
    let mistake = |key: &Secret| key_check::mistake(key.reveal());
    if let Some(mistake) = keys.keys().iter().find_map(mistake) {
        place.warn(format!("holds a key that {mistake}"));
    }
    if keys.has_example() {
        place.warn("holds keys of the example, which anybody can guess");
    } else if keys.is_lost() && is_usable {
        place.warn("is set but holds no key: every request is refused");
    }
    keys
}

/// What is wrong or odd about `host` and `allow-anonymous` with these keys.
pub fn check(config: &Config, host: &Field<'_>, allow: &Field<'_>) {
    if config.is_unprotected() {
        host.error(
            "is open to others and there are no client keys: set `api-keys`, or a loopback `host`, or \
             `allow-anonymous: true` to serve everybody",
        );
    } else if config.listen_hosts() == LOOPBACK {
        host.warn(
            "is empty and there are no client keys: holdfast listens on 127.0.0.1 and ::1 only. Set `api-keys` to \
             listen on all interfaces, or `allow-anonymous: true` to serve everybody there without a key",
        );
    }
    match (config.allow_anonymous, config.is_anonymous()) {
        (true, true) if !is_loopback(&config.host) => {
            allow.warn("lets everybody in who reaches this host");
        }
        (true, false) => allow.warn("has no effect, since there are client keys"),
        _ => {}
    }
}
