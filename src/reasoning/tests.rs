use serde_json::{Map, Value, json};

use super::*;
use crate::wire::Dialect;

fn body(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn suffixes_say_how_much() {
    for (value, expected) in [
        ("none", Some(Effort::None)),
        ("NONE", Some(Effort::None)),
        ("auto", Some(Effort::Auto)),
        ("-1", Some(Effort::Auto)),
        ("High", Some(Effort::Level(Level::High))),
        ("xhigh", Some(Effort::Level(Level::XHigh))),
        ("0", Some(Effort::None)),
        ("008192", Some(Effort::Budget(8192))),
        ("ultra", None),
        ("-5", None),
        ("8k", None),
        ("", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(Effort::of_suffix(value), expected, "{value}");
    }
}

fn through(
    client: Dialect,
    said: Value,
    suffix: &str,
    upstream: Dialect,
    model: &str,
) -> Result<Value, String> {
    let support = support(model);
    let target = Target::new(client, upstream, support);
    let wanted = read(client, &body(said))?;
    let settled = settle(wanted, Effort::of_suffix(suffix), target)?;
    let mut out = Map::new();
    write(upstream, settled, support, &mut out);
    // How long the answer may be is not what is looked at here.
    out.shift_remove("max_tokens");
    // Once more changes nothing.
    let mut again = out.clone();
    let settled = settle(
        read(upstream, &out)?,
        None,
        Target {
            is_same: false,
            ..target
        },
    )?;
    if !settled.is_soft {
        write(upstream, settled, support, &mut again);
        for key in [
            "reasoning_effort",
            "thinking",
            "chat_template_kwargs",
            "reasoning_split",
        ] {
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
    let template = |is_on: bool| json!({"chat_template_kwargs": {"enable_thinking": is_on}});
    let keeping = |is_on: bool| json!({"chat_template_kwargs": {"enable_thinking": is_on, "clear_thinking": false}});
    let split = |is_on: bool| json!({"reasoning_split": is_on});
    let no_tokens = || json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": false}}});
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
            // Half of 128,000 and more than an answer of this model can have.
            enabled(63_999),
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
            "claude-opus-4-7-unknown",
            enabled(200_000),
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
        // Words for models whose vendors count tokens, and levels that they have.
        (Gemini, tokens(-1), Chat, "gemini-3-pro", effort("low")),
        (
            Gemini,
            tokens(8192),
            Chat,
            "gemini-3.1-pro",
            effort("medium"),
        ),
        (
            Messages,
            json!({"thinking": {"type": "adaptive"}}),
            Chat,
            "gpt-5.4",
            effort("high"),
        ),
        (
            Messages,
            json!({"thinking": {"type": "adaptive"}}),
            Chat,
            "claude-sonnet-4-5",
            effort("high"),
        ),
        // A switch of its own.
        (
            Chat,
            effort("high"),
            Chat,
            "kimi-k3",
            json!({"thinking": {"type": "enabled", "effort": "high"}}),
        ),
        (
            Messages,
            enabled(0),
            Chat,
            "kimi-k2.5",
            json!({"thinking": {"type": "disabled"}}),
        ),
        (Messages, enabled(8192), Chat, "glm-4.6", keeping(true)),
        (Chat, effort("none"), Chat, "glm-5.1", template(false)),
        (
            Chat,
            effort("minimal"),
            Chat,
            "deepseek-v3.2",
            template(true),
        ),
        (Gemini, tokens(-1), Chat, "deepseek-v3.1", template(true)),
        (Gemini, tokens(0), Chat, "deepseek-v3.1", template(false)),
        (Chat, effort("high"), Chat, "minimax-m2.1", split(true)),
        (Messages, enabled(0), Chat, "minimax-m2", split(false)),
        (Messages, json!({}), Chat, "glm-4.6", json!({})),
        (
            Chat,
            template(false),
            Gemini,
            "gemini-2.5-flash",
            no_tokens(),
        ),
        // Behind another dialect they are told as anybody is.
        (Chat, effort("medium"), Messages, "glm-4.6", enabled(8192)),
        // Google's words in a chat; whole numbers that do not look it.
        (
            Chat,
            json!({"extra_body": {"google": {"thinking_config": {"thinking_budget": 8192.0, "include_thoughts": true}}}}),
            Gemini,
            "gemini-2.5-pro",
            tokens(8192),
        ),
        // Asking to see thoughts implies asking for them.
        (
            Gemini,
            json!({"generationConfig": {"thinkingConfig": {"includeThoughts": true}}}),
            Messages,
            "claude-opus-4-6",
            json!({"thinking": {"type": "adaptive"}}),
        ),
        (
            Chat,
            json!({"reasoning_effort": "high", "include_reasoning": false}),
            Messages,
            "claude-opus-4-7",
            json!({"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "high"}}),
        ),
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
    assert_eq!(got["thinking"]["budget_tokens"], 63_999);
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
    let said = || json!({"reasoning_effort": "minimal"});
    let responses = Dialect::Responses;
    assert!(
        through(Chat, said(), "", responses, "gpt-5.4").is_err(),
        "one family"
    );
    // Another vendor's model behind an upstream that speaks alike is nobody's to know.
    let got = through(Chat, said(), "", Chat, "claude-opus-4-6").unwrap();
    assert_eq!(got, json!({"reasoning_effort": "low"}));
    for (client, said) in [
        (Chat, json!({"reasoning": {"max_tokens": -2}})),
        (
            Gemini,
            json!({"generation_config": {"thinking_config": {"thinking_budget": -7}}}),
        ),
        (
            Messages,
            json!({"thinking": {"type": "enabled", "budget_tokens": -5}}),
        ),
    ] {
        assert!(through(client, said, "", Chat, "gpt-5.4").is_err());
    }
}

#[test]
fn what_the_client_does_not_say_limits_no_thoughts() {
    for (model, effort, budget, most) in [
        ("claude-opus-4-6", Effort::Budget(64_000), 64_000, 128_000),
        ("claude-sonnet-4-5", Effort::Budget(32_768), 32_768, 64_000),
        ("claude-sonnet-4-5", Effort::Budget(128_000), 63_999, 64_000),
        ("somebodys", Effort::Budget(50_000), 50_000, 82_000),
    ] {
        let wanted = ReasoningRequest {
            effort: Some(effort),
            ..ReasoningRequest::default()
        };
        let mut out = Map::new();
        write(Dialect::Messages, wanted, support(model), &mut out);
        assert_eq!(out["thinking"]["budget_tokens"], budget, "{model}");
        assert_eq!(out["max_tokens"], most, "{model}");
    }
    let mut out = Map::new();
    write(
        Dialect::Messages,
        ReasoningRequest::default(),
        support("claude-3-5-haiku"),
        &mut out,
    );
    assert_eq!(out["max_tokens"], 8192);
}

#[test]
fn what_cannot_think_is_asked_for_no_effort() {
    let mut out = body(json!({"output_config": {"effort": "high"}, "max_tokens": 9}));
    write(
        Dialect::Messages,
        ReasoningRequest::default(),
        support("claude-3-5-haiku"),
        &mut out,
    );
    assert_eq!(Value::Object(out), json!({"max_tokens": 9}));
}

#[test]
fn two_spellings_become_one() {
    let mut out = body(json!({
        "generation_config": {"topK": 3, "temperature": 0.1, "thinking_config": {}},
        "generationConfig": {"temperature": 0.2}}));
    write(Dialect::Gemini, ReasoningRequest::default(), None, &mut out);
    let expected = json!({"generationConfig": {"topK": 3, "temperature": 0.2}});
    assert_eq!(Value::Object(out), expected);
}

proptest::proptest! {
    /// Whatever stands where, it is refused or said, and saying it twice is saying it once.
    #[test]
    fn odd_wishes(
        pick in 0..4_usize,
        suffix in proptest::prop_oneof!["", "high", "8192", "none", "auto", "ultra"],
        model in proptest::prop_oneof!["gpt-5.4", "claude-opus-4-7", "claude-sonnet-4-5", "gemini-2.5-pro", "kimi-k3", "glm-4.6", "minimax-m2", "x"],
        tokens in proptest::prelude::any::<i64>(),
        odd in 0..6_usize,
    ) {
        let value = [json!(tokens), json!(null), json!("high"), json!([1]), json!({"a": 1}), json!(1e300)][odd].clone();
        let said = json!({
            "reasoning_effort": value, "reasoning": {"effort": value, "max_tokens": value},
            "thinking": {"type": "enabled", "budget_tokens": value, "display": value},
            "output_config": {"effort": value}, "max_tokens": value,
            "generationConfig": {"thinkingConfig": {"thinkingBudget": value, "thinkingLevel": value}}});
        let dialect = Dialect::ALL[pick];
        if let Ok(once) = suffixed(dialect, said.to_string().as_bytes(), &model, &suffix) {
            let twice = suffixed(dialect, &once, &model, &suffix).unwrap();
            proptest::prop_assert_eq!(twice, once);
        }
    }
}

#[test]
fn a_budget_leaves_room_for_the_answer() {
    let support = support("claude-sonnet-4-5");
    let wanted = ReasoningRequest {
        effort: Some(Effort::Budget(8192)),
        ..ReasoningRequest::default()
    };
    for (most, expected) in [(20_000, Some(8192)), (8192, Some(8191)), (900, None)] {
        let mut out = body(json!({"max_tokens": most, "temperature": 0.3}));
        write(Dialect::Messages, wanted, support, &mut out);
        let budget = out
            .get("thinking")
            .map(|thinking| thinking["budget_tokens"].as_u64());
        assert_eq!(budget.flatten(), expected, "{most}");
        assert_eq!(out.contains_key("temperature"), expected.is_none());
    }
    let mut out = body(json!({"tool_choice": {"type": "any"}}));
    write(Dialect::Messages, wanted, support, &mut out);
    assert!(!out.contains_key("thinking"), "it must call a tool");
}
