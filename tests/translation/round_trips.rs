//! A request that a dialect has written says, when it is read again, all that this dialect can say.

use holdfast::unversioned::translate::neutral::capabilities::{Feature, Support, support};
use holdfast::unversioned::translate::neutral::names::Names;
use holdfast::unversioned::translate::neutral::{
    JsonBody, Output, Part, Request, Role, Sampling, Source, Text, Tool, ToolCall, ToolChoice,
    ToolResult, Turn,
};
use holdfast::unversioned::translate::{ChatQuirks, chat, gemini, messages, responses};
use holdfast::unversioned::wire::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::grammar::requests::check;
use super::requests::{essence, read};

/// What of the table a field here is.
fn thing(field: &str) -> Feature {
    match field {
        "max_tokens" => Feature::MaxTokens,
        "temperature" => Feature::Temperature,
        "top_p" => Feature::TopP,
        "top_k" => Feature::TopK,
        "frequency_penalty" | "presence_penalty" => Feature::Penalties,
        "seed" => Feature::Seed,
        "n" => Feature::Choices,
        "stop" => Feature::Stop,
        "parallel" => Feature::Parallel,
        "cache_key" => Feature::CacheKey,
        "user_id" => Feature::User,
        "metadata" => Feature::Metadata,
        "verbosity" => Feature::Verbosity,
        "tool" => Feature::Tool,
        "description" => Feature::ToolDescription,
        "strict" => Feature::Strict,
        "allowed" => Feature::AllowedTools,
        "tool_choice" => Feature::ForcedTool,
        "json_object" => Feature::JsonObject,
        "schema_name" => Feature::SchemaName,
        "schema" => Feature::JsonSchema,
        other => panic!("{other} is in no table"),
    }
}

/// Whether it does not come back as itself.
fn is_lost(dialect: Dialect, field: &str) -> bool {
    // Beside a temperature, which is there as often as not.
    let is_beside =
        field == "top_p" && support(Feature::TopPWithTemperature, dialect) != Support::Native;
    support(thing(field), dialect) != Support::Native || is_beside
}

pub fn write(dialect: Dialect, request: Request) -> Vec<u8> {
    let names = Names::new(dialect, request.tools.iter().map(|tool| tool.name.as_str()));
    let model = "gemini-3-pro";
    match dialect {
        Dialect::Chat => chat::write::request(request, model, &names, ChatQuirks::default()),
        Dialect::Responses => responses::write::request(request, model, &names),
        Dialect::Messages => messages::write::request(request, model, &names, None),
        Dialect::Gemini => gemini::write::request(request, model, &names),
    }
    .and_then(JsonBody::into_text)
    .unwrap()
}

fn round_trip(dialect: Dialect, request: Request) -> Request {
    read(dialect, &write(dialect, request))
}

/// The fields of a request beside its conversation, one by one, as text.
fn fields(request: &Request) -> Vec<(&'static str, String)> {
    let sampling = &request.sampling;
    let some = |value: Option<String>| value.unwrap_or_default();
    let number = |value: Option<f64>| some(value.map(|value| value.to_string()));
    let mut fields = vec![
        (
            "max_tokens",
            some(sampling.max_tokens.map(|n| n.to_string())),
        ),
        ("temperature", number(sampling.temperature)),
        ("top_p", number(sampling.top_p)),
        ("top_k", some(sampling.top_k.map(|n| n.to_string()))),
        ("frequency_penalty", number(sampling.frequency_penalty)),
        ("presence_penalty", number(sampling.presence_penalty)),
        ("seed", some(sampling.seed.map(|n| n.to_string()))),
        (
            "n",
            some(sampling.n.filter(|n| *n > 1).map(|n| n.to_string())),
        ),
        ("stop", request.stop.join("|")),
        // Where none is called, none are called at once.
        (
            "parallel",
            match request.tool_choice {
                Some(ToolChoice::None) => String::new(),
                _ => format!("{:?}", request.parallel),
            },
        ),
        ("cache_key", some(request.cache_key.clone())),
        ("user_id", some(request.user_id.clone())),
        (
            "metadata",
            request
                .metadata
                .clone()
                .map(String::from)
                .unwrap_or_default(),
        ),
        ("verbosity", some(request.verbosity.clone())),
    ];
    for tool in &request.tools {
        fields.push(("tool", tool.name.clone()));
        fields.push(("description", some(tool.description.clone())));
        fields.push(("strict", format!("{:?}", tool.strict == Some(true))));
    }
    match &request.tool_choice {
        Some(ToolChoice::Allowed { .. }) => {
            fields.push(("allowed", format!("{:?}", request.tool_choice)))
        }
        // What is so anyway need not be said.
        None | Some(ToolChoice::Auto) => {}
        other => fields.push(("tool_choice", format!("{other:?}"))),
    }
    match &request.output {
        Output::Text => {}
        Output::JsonObject => fields.push(("json_object", "yes".into())),
        Output::JsonSchema { name, schema, .. } => {
            fields.push(("schema_name", some(name.clone())));
            fields.push((
                "schema",
                schema.tree().unwrap()["properties"]["a"]["type"].to_string(),
            ));
        }
    }
    fields
}

fn conversations() -> impl Strategy<Value = Vec<Turn<'static>>> {
    let text = || "[a-z]{1,8}( [a-z\"\\\\é]{1,8}){0,3}".prop_map(Part::text);
    let image = Just(Part::Image {
        source: Source::Data {
            mime: "image/png".into(),
            data: "iVBORw0KGgoAAAANSUhEUg==".into(),
        },
        detail: None,
        cache: None,
    });
    let said = || prop::collection::vec(prop_oneof![3 => text(), 1 => image.clone()], 1..3);
    // A step of tools: what is said with it, and how many are called.
    let step = (prop::option::of(text()), 0..4_usize, said(), any::<bool>());
    (said(), prop::collection::vec(step, 0..4)).prop_map(|(first, steps)| {
        let user = |parts: Vec<Part>| Turn::new(Role::User, parts);
        let mut turns = vec![user(first)];
        for (index, (spoken, calls, next, is_error)) in steps.into_iter().enumerate() {
            let mut parts: Vec<Part> = spoken.into_iter().collect();
            let ids: Vec<String> = (0..calls).map(|n| format!("call_{index}_{n}")).collect();
            parts.extend(ids.iter().enumerate().map(|(n, id)| {
                Part::ToolCall(ToolCall {
                    id: id.clone(),
                    name: ["alpha", "beta"][n % 2].into(),
                    arguments: json!({"a": n}).to_string(),
                    ..ToolCall::default()
                })
            }));
            if parts.is_empty() {
                parts.push(Part::text("hm"));
            }
            turns.push(Turn::new(Role::Assistant, parts));
            let results = ids.into_iter().map(|id| {
                Part::ToolResult(ToolResult {
                    parts: vec![Part::text(format!("result of {id}"))],
                    call_id: id,
                    is_error,
                    ..ToolResult::default()
                })
            });
            turns.push(user(results.chain(next).collect()));
        }
        turns
    })
}

fn samplings() -> impl Strategy<Value = Sampling> {
    let part = || prop::option::of((0..=4_u8).prop_map(|n| f64::from(n) / 4.0));
    (
        prop::option::of(16..100_000_u64),
        part(),
        part(),
        prop::option::of(1..100_u64),
        part(),
        part(),
        prop::option::of(0..1_000_i64),
        prop::option::of(1..4_u64),
    )
        .prop_map(
            |(max_tokens, temperature, top_p, top_k, frequency, presence, seed, n)| Sampling {
                max_tokens,
                temperature,
                top_p,
                top_k,
                frequency_penalty: frequency,
                presence_penalty: presence,
                seed,
                n,
            },
        )
}

fn requests() -> impl Strategy<Value = Request<'static>> {
    let schema = || json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false});
    let choice = prop_oneof![
        Just(None),
        Just(Some(ToolChoice::Auto)),
        Just(Some(ToolChoice::None)),
        Just(Some(ToolChoice::Required)),
        Just(Some(ToolChoice::Tool("beta".into()))),
        Just(Some(ToolChoice::Allowed {
            required: true,
            names: vec!["alpha".into(), "beta".into()],
        })),
    ];
    let output = prop_oneof![
        2 => Just(Output::Text),
        1 => Just(Output::JsonObject),
        1 => Just(Output::JsonSchema {
            name: Some("answer".into()),
            description: None,
            schema: schema().into(),
            strict: Some(true),
        }),
    ];
    let tools = (
        any::<bool>(),
        prop::option::of(any::<bool>()),
        any::<bool>(),
    )
        .prop_map(move |(some, parallel, described)| {
            let tool = |name: &str| Tool {
                name: name.into(),
                description: described.then(|| format!("does {name}")),
                schema: schema().into(),
                ..Tool::default()
            };
            let tools = if some {
                vec![tool("alpha"), tool("beta")]
            } else {
                Vec::new()
            };
            (tools, parallel.filter(|_| some))
        });
    (
        prop::collection::vec("[a-z]{1,9}", 0..3),
        conversations(),
        tools,
        choice,
        samplings(),
        output,
        prop::collection::vec("[A-Z]{2,5}", 0..4),
        prop::option::of("[a-z]{3,9}"),
    )
        .prop_map(
            |(system, turns, (tools, parallel), choice, sampling, output, stop, user)| Request {
                system: system.into_iter().map(Text::new).collect(),
                turns,
                tool_choice: choice.filter(|_| !tools.is_empty()),
                tools,
                parallel,
                sampling,
                output,
                stop,
                user_id: user,
                ..Request::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_written_is_read(request in requests()) {
        for dialect in Dialect::ALL {
            let names = Names::new(dialect, ["alpha", "beta"]);
            let again = round_trip(dialect, request.clone());
            let body: Value = serde_json::from_slice(&write(dialect, request.clone())).unwrap();
            prop_assert_eq!(check(dialect, &body), Ok(()), "{} {}", dialect.name(), &body);
            let what = format!("{} {body}", dialect.name());
            let mut asked = essence(request.clone(), &names);
            let mut read = essence(again.clone(), &names);
            if matches!(request.output, Output::JsonObject) && is_lost(dialect, "json_object") {
                // It is asked for in words, in a paragraph of its own.
                read.retain(|line| line != "system ");
                asked.retain(|line| line != "system ");
                read.retain(|line| !line.starts_with("system") || asked.contains(line));
                asked.retain(|line| !line.starts_with("system") || read.contains(line));
            }
            prop_assert_eq!(read, asked, "{}", &what);
            let asked_choice = request.tool_choice.clone();
            let kept = |request: &Request| -> Vec<(&'static str, String)> {
                let all = fields(request).into_iter();
                // Where only the allowed tools are sent, the choice is among them.
                let is_replaced = is_lost(dialect, "allowed")
                    && matches!(asked_choice, Some(ToolChoice::Allowed { .. }));
                all.filter(|(field, _)| !is_lost(dialect, field))
                    .filter(|(field, _)| *field != "tool_choice" || !is_replaced)
                    .collect()
            };
            let mut expected = kept(&request);
            if dialect == Dialect::Messages {
                for (field, value) in &mut expected {
                    // It must be said there.
                    if *field == "max_tokens" && value.is_empty() {
                        *value = "32000".into();
                    }
                }
            }
            prop_assert_eq!(kept(&again), expected, "{}", &what);
            // Nothing more is lost the second time.
            let twice = round_trip(dialect, again.clone());
            prop_assert_eq!(fields(&twice), fields(&again), "{}", &what);
            prop_assert_eq!(essence(twice, &names), essence(again, &names), "{}", &what);
        }
    }
}
