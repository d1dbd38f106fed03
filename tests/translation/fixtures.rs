//! The fixtures of the dialects, and what all tests do with them.

use std::fs;

use holdfast::unversioned::translate::{self, Form, Translated, TranslationInput};
use holdfast::unversioned::wire::Dialect;
use serde_json::Value;

pub struct Fixture {
    pub name: String,
    pub dialect: Dialect,
    pub kind: String,
    pub json: Value,
}

impl Fixture {
    pub fn body(&self) -> Vec<u8> {
        self.json["body"].to_string().into_bytes()
    }

    /// The data of each event of a stream.
    pub fn data(&self) -> Vec<String> {
        let frames = self.json["events"].as_array().unwrap();
        let data = frames.iter().map(|frame| {
            let lines = frame.as_str().unwrap().lines();
            let data = lines.filter_map(|line| line.strip_prefix("data:"));
            data.map(str::trim_start).collect::<Vec<_>>().join("\n")
        });
        data.filter(|data| !data.is_empty()).collect()
    }
}

/// All fixtures of a kind: `request`, `response` or `stream`.
pub fn of_kind(kind: &str) -> Vec<Fixture> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dialects/fixtures");
    let mut found: Vec<Fixture> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            let json: Value = serde_json::from_str(&text).unwrap();
            Fixture {
                name: json["name"].as_str().unwrap().to_owned(),
                dialect: dialect(json["dialect"].as_str().unwrap()),
                kind: json["kind"].as_str().unwrap().to_owned(),
                json,
            }
        })
        .filter(|fixture| fixture.kind == kind)
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!found.is_empty());
    found
}

fn dialect(name: &str) -> Dialect {
    let known = Dialect::ALL.iter().find(|dialect| dialect.name() == name);
    *known.unwrap_or_else(|| panic!("there is no dialect {name}"))
}

/// A client's request for an upstream of another dialect.
pub fn translated(
    client: Dialect,
    upstream: Dialect,
    body: &[u8],
) -> Result<Translated, holdfast::unversioned::translate::neutral::Untranslatable> {
    translate::request(&TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body,
        model: "the-clients-model",
        upstream_model: "gemini-3-pro",
        stream: true,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1_700_000_000,
    })
}
