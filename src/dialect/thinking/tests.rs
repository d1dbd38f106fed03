use serde_json::{Map, Value, json};

use super::*;
use crate::dialect::Dialect;

fn body(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn suffixes_say_how_much() {
    for (value, expected) in [
        ("none", Some(Amount::None)),
        ("NONE", Some(Amount::None)),
        ("auto", Some(Amount::Auto)),
        ("-1", Some(Amount::Auto)),
        ("High", Some(Amount::Level(Level::High))),
        ("xhigh", Some(Amount::Level(Level::XHigh))),
        ("0", Some(Amount::None)),
        ("008192", Some(Amount::Budget(8192))),
        ("ultra", None),
        ("-5", None),
        ("8k", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(Amount::of_suffix(value), expected, "{value}");
    }
}

fn through(
    client: Dialect,
    said: Value,
    suffix: &str,
    upstream: Dialect,
    model: &str,
) -> Result<Value, String> {
    let record = record(model);
    let target = Target {
        dialect: upstream,
        record,
        is_same: client == upstream,
    };
    let settled = settle(read(client, &body(said)), Amount::of_suffix(suffix), target)?;
    let mut out = Map::new();
    write(upstream, settled, record, &mut out);
    // Once more changes nothing.
    let mut again = out.clone();
    let settled = settle(
        read(upstream, &out),
        None,
        Target {
            is_same: false,
            ..target
        },
    )?;
    if !settled.is_soft {
        write(upstream, settled, record, &mut again);
        for key in ["reasoning_effort", "thinking"] {
            assert_eq!(again.get(key), out.get(key), "{model} {out:?}");
        }
    }
    Ok(Value::Object(out))
}

#[test]
fn models_get_what_they_can() {
    use Dialect::{Chat, Gemini, Messages, Responses};
    let effort = |word: &str| json!({"reasoning_effort": word});
    let enabled = |tokens: i64| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    let level = |word: &str| json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": word, "includeThoughts": true}}});
    let hidden = |word: &str| json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": word, "includeThoughts": false}}});
    let tokens = |tokens: i64| json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": tokens, "includeThoughts": true}}});
    let adaptive =
        |word: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}});
    for (client, said, upstream, model, expected) in [
        // Nothing said, nothing sent.
        (Chat, json!({}), Gemini, "gemini-2.5-pro", json!({})),
        (Chat, json!({}), Messages, "claude-sonnet-4-5", json!({})),
        // Levels for models with budgets.
        (
            Chat,
            effort("medium"),
            Gemini,
            "gemini-2.5-pro",
            tokens(8192),
        ),
        (
            Chat,
            effort("xhigh"),
            Gemini,
            "gemini-2.5-flash",
            tokens(24_576),
        ),
        (
            Chat,
            effort("medium"),
            Messages,
            "claude-sonnet-4-5",
            enabled(8192),
        ),
        (
            Chat,
            effort("xhigh"),
            Messages,
            "claude-sonnet-4-5",
            enabled(32_768),
        ),
        (
            Chat,
            effort("none"),
            Messages,
            "claude-sonnet-4-5",
            json!({"thinking": {"type": "disabled"}}),
        ),
        (
            Chat,
            effort("auto"),
            Messages,
            "claude-sonnet-4-5",
            enabled(64_512),
        ),
        // Levels for models with levels.
        (
            Chat,
            effort("high"),
            Gemini,
            "gemini-3-pro-preview",
            level("high"),
        ),
        (
            Chat,
            effort("xhigh"),
            Gemini,
            "gemini-3-pro-preview",
            level("high"),
        ),
        (
            Chat,
            effort("none"),
            Gemini,
            "gemini-3-pro-preview",
            hidden("low"),
        ),
        (
            Chat,
            effort("minimal"),
            Messages,
            "claude-opus-4-6",
            adaptive("low"),
        ),
        (
            Chat,
            effort("xhigh"),
            Messages,
            "claude-opus-4-6",
            adaptive("max"),
        ),
        (
            Chat,
            effort("max"),
            Messages,
            "claude-opus-4-7",
            json!({"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}}),
        ),
        // Budgets.
        (Messages, enabled(8192), Chat, "gpt-5.4", effort("medium")),
        (Messages, enabled(64_000), Chat, "gpt-5.4", effort("xhigh")),
        (Messages, enabled(1), Gemini, "gemini-3-pro", tokens(128)),
        (
            Messages,
            enabled(64_000),
            Gemini,
            "gemini-2.5-pro",
            tokens(32_768),
        ),
        (
            Messages,
            enabled(0),
            Gemini,
            "gemini-2.5-flash",
            json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": false}}}),
        ),
        (
            Gemini,
            tokens(200_000),
            Messages,
            "claude-sonnet-4-5",
            enabled(128_000),
        ),
        (
            Gemini,
            tokens(8192),
            Messages,
            "claude-opus-4-6",
            adaptive("medium"),
        ),
        (
            Gemini,
            tokens(-1),
            Messages,
            "claude-opus-4-6",
            json!({"thinking": {"type": "adaptive"}}),
        ),
        // Adaptive alone.
        (
            Messages,
            json!({"thinking": {"type": "adaptive"}}),
            Gemini,
            "gemini-2.5-pro",
            tokens(32_768),
        ),
        (
            Messages,
            json!({"thinking": {"type": "adaptive"}}),
            Messages,
            "claude-opus-4-6",
            json!({"thinking": {"type": "adaptive"}}),
        ),
        // Nothing known, nothing checked.
        (Messages, enabled(8192), Chat, "somebodys", effort("medium")),
        (
            Messages,
            enabled(64_000),
            Responses,
            "somebodys",
            json!({"reasoning": {"effort": "xhigh"}}),
        ),
        (Messages, enabled(0), Chat, "somebodys", effort("none")),
        (Chat, effort("medium"), Messages, "somebodys", enabled(8192)),
        (Chat, effort("medium"), Gemini, "somebodys", tokens(8192)),
        // It does not think.
        (
            Chat,
            effort("high"),
            Messages,
            "claude-3-5-haiku",
            json!({}),
        ),
    ] {
        let what = format!("{client:?} {said} to {upstream:?} {model}");
        let mut got = through(client, said, "", upstream, model).unwrap();
        if upstream == Responses
            && let Some(reasoning) = got.get_mut("reasoning").and_then(Value::as_object_mut)
        {
            reasoning.shift_remove("summary");
        }
        assert_eq!(got, expected, "{what}");
    }
}

#[test]
fn a_suffix_outranks_the_body_and_is_made_to_fit() {
    use Dialect::{Chat, Gemini, Messages};
    let said = json!({"reasoning_effort": "low"});
    let got = through(Chat, said, "high", Chat, "gpt-5.4").unwrap();
    assert_eq!(got, json!({"reasoning_effort": "high"}));
    let got = through(Messages, json!({}), "200000", Messages, "claude-sonnet-4-5").unwrap();
    assert_eq!(got["thinking"]["budget_tokens"], 128_000);
    let got = through(Chat, json!({}), "8192", Gemini, "somebodys").unwrap();
    assert_eq!(
        got["generationConfig"]["thinkingConfig"]["thinkingBudget"],
        8192
    );
}

#[test]
fn clients_of_the_models_own_dialect_are_told() {
    use Dialect::{Chat, Gemini, Messages};
    let said = json!({"reasoning_effort": "minimal"});
    let why = through(Chat, said, "", Chat, "gpt-5.4").unwrap_err();
    assert_eq!(
        why,
        "level \"minimal\" not supported, valid levels: low, medium, high, xhigh"
    );
    let said = json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 64_000}}});
    let why = through(Gemini, said, "", Gemini, "gemini-2.5-pro").unwrap_err();
    assert_eq!(why, "budget 64000 out of range [128,32768]");
    let said = json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}});
    assert!(through(Messages, said, "", Messages, "claude-opus-4-6").is_err());
}

#[test]
fn a_budget_leaves_room_for_the_answer() {
    let record = record("claude-sonnet-4-5");
    let wish = Wish {
        amount: Some(Amount::Budget(8192)),
        ..Wish::default()
    };
    for (most, expected) in [(20_000, Some(8192)), (8192, Some(8191)), (900, None)] {
        let mut out = body(json!({"max_tokens": most, "temperature": 0.3}));
        write(Dialect::Messages, wish, record, &mut out);
        let budget = out
            .get("thinking")
            .map(|thinking| thinking["budget_tokens"].as_u64());
        assert_eq!(budget.flatten(), expected, "{most}");
        assert_eq!(out.contains_key("temperature"), expected.is_none());
    }
    let mut out = body(json!({"tool_choice": {"type": "any"}}));
    write(Dialect::Messages, wish, record, &mut out);
    assert!(!out.contains_key("thinking"), "it must call a tool");
}
