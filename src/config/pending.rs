//! Keys that existing files hold and this version does not act on: recognised, so that a file loads, and
//! named in a warning when they ask for something.

use super::reader::{Field, Mapping};
use super::yaml::{Scalar, Value};

/// A key and the values (as text) that ask for nothing; an empty collection never does.
type Silent = (&'static str, &'static [&'static str]);

const OFF: &[&str] = &["false"];
const NONE: &[&str] = &[""];
const ZERO: &[&str] = &["0"];

/// At the top of the file: `spec/config.md` 1.2, 1.3, 1.5 and 9.
pub const TOP: &[Silent] = &[
    ("auth-dir", &["", "~/.cli-proxy-api"]),
    ("commercial-mode", OFF),
    ("logging-to-file", OFF),
    ("logs-max-total-size-mb", ZERO),
    ("error-logs-max-files", &["10"]),
    ("usage-statistics-enabled", OFF),
    ("request-log", OFF),
    ("auth-auto-refresh-workers", &["16"]),
    ("ws-auth", OFF),
    ("enable-gemini-cli-endpoint", OFF),
    ("nonstream-keepalive-interval", ZERO),
    ("antigravity-signature-cache-enabled", &["true"]),
    ("antigravity-signature-bypass-strict", OFF),
    ("oauth-model-alias", NONE),
    ("oauth-excluded-models", NONE),
    ("auth", NONE),
    ("generative-language-api-key", NONE),
    ("amp-upstream-url", NONE),
    ("amp-upstream-api-key", NONE),
    ("amp-restrict-management-to-localhost", OFF),
    ("amp-model-mappings", NONE),
    ("request-scoped-errors", NONE),
    ("oauth-request-scoped-errors", NONE),
    ("save-cooldown-status", OFF),
    ("video-result-auth-cache-ttl", &["", "0"]),
    ("redis-usage-queue-retention-seconds", ZERO),
    ("disable-image-generation", OFF),
    ("interactions-api-key", NONE),
    ("xai-api-key", NONE),
    ("xai", NONE),
    ("plugins", NONE),
    ("credential-concurrency", NONE),
    ("credential-in-flight", NONE),
];

/// Blocks of the top of the file of which nothing acts yet.
pub const BLOCKS: &[(&str, &[Silent])] = &[
    ("tls", &[("enable", OFF), ("cert", NONE), ("key", NONE)]),
    (
        "remote-management",
        &[
            ("allow-remote", OFF),
            ("secret-key", NONE),
            ("disable-control-panel", OFF),
            ("disable-auto-update-panel", OFF),
            (
                "panel-github-repository",
                &[
                    "",
                    "https://github.com/router-for-me/Cli-Proxy-API-Management-Center",
                ],
            ),
        ],
    ),
    (
        "pprof",
        &[("enable", OFF), ("addr", &["", "127.0.0.1:8316"])],
    ),
    (
        "quota-exceeded",
        &[
            ("switch-project", &["true"]),
            // Every copied example sets it, and nothing ever read it.
            ("switch-preview-model", &["true", "false"]),
            ("antigravity-credits", OFF),
        ],
    ),
    (
        "codex-header-defaults",
        &[("user-agent", NONE), ("beta-features", NONE)],
    ),
    (
        "ampcode",
        &[
            ("upstream-url", NONE),
            ("upstream-api-key", NONE),
            ("upstream-api-keys", NONE),
            ("restrict-management-to-localhost", OFF),
            ("force-model-mappings", OFF),
            ("model-mappings", NONE),
        ],
    ),
];

pub const CLAUDE_HEADERS: &[Silent] = &[
    ("user-agent", NONE),
    ("package-version", NONE),
    ("runtime-version", NONE),
    ("os", NONE),
    ("arch", NONE),
    ("timeout", NONE),
];

/// In a block of API keys.
pub const ENTRY: &[Silent] = &[("request-scoped-errors", NONE)];

pub const CODEX_ENTRY: &[Silent] = &[("websockets", OFF)];

/// In a provider of `openai-compatibility`; the old place of its keys.
pub const COMPAT: &[Silent] = &[("api-keys", NONE)];

/// In a row of `models`.
pub const MODEL: &[Silent] = &[("thinking", NONE), ("force-mapping", OFF)];

/// Warns about each of `keys` that asks for something.
pub fn check(block: &mut Mapping<'_>, keys: &[Silent]) {
    for (key, silent) in keys {
        let field = block.field(key);
        if asks(&field, silent) {
            field.warn("is not supported by this version yet");
        }
    }
}

/// Whether a value differs from all of `silent`.
pub fn asks(field: &Field<'_>, silent: &[&str]) -> bool {
    match field.node().map(|node| &node.value) {
        None => false,
        Some(Value::Sequence(items)) => !items.is_empty(),
        Some(Value::Mapping(entries)) => !entries.is_empty(),
        Some(Value::Scalar(scalar)) => !silent.iter().any(|value| equal(scalar, value)),
    }
}

fn equal(scalar: &Scalar, value: &str) -> bool {
    let other = Scalar {
        text: value.to_owned(),
        style: scalar.style,
    };
    scalar.text.trim() == value
        || matches!((scalar.boolean(), other.boolean()), (Some(a), Some(b)) if a == b)
        || matches!((scalar.integer(), other.integer()), (Ok(a), Ok(b)) if a == b)
}
