//! Models of credential files: the catalogue of their channel, exclusions, aliases.

use holdfast::config::CHANNELS;
use holdfast::unversioned::credential::ChannelModels;

use crate::{FULL, config, credentials};

/// What kimi's files offer, each as `id` or `id=upstream`.
fn offered(text: &str, excluded: &[&str]) -> Vec<String> {
    let config = config(text);
    let excluded: Vec<String> = excluded.iter().map(|text| (*text).to_owned()).collect();
    let models = ChannelModels::of(&config, "kimi").models(&excluded, None, None);
    models
        .iter()
        .map(|model| match model.upstream.join("+") {
            upstream if upstream == model.id => upstream,
            upstream => format!("{}={upstream}", model.id),
        })
        .collect()
}

/// The warnings of a configuration that are about these keys.
fn warnings(text: &str) -> Vec<String> {
    let (_, warnings) = credentials(text);
    let about = |warning: &String| warning.contains("warning oauth-");
    warnings.into_iter().filter(about).collect()
}

const REST: &str = "oauth-excluded-models: {kimi: [kimi-k3*, '*code*', kimi-k2.6]}\n";

#[test]
fn aliases_stand_in_for_their_models() {
    for (aliases, expected) in [
        ("", vec!["kimi-k2", "kimi-k2-thinking", "kimi-k2.5"]),
        (
            "{name: kimi-k2, alias: a}",
            vec!["a=kimi-k2", "kimi-k2-thinking", "kimi-k2.5"],
        ),
        (
            "{name: Kimi-K2, alias: a, fork: true}",
            vec!["kimi-k2", "a=Kimi-K2", "kimi-k2-thinking", "kimi-k2.5"],
        ),
        (
            "{name: kimi-k2, alias: a}, {name: kimi-k2, alias: b, fork: true}, {name: kimi-k2, alias: c}",
            vec![
                "kimi-k2",
                "a=kimi-k2",
                "b=kimi-k2",
                "c=kimi-k2",
                "kimi-k2-thinking",
                "kimi-k2.5",
            ],
        ),
        (
            "{name: kimi-k2, alias: a}, {name: kimi-k2.5, alias: A}",
            vec!["a=kimi-k2", "kimi-k2-thinking", "kimi-k2.5"],
        ),
        // Its own suffix is kept.
        (
            "{name: kimi-k2.5(high), alias: a}",
            vec!["kimi-k2", "kimi-k2-thinking", "a=kimi-k2.5(high)"],
        ),
        // The name of another model: the alias wins.
        (
            "{name: kimi-k2.5, alias: KIMI-K2}",
            vec!["kimi-k2-thinking", "KIMI-K2=kimi-k2.5"],
        ),
        // Two that change places.
        (
            "{name: kimi-k2, alias: kimi-k2.5}, {name: kimi-k2.5, alias: kimi-k2}",
            vec!["kimi-k2.5=kimi-k2", "kimi-k2-thinking", "kimi-k2=kimi-k2.5"],
        ),
        // The name of a model that is excluded.
        (
            "{name: kimi-k2.5, alias: kimi-k3}",
            vec!["kimi-k2", "kimi-k2-thinking", "kimi-k3=kimi-k2.5"],
        ),
        // Excluded, and nowhere in the catalogue: neither takes a name.
        (
            "{name: kimi-k3, alias: kimi-k2}, {name: other, alias: kimi-k2.5}",
            vec!["kimi-k2", "kimi-k2-thinking", "kimi-k2.5"],
        ),
    ] {
        let text = format!("{REST}oauth-model-alias: {{kimi: [{aliases}]}}");
        assert_eq!(offered(&text, &[]), expected, "{aliases}");
    }
}

#[test]
fn a_files_own_exclusions_come_first_as_well() {
    let text = format!("{REST}oauth-model-alias: {{kimi: [{{name: kimi-k2, alias: a}}]}}");
    let all = ["a=kimi-k2", "kimi-k2-thinking", "kimi-k2.5"];
    assert_eq!(offered(&text, &[]), all);
    assert_eq!(offered(&text, &["a"]), all, "patterns see no aliases");
    assert_eq!(offered(&text, &["kimi-k2", "*thinking"]), ["kimi-k2.5"]);
    assert_eq!(offered(&text, &["*"]), [""; 0]);
    assert_eq!(offered("", &["kimi-k*"]), [""; 0]);
}

#[test]
fn an_alias_keeps_what_is_known_of_its_model() {
    let text = "oauth-model-alias: {kimi: [{name: kimi-k3, alias: a, display-name: Mine, \
                force-mapping: true}, {name: kimi-k3, alias: b}]}";
    let models = ChannelModels::of(&config(text), "kimi").models(&[], None, None);
    let of = |id: &str| models.iter().find(|model| model.id == id).unwrap();
    assert_eq!(
        (of("a").display_name.as_str(), of("a").force_mapping),
        ("Mine", true)
    );
    assert_eq!(
        (of("b").display_name.as_str(), of("b").force_mapping),
        ("Kimi K3", false)
    );
    assert_eq!(of("a").context, Some(1_048_576));
    assert_eq!(of("a").owned_by, "moonshot");
}

#[test]
fn every_channel_has_a_catalogue() {
    for channel in CHANNELS {
        let models = ChannelModels::of(&config(""), channel).models(&[], None, None);
        assert!(!models.is_empty(), "{channel}");
    }
}

#[test]
fn aliases_that_do_not_do_what_they_seem_to_are_named() {
    let excluded = "names a model that oauth-excluded-models excludes; it is never offered";
    let unknown = "names a model that its channel does not have; it is never offered";
    assert_eq!(
        warnings(FULL),
        [
            format!("c.yaml:205:7 warning oauth-model-alias.gemini-cli[0] {excluded}"),
            format!("c.yaml:221:7 warning oauth-model-alias.codex[0] {unknown}"),
            format!("c.yaml:224:7 warning oauth-model-alias.iflow[0] {unknown}"),
        ]
    );
    let taken = "oauth-model-alias: {kimi: [{name: kimi-k2, alias: kimi-k3}]}";
    assert_eq!(
        warnings(taken),
        [
            "c.yaml:1:28 warning oauth-model-alias.kimi[0] has the name of another model of its \
             channel, which is no longer offered"
        ]
    );
    assert_eq!(warnings(&format!("{REST}{taken}")), [""; 0]);
}
