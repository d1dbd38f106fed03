//! What a credential offers, and what a name asked for becomes.

use crate::{FULL, credentials, sent, visible};

#[test]
fn a_list_replaces_the_catalogue_and_takes_what_it_knows() {
    let (credentials, _) = credentials(
        "claude-api-key: [{api-key: k, models: [{name: claude-opus-5, alias: best}, {name: own, max-context-length: 5, display-name: Own}, {alias: only}]}]",
    );
    let [best, own, only] = &credentials[0].models[..] else {
        panic!("{:?}", credentials[0].models);
    };
    assert_eq!(
        (best.id.as_str(), best.display_name.as_str()),
        ("best", "claude-opus-5")
    );
    assert_eq!(
        (best.owned_by.as_str(), best.created),
        ("anthropic", Some(1_784_038_800))
    );
    assert_eq!(
        (best.context, best.output),
        (Some(1_000_000), Some(128_000))
    );
    assert_eq!((own.id.as_str(), own.display_name.as_str()), ("own", "Own"));
    assert_eq!((own.context, own.created), (Some(5), None));
    assert_eq!(
        (only.id.as_str(), &only.upstream[..]),
        ("only", &["only".to_owned()][..])
    );
    assert_eq!(
        sent(&credentials[0], "claude-opus-5"),
        "-",
        "not listed under that name"
    );
}

#[test]
fn exclusions_match_the_offered_name() {
    let (credentials, _) = credentials(
        "claude-api-key:\n- {api-key: a, excluded-models: ['*-4-*', CLAUDE-3*, claude-opus-5]}\n\
         - {api-key: b, models: [{name: claude-opus-5, alias: Top}, {name: x}], excluded-models: [claude-*, 'top']}\n",
    );
    assert_eq!(
        visible(&credentials[0]),
        ["claude-fable-5", "claude-sonnet-5"]
    );
    assert_eq!(visible(&credentials[1]), ["x"]);
}

#[test]
fn providers_of_one_name_share_their_models_and_pools_have_no_repeats() {
    let (credentials, _) = credentials(
        "openai-compatibility:\n\
         - {name: n, base-url: 'http://h', models: [{name: a, alias: x}, {name: A, alias: X}, {name: b, alias: x}]}\n\
         - {name: N, base-url: 'http://i', models: [{name: c, alias: x}, {name: d}]}\n",
    );
    for credential in &credentials {
        assert_eq!(visible(credential), ["x", "d"]);
        assert_eq!(credential.models[0].upstream, ["a", "b", "c"]);
    }
    assert_eq!(credentials[0].models[1].owned_by, "n");
}

#[test]
fn names_resolve() {
    let list = "models: [{name: up, alias: Al}, {name: up2, alias: al2}, {name: up3(high), alias: think}, \
                {name: 'free(beta)', alias: odd}, {name: 'literal(x)'}, {name: pre}]";
    let (plain, _) = credentials(&format!("claude-api-key: [{{api-key: k, {list}}}]"));
    for (asked, expected) in [
        ("Al", "up"),
        ("al", "up"),
        ("AL2", "up2"),
        ("up", "-"),
        ("al(8192)", "up(8192)"),
        ("al(ultra)", "up(ultra)"),
        ("al()", "up()"),
        ("think", "up3(high)"),
        ("think(low)", "up3(high)"),
        ("odd", "free(beta)"),
        ("odd(low)", "free(beta)(low)"),
        ("literal(x)", "literal(x)"),
        ("literal(x)(low)", "literal(x)(low)"),
        ("literal", "-"),
        ("pre/al", "-"),
        ("", "-"),
        ("(high)", "-"),
    ] {
        assert_eq!(sent(&plain[0], asked), expected, "{asked}");
    }

    let (prefixed, _) = credentials(&format!(
        "claude-api-key: [{{api-key: k, prefix: pre, {list}}}]"
    ));
    for (asked, expected) in [
        ("pre/Al", "up"),
        ("PRE/al(low)", "up(low)"),
        ("al", "up"),
        ("pre", "pre"),
        ("pre/pre", "pre"),
        ("pre/", "-"),
        ("other/al", "-"),
        ("ö", "-"),
        ("ööö/al", "-"),
    ] {
        assert_eq!(sent(&prefixed[0], asked), expected, "{asked}");
    }

    let (forced, _) = credentials(&format!(
        "force-model-prefix: true\nclaude-api-key: [{{api-key: k, prefix: pre, {list}}}]"
    ));
    assert_eq!(
        visible(&forced[0]),
        [
            "pre/Al",
            "pre/al2",
            "pre/think",
            "pre/odd",
            "pre/literal(x)",
            "pre",
            "pre/pre"
        ]
    );
    for (asked, expected) in [
        ("al", "-"),
        ("pre/al", "up"),
        ("pre", "pre"),
        ("pre/pre", "pre"),
    ] {
        assert_eq!(sent(&forced[0], asked), expected, "{asked}");
    }
}

#[test]
fn the_exact_spelling_wins() {
    let list = "models: [{name: lower, alias: m}, {name: prefixed, alias: p/m}]";
    let (credentials, _) = credentials(&format!(
        "claude-api-key: [{{api-key: k, {list}}}, {{api-key: l, prefix: P, {list}}}]"
    ));
    assert_eq!(sent(&credentials[0], "p/m"), "prefixed");
    assert_eq!(sent(&credentials[0], "P/M"), "prefixed");
    assert_eq!(
        sent(&credentials[1], "p/m"),
        "prefixed",
        "spelt so in the list"
    );
    assert_eq!(sent(&credentials[1], "P/m"), "lower");
}

#[test]
fn what_is_visible_resolves_to_its_own_model() {
    for text in [
        FULL.to_owned(),
        FULL.replace("force-model-prefix: false", "force-model-prefix: true"),
    ] {
        let (credentials, _) = credentials(&text);
        for credential in &credentials {
            for (id, model) in credential.visible_ids() {
                assert_eq!(
                    credential.resolve(&id).map(|found| found.model),
                    Some(model),
                    "{id}"
                );
            }
        }
    }
}
