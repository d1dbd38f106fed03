//! Requests fit what OpenAI has published of its two dialects: servers that follow the document refuse the rest.

use holdfast::unversioned::translate::{self, Form, TranslationInput};
use holdfast::unversioned::wire::Dialect;
use serde_json::Value;

use super::fixtures::of_kind;
use super::grammar::requests::check;

#[test]
fn every_fixture_fits_the_document() {
    let mut complaints = Vec::new();
    let mut checked = 0;
    for fixture in of_kind("request") {
        let body = fixture.body();
        for upstream in [Dialect::Chat, Dialect::Responses] {
            if upstream == fixture.dialect {
                continue;
            }
            for model in ["gpt-5.1", "gpt-4o", "gemini-3-pro", "deepseek-reasoner"] {
                for suffix in [None, Some("auto"), Some("none"), Some("max"), Some("2048")] {
                    let translated = translate::request(&TranslationInput {
                        client: fixture.dialect,
                        form: Form::Usual,
                        upstream,
                        body: &body,
                        model: "m",
                        upstream_model: model,
                        stream: true,
                        suffix,
                        support: None,
                        seed: "seed",
                        now: 1,
                    });
                    let Ok(translated) = translated else { continue };
                    let body: Value = serde_json::from_slice(&translated.body).unwrap();
                    checked += 1;
                    if let Err(why) = check(upstream, &body) {
                        let name = &fixture.name;
                        complaints.push(format!(
                            "{name} {} {model} {suffix:?}: {why}",
                            upstream.name()
                        ));
                    }
                }
            }
        }
    }
    assert!(checked > 600, "{checked}");
    assert_eq!(complaints, Vec::<String>::new());
}
