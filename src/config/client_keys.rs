//! The keys that clients present (`api-keys`, `api-keys-file`), and what follows where there are none.
//!
//! A key that has been lost, by an emptied file or a variable without a value, must not open the gateway. So
//! whether keys are written is one question, and which of them are left is another.

use std::collections::HashSet;

use super::key_check;
use super::problem::Report;
use super::reader::{Field, Mapping};
use super::schema::Config;
use super::secret::Secret;
use super::secret_file;
use super::yaml::{Entry, Value};

/// Client keys of the shipped example.
const EXAMPLE_KEYS: [&str; 3] = ["your-api-key-1", "your-api-key-2", "your-api-key-3"];

/// The interfaces of a gateway without keys whose `host` is empty.
const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];

/// What clients present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientKeys {
    /// No keys are written: neither `api-keys` nor `api-keys-file` is there, or `api-keys` is null or `[]`.
    #[default]
    NotConfigured,
    /// Keys are written. With none left nobody is let in.
    Configured(Vec<Secret>),
}

impl ClientKeys {
    /// The keys there are.
    pub fn keys(&self) -> &[Secret] {
        match self {
            Self::NotConfigured => &[],
            Self::Configured(keys) => keys,
        }
    }

    /// Whether keys are written, whatever has become of them.
    pub fn is_configured(&self) -> bool {
        matches!(self, Self::Configured(_))
    }

    /// Whether keys are written and none is left.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Configured(keys) if keys.is_empty())
    }

    /// Whether there are keys of the shipped example, which everybody knows.
    pub fn has_example(&self) -> bool {
        let is_example = |key: &Secret| EXAMPLE_KEYS.iter().any(|known| key.matches(known));
        self.keys().iter().any(is_example)
    }
}

impl Config {
    /// Whether requests are served without a key.
    pub fn is_anonymous(&self) -> bool {
        !self.api_keys.is_configured()
    }

    /// The hosts to listen on, the first of which must be there. Without keys an empty `host` is this host alone,
    /// unless `allow-anonymous` is on.
    pub fn listen_hosts(&self) -> Vec<String> {
        if self.host.is_empty() && self.is_anonymous() && !self.allow_anonymous {
            return LOOPBACK.map(str::to_owned).to_vec();
        }
        vec![self.host.clone()]
    }

    /// Whether `host` would open the gateway to others without a key, which only `allow-anonymous` does. Nothing
    /// starts so.
    pub fn is_unprotected(&self) -> bool {
        self.is_anonymous()
            && !self.allow_anonymous
            && !self.host.is_empty()
            && !is_loopback(&self.host)
    }
}

/// Whether a host to listen on is this host alone: an address in brackets or not, or `localhost`.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether a document says that there are keys. It is asked before variables are put in: what has no value may look
/// as if nothing had been written.
pub(super) fn are_written(entries: &[Entry]) -> bool {
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
pub(super) fn read(root: &mut Mapping<'_>, are_written: bool, report: &Report) -> ClientKeys {
    let (field, file) = (root.field("api-keys"), root.field("api-keys-file"));
    let mut keys = field.texts();
    let path = file.filled();
    let mut is_usable = !field.is_no_list();
    if let Some(path) = &path {
        if field.node().is_some() {
            file.error("is given beside `api-keys`");
            is_usable = false;
        } else {
            match secret_file::read(path, &file, report) {
                Some(text) => keys.extend(secret_file::lines(&text).map(str::to_owned)),
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
    let place = match path.is_some() || field.place().line == 0 {
        true => &file,
        false => &field,
    };
    if is_repeated {
        place.warn("holds a key twice");
    }
    let oddity = |key: &Secret| key_check::oddity(key.reveal());
    if let Some(oddity) = keys.keys().iter().find_map(oddity) {
        place.warn(format!("holds a key that {oddity}"));
    }
    if keys.has_example() {
        place.warn("holds keys of the example, which anybody can guess");
    } else if keys.is_lost() && is_usable {
        place.warn("is there, but holds no key: every request is refused");
    }
    keys
}

/// What is wrong or odd about `host` and `allow-anonymous` with these keys.
pub(super) fn check(config: &Config, host: &Field<'_>, allow: &Field<'_>) {
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
