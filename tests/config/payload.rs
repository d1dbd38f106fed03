//! The rules of `payload`.

use holdfast::config::Severity;
use holdfast::unversioned::payload::{Protocol, Request};

use crate::{config, load, problems};

/// A rule of `section` for all models, its `params` in flow style.
fn ruled(section: &str, params: &str) -> String {
    format!("payload:\n  {section}:\n    - models: [{{name: \"*\"}}]\n      params: {params}\n")
}

fn request<'a>(names: &'a [&'a str]) -> Request<'a> {
    Request {
        names,
        protocol: Protocol::OpenAi,
        from: Protocol::OpenAi,
        headers: &[],
    }
}

fn applied_to(text: &str, request: &Request<'_>, body: &str) -> String {
    let rules = config(text).payload;
    let body = rules.select(request).apply(body.as_bytes()).into_owned();
    String::from_utf8(body).unwrap()
}

fn applied(text: &str, body: &str) -> String {
    applied_to(text, &request(&["m"]), body)
}

/// A client that repeats a member gets past no rule, whichever of them its upstream reads.
#[test]
fn repeated_members_are_all_meant() {
    for (section, params, body, expected) in [
        ("filter", "[a]", r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2}"#),
        ("filter", "[a]", r#"{"a":1,"\u0061":3}"#, "{}"),
        (
            "filter",
            "[a.b]",
            r#"{"a":{"b":1,"c":1,"b":2},"a":{"b":3}}"#,
            r#"{"a":{"c":1},"a":{}}"#,
        ),
        ("override", "{a: 9}", r#"{"a":1,"a":2}"#, r#"{"a":9,"a":9}"#),
        (
            "override",
            "{a: 9}",
            r#"{"\u0061":1,"b":0,"a":2}"#,
            r#"{"\u0061":9,"b":0,"a":9}"#,
        ),
        (
            "override",
            "{a.b: 9}",
            r#"{"a":{},"a":{"b":1,"b":2},"a":0}"#,
            r#"{"a":{"b":9},"a":{"b":9,"b":9},"a":{"b":9}}"#,
        ),
        (
            "override-raw",
            "{a.0.b: '[9]'}",
            r#"{"a":[{"b":1,"b":2}],"a":[]}"#,
            r#"{"a":[{"b":[9],"b":[9]}],"a":[{"b":[9]}]}"#,
        ),
        (
            "override",
            "{\"a.#.b\": 9}",
            r#"{"a":[{"b":1,"b":2}],"a":[{"b":3}]}"#,
            r#"{"a":[{"b":9,"b":9}],"a":[{"b":9}]}"#,
        ),
        ("default", "{a: 9}", r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        (
            "default",
            "{a.b: 9}",
            r#"{"a":{},"a":{"b":1},"a":{}}"#,
            r#"{"a":{},"a":{"b":1},"a":{}}"#,
        ),
        (
            "default-raw",
            "{a.b: '9'}",
            r#"{"a":{},"a":{"c":1}}"#,
            r#"{"a":{"b":9},"a":{"c":1,"b":9}}"#,
        ),
    ] {
        assert_eq!(
            applied(&ruled(section, params), body),
            expected,
            "{section}"
        );
    }
}

/// A condition holds where it does for the reader of the first of equal members, or for that of the last.
#[test]
fn conditions_see_what_any_reader_sees() {
    for (condition, body, holds) in [
        ("match: [{a: 1}]", r#"{"a":1,"a":2}"#, true),
        ("match: [{a: 1}]", r#"{"a":2,"a":1}"#, true),
        ("match: [{a: 1}]", r#"{"a":2,"a":3}"#, false),
        ("not-match: [{a: 1}]", r#"{"a":1,"a":2}"#, true),
        ("not-match: [{a: 1}]", r#"{"a":1,"a":1}"#, false),
        ("exist: [a.b]", r#"{"a":{},"a":{"b":1}}"#, true),
        ("not-exist: [a.b]", r#"{"a":{},"a":{"b":1}}"#, true),
        ("not-exist: [a.b]", r#"{"a":{"b":2},"a":{"b":1}}"#, false),
        // No reader sees both.
        (
            "match: [{a: 1}, {b: 2}]",
            r#"{"a":1,"a":0,"b":0,"b":2}"#,
            false,
        ),
    ] {
        let text = format!(
            "payload:\n  override:\n    - models: [{{name: \"*\", {condition}}}]\n      params: {{x: 9}}\n"
        );
        let changed = applied(&text, body);
        assert_eq!(changed.contains("\"x\":9"), holds, "{condition} {changed}");
    }
}

/// The warnings about `payload`.
fn warnings(text: &str) -> Vec<String> {
    let mut problems = problems(text);
    problems.retain(|problem| problem.contains("payload"));
    problems
}

#[test]
fn values_are_the_same_in_json() {
    for (yaml, json) in [
        ("1", "1"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("-0.5", "-0.5"),
        ("+7", "7"),
        (".5", "0.5"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0123", "83"),
        ("1_000", "1000"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ("False", "false"),
        ("yes", r#""yes""#),
        ("~", "null"),
        ("null", "null"),
        ("", "null"),
        ("\"null\"", r#""null""#),
        ("\"1\"", r#""1""#),
        ("text", r#""text""#),
        ("\"a\\\"b\\n\"", r#""a\"b\n""#),
        ("\" kept \"", r#"" kept ""#),
        ("[1, a, [true]]", r#"[1,"a",[true]]"#),
        ("{b: 1, a: {c: ~}}", r#"{"b":1,"a":{"c":null}}"#),
        ("[]", "[]"),
        ("{}", "{}"),
        ("2001-12-14", r#""2001-12-14T00:00:00Z""#),
        ("\"2001-12-14\"", r#""2001-12-14""#),
        (
            "2001-12-14T21:59:43.10-05:00",
            r#""2001-12-14T21:59:43.1-05:00""#,
        ),
        ("2001-12-14 21:59:43", r#""2001-12-14T21:59:43Z""#),
        ("2001-02-29", r#""2001-02-29""#),
        ("gpt-5-2001", r#""gpt-5-2001""#),
    ] {
        let text = ruled("override", &format!("{{x: {yaml}}}"));
        assert_eq!(applied(&text, "{}"), format!(r#"{{"x":{json}}}"#), "{yaml}");
        assert_eq!(warnings(&text), [""; 0], "{yaml}");
    }
}

#[test]
fn what_json_cannot_say_is_skipped_alone() {
    for (yaml, what) in [
        (".inf", "holds a number that JSON does not have"),
        ("-.Inf", "holds a number that JSON does not have"),
        (".nan", "holds a number that JSON does not have"),
        ("1e999", "holds a number that JSON does not have"),
        ("{a: {1: b}}", "holds a key that is not text"),
        ("{a: {true: b}}", "holds a key that is not text"),
    ] {
        let text = ruled("override", &format!("{{x: {yaml}, y: 1}}"));
        assert_eq!(applied(&text, "{}"), r#"{"y":1}"#, "{yaml}");
        let warnings = warnings(&text);
        assert_eq!(warnings.len(), 1, "{yaml} {warnings:?}");
        assert!(warnings[0].ends_with(&format!("payload.override[0].params.x {what}: skipped")));
    }
}

#[test]
fn raw_values_are_json_text() {
    for (yaml, json) in [
        (r#"'{"a" : [1, 2.50]}'"#, Some(r#"{"a" : [1, 2.50]}"#)),
        (r#"'  "s"  '"#, Some(r#""s""#)),
        (r#""null""#, Some("null")),
        ("'7'", Some("7")),
        ("{a: [1]}", Some(r#"{"a":[1]}"#)),
        ("[x]", Some(r#"["x"]"#)),
        ("5", Some("5")),
        ("true", None),
        ("null", None),
    ] {
        let text = ruled("override-raw", &format!("{{x: {yaml}, y: \"1\"}}"));
        let expected = match json {
            Some(json) => format!(r#"{{"x":{json},"y":1}}"#),
            None => r#"{"y":1}"#.to_owned(),
        };
        assert_eq!(applied(&text, "{}"), expected, "{yaml}");
        assert_eq!(warnings(&text).len(), usize::from(json.is_none()), "{yaml}");
    }
}

#[test]
fn a_raw_text_that_is_no_json_takes_its_rule_with_it() {
    for broken in ["''", "' '", "'{'", "'nul'", "'1 2'", "plain"] {
        let text = format!(
            "payload:\n  default-raw:\n    - models: [{{name: m}}]\n      params: {{good: '1'}}\n    - models: [{{name: m}}]\n      params: {{fine: '1', a.b: {broken}}}\n"
        );
        assert_eq!(applied(&text, "{}"), r#"{"good":1}"#, "{broken}");
        let warnings = warnings(&text);
        assert_eq!(warnings.len(), 1, "{broken} {warnings:?}");
        assert!(
            warnings[0].ends_with(
                "payload.default-raw[1].params.a.b is not JSON: the whole rule 2 of default-raw is skipped"
            ),
            "{warnings:?}"
        );
        assert!(warnings[0].starts_with("c.yaml:6:32 "), "{warnings:?}");
    }
}

#[test]
fn rules_that_never_apply_are_told() {
    for (rule, told) in [
        (
            "{params: {a: 1}}",
            "payload.override[0] has no models, so it never applies",
        ),
        (
            "{models: [], params: {a: 1}}",
            "payload.override[0] has no models, so it never applies",
        ),
        (
            "{models: [{name: m}]}",
            "payload.override[0] has no params: skipped",
        ),
        (
            "{models: [{name: m}], params: {}}",
            "payload.override[0] has no params: skipped",
        ),
        (
            "{models: [{protocol: openai}], params: {a: 1}}",
            "payload.override[0].models[0] has no name, so it never applies",
        ),
        (
            "{models: [{name: m, protocol: opneai}], params: {a: 1}}",
            "payload.override[0].models[0].protocol is not a known protocol, so the row never applies",
        ),
        (
            "{models: [{name: m, from-protocol: x}], params: {a: 1}}",
            "payload.override[0].models[0].from-protocol is not a known protocol, so the row never applies",
        ),
        (
            "{models: [{name: m, headers: {x: ~}}], params: {a: 1}}",
            "payload.override[0].models[0].headers.x is blank, so the row never applies",
        ),
        (
            "{models: [{name: m, exist: [a..b]}], params: {a: 1}}",
            "payload.override[0].models[0].exist[0] has an empty segment in its path: skipped",
        ),
        (
            "{models: [{name: m}], params: {a..b: 1}}",
            "payload.override[0].params.a..b has an empty segment in its path: skipped",
        ),
        (
            "{models: [{name: m}], params: {.a: 1}}",
            "payload.override[0].params..a has an empty segment in its path: skipped",
        ),
        (
            "{models: [{name: m}], params: {a.: 1}}",
            "payload.override[0].params.a. has an empty segment in its path: skipped",
        ),
        (
            "{models: [{name: m}], params: {\"a|b\": 1}}",
            "payload.override[0].params.a|b uses `|` or `@` in its path, which match nothing",
        ),
    ] {
        let text = format!("payload:\n  override:\n    - {rule}\n");
        assert_eq!(applied(&text, r#"{"z":1}"#), r#"{"z":1}"#, "{rule}");
        let warnings = warnings(&text);
        assert_eq!(warnings.len(), 1, "{rule} {warnings:?}");
        assert!(warnings[0].ends_with(told), "{warnings:?}");
    }
}

#[test]
fn params_of_the_wrong_kind_are_errors() {
    for (section, params) in [
        ("override", "[a]"),
        ("default", "a"),
        ("default-raw", "[{a: 1}]"),
        ("filter", "{a: 1}"),
        ("filter", "a"),
    ] {
        let loaded = load(&ruled(section, params));
        assert!(loaded.config.is_none(), "{section} {params}");
        let errors = loaded.problems.iter();
        let errors: Vec<&str> = errors
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| problem.path.as_str())
            .collect();
        assert_eq!(errors, [format!("payload.{section}[0].params")], "{params}");
    }
}

#[test]
fn filters_remove_only_what_is_named() {
    for path in ["a*", "a?", "a.#.b", "a.#(b==1)"] {
        let text = ruled("filter", &format!("[\"{path}\", c]"));
        assert_eq!(applied(&text, r#"{"ab":1,"c":2}"#), r#"{"ab":1}"#, "{path}");
        let told = warnings(&text);
        assert_eq!(told.len(), 1, "{path} {told:?}");
        assert!(told[0].ends_with(
            "payload.filter[0].params[0] has a wildcard or a query, with which nothing is removed: skipped"
        ));
    }
}

#[test]
fn what_is_written_and_removed_again_is_told() {
    let both = |over: &str, filter: &str| {
        format!(
            "payload:\n  override:\n    - models: [{over}]\n      params: {{a.b: 1}}\n  filter:\n    - models: [{filter}]\n      params: [x, a.b]\n"
        )
    };
    for (over, filter, is_told) in [
        ("{name: m}", "{name: m}", true),
        ("{name: 'gpt-*'}", "{name: '*-mini'}", true),
        ("{name: m, protocol: codex}", "{name: m}", true),
        (
            "{name: m, protocol: codex}",
            "{name: m, protocol: claude}",
            false,
        ),
        ("{name: a}", "{name: b}", false),
    ] {
        let told = warnings(&both(over, filter));
        let expected = "c.yaml:4:21 warning payload.override[0].params.a.b is removed again by rule 1 of filter, which applies to the same models";
        match is_told {
            true => assert_eq!(told, [expected], "{over} {filter}"),
            false => assert_eq!(told, [""; 0], "{over} {filter}"),
        }
    }
}

#[test]
fn rows_match_by_name_and_protocol() {
    for (row, names, protocol, expected) in [
        ("{name: m}", &["m"][..], Protocol::Claude, true),
        ("{name: m}", &["M"], Protocol::Claude, false),
        ("{name: m}", &["up", "team/m"], Protocol::Claude, false),
        ("{name: '*/m'}", &["up", "team/m"], Protocol::Claude, true),
        (
            "{name: 'm(*)'}",
            &["up", "m", "m(high)"],
            Protocol::Claude,
            true,
        ),
        ("{name: 'm(*)'}", &["up", "m", "m"], Protocol::Claude, false),
        ("{name: m, protocol: ''}", &["m"], Protocol::Claude, true),
        (
            "{name: m, protocol: Claude}",
            &["m"],
            Protocol::Claude,
            true,
        ),
        (
            "{name: m, protocol: claude}",
            &["m"],
            Protocol::OpenAi,
            false,
        ),
        (
            "{name: m, protocol: responses}",
            &["m"],
            Protocol::OpenAiResponse,
            true,
        ),
        (
            "{name: m, protocol: openai-response}",
            &["m"],
            Protocol::OpenAiResponse,
            true,
        ),
        (
            "{name: m, protocol: antigravity}",
            &["m"],
            Protocol::Gemini,
            false,
        ),
        ("{name: x}, {name: m}", &["m"], Protocol::Gemini, true),
    ] {
        let text =
            format!("payload:\n  override:\n    - models: [{row}]\n      params: {{a: 1}}\n");
        let request = Request {
            protocol,
            ..request(names)
        };
        let is_changed = applied_to(&text, &request, "{}") != "{}";
        assert_eq!(is_changed, expected, "{row} {names:?} {protocol:?}");
        let rules = config(&text).payload;
        assert_eq!(
            rules.matching(names, protocol).count(),
            usize::from(expected)
        );
        assert_eq!(warnings(&text), [""; 0]);
    }
}

#[test]
fn rows_match_by_what_the_request_says() {
    let headers = [("X-Tier", "gold-eu"), ("x-tier", "silver")];
    let body = r#"{"a":{"b":1.0,"n":null,"l":[1,"x"]}}"#;
    for (more, expected) in [
        ("from-protocol: openai", true),
        ("from-protocol: claude", false),
        ("headers: {x-tier: 'gold-*'}", true),
        ("headers: {X-TIER: silver}", true),
        ("headers: {x-tier: Gold-*}", false),
        ("headers: {x-tier: '*', x-other: '*'}", false),
        ("match: [{a.b: 1}]", true),
        ("match: {a.b: 1}", true),
        ("match: [{a.b: '1'}]", false),
        ("match: [{a.b: 1}, {a.c: 2}]", false),
        ("match: [{a.l: [1, x]}]", true),
        ("match: [{a.n: ~}]", true),
        ("match: [{a.missing: ~}]", false),
        ("match: [{\"a.l.#\": 2}]", true),
        ("not-match: [{a.b: 2}]", true),
        ("not-match: [{a.missing: 2}]", true),
        ("not-match: [{a.b: 1}]", false),
        ("exist: [a.b]", true),
        ("exist: [a.n]", false),
        ("exist: [a.b, a.missing]", false),
        ("not-exist: [a.missing, a.n]", true),
        ("not-exist: [a.b]", false),
        ("exist: [a.b], match: [{a.b: 2}]", false),
    ] {
        let text = format!(
            "payload:\n  filter:\n    - models: [{{name: m, {more}}}]\n      params: [a]\n"
        );
        assert_eq!(warnings(&text), [""; 0], "{more}");
        let request = Request {
            headers: &headers,
            ..request(&["m"])
        };
        let is_changed = applied_to(&text, &request, body) == "{}";
        assert_eq!(is_changed, expected, "{more}");
        let rules = config(&text).payload;
        let rule = rules.matching(&["m"], Protocol::OpenAi).next().unwrap();
        assert!(rule.is_conditional());
        assert_eq!(rule.paths().collect::<Vec<_>>(), ["a"]);
    }
}

#[test]
fn sections_and_rules_have_an_order() {
    let text = "payload:
  filter:
    - {models: [{name: m}], params: [gone]}
  override:
    - {models: [{name: m}], params: {o: 1, x.y: over}}
    - {models: [{name: m}], params: {o: 2}}
  override-raw:
    - {models: [{name: m}], params: {o: '3', gone: '1'}}
  default-raw:
    - {models: [{name: m}], params: {d: '\"raw\"', e: '\"raw\"'}}
  default:
    - {models: [{name: m}], params: {x.y: low, d: first}}
    - {models: [{name: m}], params: {d: second, n: 1, list.k: 1}}
    - {models: [{name: m}], params: {list.-1: z}}
    - {models: [{name: m}], params: {list.-1: again}}
";
    // `n` is there, if only as null; `list.k` cannot be written and claims nothing.
    assert_eq!(
        applied(text, r#"{"n":null,"list":[0],"gone":0}"#),
        r#"{"n":null,"list":[0,"z"],"x":{"y":"over"},"d":"first","e":"raw","o":3}"#
    );
    let told = warnings(text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("payload.override-raw[0].params.gone is removed again"));
}

#[test]
fn rules_without_a_model_are_found() {
    let text = "payload:
  override:
    - {models: [{name: 'gpt-*', protocol: codex}], params: {a: 1}}
    - {models: [{name: 'gpt-*', protocol: claude}], params: {a: 1}}
    - {models: [{name: 'x'}, {name: 'team/gpt-5(high)'}], params: {a: 1}}
    - {models: [{name: 'y'}], params: {a: 1}}
";
    let rules = config(text).payload;
    let models = [(vec!["team/gpt-5", "gpt-5"], vec![Protocol::Codex])];
    let idle: Vec<usize> = rules
        .unmatched(&models, &[])
        .iter()
        .map(|rule| rule.number)
        .collect();
    assert_eq!(idle, [2, 4]);
    assert_eq!(rules.unmatched(&[], &[]).len(), 4);
}
