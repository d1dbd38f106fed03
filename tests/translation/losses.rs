//! Each thing of the table of losses, towards each dialect: what becomes of it is what the table says.

use holdfast::wire::Dialect;
use holdfast::translate::neutral::capabilities::{Fate, TABLE, Thing, fate};
use holdfast::translate::neutral::{Cache, Hosted, Json, Output, Part, Request, Role, Source, Text, Tier, Tool, ToolCall, ToolChoice, ToolResult, Turn, WebSearch};
use serde_json::{Map, Value, json};

use super::fixtures::translated;
use super::requests::read;
use super::round_trips::write;

const KEPT: &str = "https://generativelanguage.googleapis.com/v1beta/files/a";

fn turn(role: Role, part: Part) -> Turn<'static> {
    Turn::new(role, part)
}

fn data(mime: &str) -> Source {
    Source::Data {
        mime: mime.to_owned(),
        data: "aGVsbG8=".to_owned(),
    }
}

fn image(source: Source) -> Part {
    Part::Image {
        source,
        detail: None,
        cache: None,
    }
}

fn file(source: Source) -> Part {
    Part::File {
        source,
        name: None,
        cache: None,
    }
}

fn tool(name: &str) -> Tool {
    Tool {
        name: name.to_owned(),
        schema: json!({"type": "object", "properties": {}}).into(),
        ..Tool::default()
    }
}

fn hosted(kind: &str) -> Hosted {
    Hosted {
        kind: kind.to_owned(),
        name: None,
        home: Dialect::Messages,
        given: json!({"type": kind, "name": kind.split('_').take(2).collect::<Vec<_>>().join("_")})
            .into(),
    }
}

fn schema() -> Output {
    Output::JsonSchema {
        name: None,
        description: None,
        schema: json!({"type": "object", "properties": {}, "additionalProperties": false}).into(),
        strict: None,
    }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// A request that says nothing of the thing but what it takes to say it.
fn around(thing: Thing) -> Request<'static> {
    let mut request = Request {
        turns: vec![
            turn(Role::User, Part::text("one")),
            turn(Role::Assistant, Part::text("two")),
            turn(Role::User, Part::text("three")),
        ],
        ..Request::default()
    };
    match thing {
        Thing::TopPWithTemperature => request.sampling.temperature = Some(0.5),
        Thing::Strict
        | Thing::ToolDescription
        | Thing::Parallel
        | Thing::ForcedTool
        | Thing::AllowedTools
        | Thing::OptionalTools
        | Thing::SearchWithTools
        | Thing::HostedWithTools => request.tools = vec![tool("f"), tool("g"), tool("h")],
        Thing::ForcedSearch
        | Thing::SearchDomains
        | Thing::SearchBlockedDomains
        | Thing::SearchMost
        | Thing::SearchLocation
        | Thing::SearchContext => request.web_search = Some(WebSearch::default()),
        Thing::SchemaName | Thing::SchemaDescription | Thing::SchemaStrict => {
            request.output = schema();
        }
        Thing::ImageDetail => request.turns[2].parts.extend([image(data("image/png"))]),
        Thing::FileName => request.turns[2]
            .parts
            .extend([file(data("application/pdf"))]),
        Thing::CallResult | Thing::FailedResult | Thing::ShownResult => {
            say(Thing::Call, &mut request);
        }
        _ => {}
    }
    request
}

fn say(thing: Thing, request: &mut Request) {
    let sampling = &mut request.sampling;
    let last = &mut request.turns[2].parts;
    let search = request.web_search.as_mut();
    match thing {
        Thing::MaxTokens => sampling.max_tokens = Some(77),
        Thing::Temperature => sampling.temperature = Some(0.25),
        Thing::TopP | Thing::TopPWithTemperature => sampling.top_p = Some(0.5),
        Thing::TopK => sampling.top_k = Some(7),
        Thing::Penalties => {
            sampling.frequency_penalty = Some(0.5);
            sampling.presence_penalty = Some(0.25);
        }
        Thing::Seed => sampling.seed = Some(5),
        Thing::Choices => sampling.n = Some(2),
        Thing::Verbosity => request.verbosity = Some("low".into()),
        Thing::Modalities => request.modalities = vec!["text".into(), "audio".into()],
        Thing::ImageShape => {
            request.image_shape.aspect_ratio = Some("16:9".into());
            request.image_shape.size = Some("2K".into());
        }
        Thing::GoogleOnly => {
            request.google.generation_config = object(json!({"audioTimestamp": true}));
        }
        Thing::Stop => request.stop = vec!["END".into()],
        Thing::User => request.user_id = Some("somebody".into()),
        Thing::Metadata => request.metadata = Some(json!({"k": "v"}).into()),
        Thing::CacheKey => request.cache_key = Some("key".into()),
        Thing::DefaultTier => request.service_tier = Some(Tier::Default),
        Thing::FlexTier => request.service_tier = Some(Tier::Flex),
        Thing::PriorityTier => request.service_tier = Some(Tier::Priority),
        Thing::SystemText => request.system.push(Text::new("be brief")),
        Thing::Attribution => {
            let line = "x-anthropic-billing-header: cc_version=1";
            request.system.push(Text::new(line));
        }
        Thing::SystemTurn => {
            let told = turn(Role::System, Part::text("be kind"));
            request.turns.insert(2, told);
        }
        Thing::Tool => request.tools.push(tool("f")),
        Thing::ToolDescription => request.tools[0].description = Some("does f".into()),
        Thing::Strict => request.tools[0].strict = Some(true),
        Thing::TextTool => request.tools.push(Tool {
            is_custom: true,
            ..tool("t")
        }),
        Thing::Parallel => request.parallel = Some(false),
        Thing::ForcedTool => request.tool_choice = Some(ToolChoice::Tool("g".into())),
        Thing::AllowedTools | Thing::OptionalTools => {
            request.tool_choice = Some(ToolChoice::Allowed {
                required: thing == Thing::AllowedTools,
                names: vec!["f".into(), "h".into()],
            });
        }
        Thing::ForcedSearch => request.tool_choice = Some(ToolChoice::WebSearch),
        Thing::JsonObject => request.output = Output::JsonObject,
        Thing::JsonSchema => request.output = schema(),
        Thing::SchemaName | Thing::SchemaDescription | Thing::SchemaStrict => {
            if let Output::JsonSchema {
                name,
                description,
                strict,
                ..
            } = &mut request.output
            {
                match thing {
                    Thing::SchemaName => *name = Some("report".into()),
                    Thing::SchemaDescription => *description = Some("a report".into()),
                    _ => *strict = Some(true),
                }
            }
        }
        Thing::CacheMark => {
            let one = Text {
                text: "one".into(),
                cache: Some(Cache { is_long: true }),
            };
            request.turns[0].parts = Part::Text(one).into();
        }
        Thing::Search | Thing::SearchWithTools => {
            request.web_search = Some(WebSearch::default());
        }
        Thing::CodeExecution | Thing::HostedWithTools => {
            request.hosted.push(hosted("code_execution_20250825"));
        }
        Thing::PageFetch => request.hosted.push(hosted("web_fetch_20250910")),
        Thing::HostedTool => request.hosted.push(Hosted {
            home: Dialect::Gemini,
            ..hosted("googleMaps")
        }),
        Thing::SearchDomains => search.unwrap().allowed_domains = vec!["a.example".into()],
        Thing::SearchBlockedDomains => search.unwrap().blocked_domains = vec!["b.example".into()],
        Thing::SearchMost => search.unwrap().max_uses = Some(3),
        Thing::SearchLocation => search.unwrap().location = object(json!({"city": "Yerevan"})),
        Thing::SearchContext => search.unwrap().context_size = Some("high".into()),
        Thing::Words => last.extend([Part::text("four")]),
        Thing::Refusal => request.turns[1].parts = Part::Refusal("no".into()).into(),
        Thing::Image => last.extend([image(data("image/png"))]),
        Thing::ImageUrl => last.extend([image(Source::Url("https://a.example/a.png".into()))]),
        Thing::OddImage => last.extend([image(data("image/bmp"))]),
        Thing::KeptImage => last.extend([image(Source::FileId(KEPT.into()))]),
        Thing::ImageDetail => {
            if let Some(Part::Image { detail, .. }) = last.last_mut() {
                *detail = Some("low".into());
            }
        }
        Thing::Audio => last.extend([Part::Audio {
            mime: "audio/mpeg".into(),
            data: "aGVsbG8=".into(),
        }]),
        Thing::Video => last.extend([Part::Video(data("video/mp4"))]),
        Thing::File => last.extend([file(data("application/pdf"))]),
        Thing::FileUrl => last.extend([file(Source::Url("https://a.example/a.pdf".into()))]),
        Thing::KeptFile => last.extend([file(Source::FileId(KEPT.into()))]),
        Thing::Foreign => last.extend([file(Source::FileId("file-1".into()))]),
        Thing::FileName => {
            if let Some(Part::File { name, .. }) = last.last_mut() {
                *name = Some("report.pdf".into());
            }
        }
        Thing::Call => {
            let call = ToolCall {
                id: "call_1".into(),
                name: "f".into(),
                arguments: r#"{"a":1}"#.into(),
                ..ToolCall::default()
            };
            request.turns[1].parts = Part::ToolCall(call).into();
            let result = ToolResult {
                call_id: "call_1".into(),
                parts: vec![Part::text("done")],
                ..ToolResult::default()
            };
            request.turns[2].parts = Part::ToolResult(result).into();
        }
        Thing::CallResult | Thing::FailedResult | Thing::ShownResult => {
            let Some(Part::ToolResult(result)) = last.first_mut() else {
                panic!("no result");
            };
            match thing {
                Thing::CallResult => result.parts = vec![Part::text("undone")],
                Thing::FailedResult => result.is_error = true,
                _ => result.parts.push(image(data("image/png"))),
            }
        }
    }
}

/// What a request says that has to do with the thing.
fn said(thing: Thing, request: &Request) -> Value {
    let sampling = &request.sampling;
    let search = request.web_search.clone().unwrap_or_default();
    let choice = format!("{:?}", request.tool_choice);
    let parts: Vec<&Part> = request.turns.iter().flat_map(|turn| &turn.parts).collect();
    let results = parts.iter().filter_map(|part| match part {
        Part::ToolResult(result) => Some(result),
        _ => None,
    });
    let results: Vec<(bool, Vec<String>)> = results
        .map(|result| {
            let shown = result.parts.iter().map(|part| match part {
                Part::Text(text) => text.text.clone(),
                Part::Image { source, .. } => format!("{source:?}"),
                part => format!("{part:?}"),
            });
            (result.is_error, shown.collect())
        })
        .collect();
    match thing {
        Thing::MaxTokens => json!(sampling.max_tokens),
        Thing::Temperature => json!(sampling.temperature),
        Thing::TopP | Thing::TopPWithTemperature => json!(sampling.top_p),
        Thing::TopK => json!(sampling.top_k),
        Thing::Penalties => json!([sampling.frequency_penalty, sampling.presence_penalty]),
        Thing::Seed => json!(sampling.seed),
        Thing::Choices => json!(sampling.n),
        Thing::Verbosity => json!(request.verbosity),
        Thing::Modalities => json!(request.modalities),
        Thing::ImageShape => json!(format!("{:?}", request.image_shape)),
        Thing::GoogleOnly => json!(request.google.generation_config),
        Thing::Stop => json!(request.stop),
        Thing::User => json!(request.user_id),
        Thing::Metadata => json!(request.metadata.as_ref().and_then(Json::tree)),
        Thing::CacheKey => json!(request.cache_key),
        Thing::DefaultTier | Thing::FlexTier | Thing::PriorityTier => {
            json!(format!("{:?}", request.service_tier))
        }
        Thing::SystemText | Thing::Attribution => {
            let texts = request.system.iter().map(|text| text.text.as_str());
            json!(texts.collect::<Vec<_>>())
        }
        Thing::SystemTurn => {
            let turns = request.turns.iter();
            json!(turns.filter(|turn| turn.role == Role::System).count())
        }
        Thing::Tool | Thing::TextTool | Thing::ToolDescription | Thing::Strict => {
            let tools = request.tools.iter().map(|tool| match thing {
                Thing::Tool => json!(tool.name),
                Thing::TextTool => json!([tool.name, tool.is_custom]),
                Thing::ToolDescription => json!(tool.description),
                // Left out, it means what is written for it.
                _ => json!(tool.strict.unwrap_or(false)),
            });
            tools.collect()
        }
        Thing::Parallel => json!(request.parallel),
        Thing::ForcedTool | Thing::AllowedTools | Thing::OptionalTools | Thing::ForcedSearch => {
            json!(choice)
        }
        Thing::JsonObject => json!(request.output == Output::JsonObject),
        Thing::JsonSchema | Thing::SchemaName | Thing::SchemaDescription | Thing::SchemaStrict => {
            match &request.output {
                Output::JsonSchema {
                    name,
                    description,
                    schema,
                    strict,
                } => match thing {
                    Thing::SchemaName => json!(name),
                    Thing::SchemaDescription => json!(description),
                    Thing::SchemaStrict => json!(strict),
                    _ => schema.tree().unwrap()["type"].clone(),
                },
                _ => Value::Null,
            }
        }
        Thing::CacheMark => json!(matches!(
            parts[0],
            Part::Text(Text {
                cache: Some(Cache { is_long: true }),
                ..
            })
        )),
        Thing::Search | Thing::SearchWithTools => json!(request.web_search.is_some()),
        Thing::SearchDomains => json!(search.allowed_domains),
        Thing::SearchBlockedDomains => json!(search.blocked_domains),
        Thing::SearchMost => json!(search.max_uses),
        Thing::SearchLocation => json!(search.location),
        Thing::SearchContext => json!(search.context_size),
        // Whether an id is of a picture or of another file is nowhere said.
        Thing::KeptImage | Thing::KeptFile | Thing::Foreign => {
            json!(format!("{parts:?}").contains(KEPT))
        }
        Thing::CodeExecution | Thing::PageFetch | Thing::HostedTool | Thing::HostedWithTools => {
            let tools = request.hosted.iter();
            json!(format!(
                "{:?}",
                tools.map(Hosted::common).collect::<Vec<_>>()
            ))
        }
        Thing::FileName => json!(format!("{parts:?}").contains("report.pdf")),
        Thing::ImageDetail => json!(format!("{parts:?}").contains("low")),
        Thing::Call => {
            let calls = parts.iter().filter_map(|part| match part {
                Part::ToolCall(call) => Some(json!([call.name, call.arguments])),
                _ => None,
            });
            calls.collect()
        }
        Thing::CallResult | Thing::FailedResult | Thing::ShownResult => json!(results),
        Thing::Words
        | Thing::Refusal
        | Thing::Image
        | Thing::ImageUrl
        | Thing::OddImage
        | Thing::Audio
        | Thing::Video
        | Thing::File
        | Thing::FileUrl => {
            let parts = parts.iter().map(|part| match part {
                Part::File { source, .. } => format!("file {source:?}"),
                Part::Image { source, .. } => format!("image {source:?}"),
                Part::Text(text) => text.text.clone(),
                part => format!("{part:?}"),
            });
            json!(parts.collect::<Vec<_>>())
        }
    }
}

#[test]
fn every_thing_has_one_row() {
    for (index, (thing, _)) in TABLE.iter().enumerate() {
        let before = TABLE.iter().take(index);
        assert!(
            before.into_iter().all(|(known, _)| known != thing),
            "{thing:?}"
        );
    }
}

#[test]
fn what_the_table_says_becomes_of_everything() {
    let mut wrong = Vec::new();
    for (thing, _) in TABLE {
        let without = around(thing);
        let mut with = without.clone();
        say(thing, &mut with);
        for upstream in Dialect::ALL {
            let what = format!("{thing:?} to {}", upstream.name());
            let fate = fate(thing, upstream);
            let is_at_home = thing == Thing::HostedTool && upstream == Dialect::Gemini;
            if fate == Fate::Refused || is_at_home {
                continue;
            }
            let body: Value = serde_json::from_slice(&write(upstream, with.clone())).unwrap();
            let body_without: Value =
                serde_json::from_slice(&write(upstream, without.clone())).unwrap();
            if fate == Fate::Dropped {
                assert_eq!(body, body_without, "{what}");
                continue;
            }
            assert_ne!(body, body_without, "{what}");
            let again = read(upstream, body.to_string().as_bytes());
            let comes_back = match thing {
                Thing::GoogleOnly => body["generationConfig"]["audioTimestamp"] == true,
                _ => said(thing, &again) == said(thing, &with),
            };
            if comes_back != (fate == Fate::Said) {
                let (got, expected) = (said(thing, &again), said(thing, &with));
                wrong.push(format!("{what}: {got} for {expected} in {body}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_openai(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Chat | Dialect::Responses)
}

#[test]
fn what_is_refused_is_refused_by_its_place() {
    for (thing, _) in TABLE {
        let mut with = around(thing);
        say(thing, &mut with);
        for upstream in Dialect::ALL {
            if fate(thing, upstream) != Fate::Refused {
                continue;
            }
            let mut tried = 0;
            for client in Dialect::ALL {
                let is_one_vendor = is_openai(client) && is_openai(upstream);
                let can_say = match thing {
                    Thing::Foreign => client != Dialect::Gemini && !is_one_vendor,
                    Thing::KeptImage => is_one_vendor && fate(thing, client) == Fate::Said,
                    _ => fate(thing, client) == Fate::Said,
                };
                if client == upstream || !can_say {
                    continue;
                }
                tried += 1;
                let body = String::from_utf8(write(client, with.clone())).unwrap();
                let what = format!("{thing:?} from {} to {}", client.name(), upstream.name());
                let refusal = translated(client, upstream, body.as_bytes());
                let refusal = refusal.map(|_| what.clone()).unwrap_err();
                let place = match client {
                    Dialect::Gemini if thing == Thing::Choices => "generationConfig.candidateCount",
                    _ if thing == Thing::Choices => "n",
                    Dialect::Chat => "messages[2].content[1]",
                    Dialect::Responses => "input[2].content[1]",
                    Dialect::Messages => "messages[2].content[1]",
                    Dialect::Gemini => "contents[2].parts[1]",
                };
                assert_eq!(refusal.path, place, "{what}");
                assert!(refusal.why.contains(upstream.name()), "{what}: {refusal}");
            }
            assert!(tried > 0, "{thing:?} to {}", upstream.name());
        }
    }
}
