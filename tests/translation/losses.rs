//! Each thing of the table of losses, towards each dialect: what becomes of it is what the table says.

use holdfast::unversioned::translate::neutral::capabilities::{Feature, Support, TABLE, support};
use holdfast::unversioned::translate::neutral::{
    Cache, Hosted, Json, Output, Part, Request, Role, Source, Text, Tier, Tool, ToolCall,
    ToolChoice, ToolResult, Turn, WebSearch,
};
use holdfast::unversioned::wire::Dialect;
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
        dialect: Dialect::Messages,
        definition:
            json!({"type": kind, "name": kind.split('_').take(2).collect::<Vec<_>>().join("_")})
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
fn around(thing: Feature) -> Request<'static> {
    let mut request = Request {
        turns: vec![
            turn(Role::User, Part::text("one")),
            turn(Role::Assistant, Part::text("two")),
            turn(Role::User, Part::text("three")),
        ],
        ..Request::default()
    };
    match thing {
        Feature::TopPWithTemperature => request.sampling.temperature = Some(0.5),
        Feature::Strict
        | Feature::ToolDescription
        | Feature::Parallel
        | Feature::ForcedTool
        | Feature::AllowedTools
        | Feature::OptionalTools
        | Feature::SearchWithTools
        | Feature::HostedWithTools => request.tools = vec![tool("f"), tool("g"), tool("h")],
        Feature::ForcedSearch
        | Feature::SearchDomains
        | Feature::SearchBlockedDomains
        | Feature::SearchMaxUses
        | Feature::SearchLocation
        | Feature::SearchContext => request.web_search = Some(WebSearch::default()),
        Feature::SchemaName | Feature::SchemaDescription | Feature::SchemaStrict => {
            request.output = schema();
        }
        Feature::ImageDetail => request.turns[2].parts.extend([image(data("image/png"))]),
        Feature::FileName => request.turns[2]
            .parts
            .extend([file(data("application/pdf"))]),
        Feature::CallResult | Feature::FailedResult | Feature::ImageResult => {
            say(Feature::Call, &mut request);
        }
        _ => {}
    }
    request
}

fn say(thing: Feature, request: &mut Request) {
    let sampling = &mut request.sampling;
    let last = &mut request.turns[2].parts;
    let search = request.web_search.as_mut();
    match thing {
        Feature::MaxTokens => sampling.max_tokens = Some(77),
        Feature::Temperature => sampling.temperature = Some(0.25),
        Feature::TopP | Feature::TopPWithTemperature => sampling.top_p = Some(0.5),
        Feature::TopK => sampling.top_k = Some(7),
        Feature::Penalties => {
            sampling.frequency_penalty = Some(0.5);
            sampling.presence_penalty = Some(0.25);
        }
        Feature::Seed => sampling.seed = Some(5),
        Feature::Choices => sampling.n = Some(2),
        Feature::Verbosity => request.verbosity = Some("low".into()),
        Feature::Modalities => request.modalities = vec!["text".into(), "audio".into()],
        Feature::ImageShape => {
            request.image_shape.aspect_ratio = Some("16:9".into());
            request.image_shape.size = Some("2K".into());
        }
        Feature::GeminiOnly => {
            request.google.generation_config = object(json!({"audioTimestamp": true}));
        }
        Feature::Stop => request.stop = vec!["END".into()],
        Feature::User => request.user_id = Some("somebody".into()),
        Feature::Metadata => request.metadata = Some(json!({"k": "v"}).into()),
        Feature::CacheKey => request.cache_key = Some("key".into()),
        Feature::DefaultTier => request.service_tier = Some(Tier::Default),
        Feature::FlexTier => request.service_tier = Some(Tier::Flex),
        Feature::PriorityTier => request.service_tier = Some(Tier::Priority),
        Feature::SystemText => request.system.push(Text::new("be brief")),
        Feature::Attribution => {
            let line = "x-anthropic-billing-header: cc_version=1";
            request.system.push(Text::new(line));
        }
        Feature::SystemTurn => {
            let told = turn(Role::System, Part::text("be kind"));
            request.turns.insert(2, told);
        }
        Feature::Tool => request.tools.push(tool("f")),
        Feature::ToolDescription => request.tools[0].description = Some("does f".into()),
        Feature::Strict => request.tools[0].strict = Some(true),
        Feature::TextTool => request.tools.push(Tool {
            is_custom: true,
            ..tool("t")
        }),
        Feature::Parallel => request.parallel = Some(false),
        Feature::ForcedTool => request.tool_choice = Some(ToolChoice::Tool("g".into())),
        Feature::AllowedTools | Feature::OptionalTools => {
            request.tool_choice = Some(ToolChoice::Allowed {
                required: thing == Feature::AllowedTools,
                names: vec!["f".into(), "h".into()],
            });
        }
        Feature::ForcedSearch => request.tool_choice = Some(ToolChoice::WebSearch),
        Feature::JsonObject => request.output = Output::JsonObject,
        Feature::JsonSchema => request.output = schema(),
        Feature::SchemaName | Feature::SchemaDescription | Feature::SchemaStrict => {
            if let Output::JsonSchema {
                name,
                description,
                strict,
                ..
            } = &mut request.output
            {
                match thing {
                    Feature::SchemaName => *name = Some("report".into()),
                    Feature::SchemaDescription => *description = Some("a report".into()),
                    _ => *strict = Some(true),
                }
            }
        }
        Feature::CacheMark => {
            let one = Text {
                text: "one".into(),
                cache: Some(Cache { is_long: true }),
            };
            request.turns[0].parts = Part::Text(one).into();
        }
        Feature::Search | Feature::SearchWithTools => {
            request.web_search = Some(WebSearch::default());
        }
        Feature::CodeExecution | Feature::HostedWithTools => {
            request.hosted.push(hosted("code_execution_20250825"));
        }
        Feature::PageFetch => request.hosted.push(hosted("web_fetch_20250910")),
        Feature::HostedTool => request.hosted.push(Hosted {
            dialect: Dialect::Gemini,
            ..hosted("googleMaps")
        }),
        Feature::SearchDomains => search.unwrap().allowed_domains = vec!["a.example".into()],
        Feature::SearchBlockedDomains => search.unwrap().blocked_domains = vec!["b.example".into()],
        Feature::SearchMaxUses => search.unwrap().max_uses = Some(3),
        Feature::SearchLocation => search.unwrap().location = object(json!({"city": "Yerevan"})),
        Feature::SearchContext => search.unwrap().context_size = Some("high".into()),
        Feature::Text => last.extend([Part::text("four")]),
        Feature::Refusal => request.turns[1].parts = Part::Refusal("no".into()).into(),
        Feature::Image => last.extend([image(data("image/png"))]),
        Feature::ImageUrl => last.extend([image(Source::Url("https://a.example/a.png".into()))]),
        Feature::UncommonImage => last.extend([image(data("image/bmp"))]),
        Feature::StoredImage => last.extend([image(Source::FileId(KEPT.into()))]),
        Feature::ImageDetail => {
            if let Some(Part::Image { detail, .. }) = last.last_mut() {
                *detail = Some("low".into());
            }
        }
        Feature::Audio => last.extend([Part::Audio {
            mime: "audio/mpeg".into(),
            data: "aGVsbG8=".into(),
        }]),
        Feature::Video => last.extend([Part::Video(data("video/mp4"))]),
        Feature::File => last.extend([file(data("application/pdf"))]),
        Feature::FileUrl => last.extend([file(Source::Url("https://a.example/a.pdf".into()))]),
        Feature::StoredFile => last.extend([file(Source::FileId(KEPT.into()))]),
        Feature::ForeignFile => last.extend([file(Source::FileId("file-1".into()))]),
        Feature::FileName => {
            if let Some(Part::File { name, .. }) = last.last_mut() {
                *name = Some("report.pdf".into());
            }
        }
        Feature::Call => {
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
        Feature::CallResult | Feature::FailedResult | Feature::ImageResult => {
            let Some(Part::ToolResult(result)) = last.first_mut() else {
                panic!("no result");
            };
            match thing {
                Feature::CallResult => result.parts = vec![Part::text("undone")],
                Feature::FailedResult => result.is_error = true,
                _ => result.parts.push(image(data("image/png"))),
            }
        }
    }
}

/// What a request says that has to do with the thing.
fn said(thing: Feature, request: &Request) -> Value {
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
        Feature::MaxTokens => json!(sampling.max_tokens),
        Feature::Temperature => json!(sampling.temperature),
        Feature::TopP | Feature::TopPWithTemperature => json!(sampling.top_p),
        Feature::TopK => json!(sampling.top_k),
        Feature::Penalties => json!([sampling.frequency_penalty, sampling.presence_penalty]),
        Feature::Seed => json!(sampling.seed),
        Feature::Choices => json!(sampling.n),
        Feature::Verbosity => json!(request.verbosity),
        Feature::Modalities => json!(request.modalities),
        Feature::ImageShape => json!(format!("{:?}", request.image_shape)),
        Feature::GeminiOnly => json!(request.google.generation_config),
        Feature::Stop => json!(request.stop),
        Feature::User => json!(request.user_id),
        Feature::Metadata => json!(request.metadata.as_ref().and_then(Json::tree)),
        Feature::CacheKey => json!(request.cache_key),
        Feature::DefaultTier | Feature::FlexTier | Feature::PriorityTier => {
            json!(format!("{:?}", request.service_tier))
        }
        Feature::SystemText | Feature::Attribution => {
            let texts = request.system.iter().map(|text| text.text.as_str());
            json!(texts.collect::<Vec<_>>())
        }
        Feature::SystemTurn => {
            let turns = request.turns.iter();
            json!(turns.filter(|turn| turn.role == Role::System).count())
        }
        Feature::Tool | Feature::TextTool | Feature::ToolDescription | Feature::Strict => {
            let tools = request.tools.iter().map(|tool| match thing {
                Feature::Tool => json!(tool.name),
                Feature::TextTool => json!([tool.name, tool.is_custom]),
                Feature::ToolDescription => json!(tool.description),
                // Left out, it means what is written for it.
                _ => json!(tool.strict.unwrap_or(false)),
            });
            tools.collect()
        }
        Feature::Parallel => json!(request.parallel),
        Feature::ForcedTool
        | Feature::AllowedTools
        | Feature::OptionalTools
        | Feature::ForcedSearch => {
            json!(choice)
        }
        Feature::JsonObject => json!(request.output == Output::JsonObject),
        Feature::JsonSchema
        | Feature::SchemaName
        | Feature::SchemaDescription
        | Feature::SchemaStrict => match &request.output {
            Output::JsonSchema {
                name,
                description,
                schema,
                strict,
            } => match thing {
                Feature::SchemaName => json!(name),
                Feature::SchemaDescription => json!(description),
                Feature::SchemaStrict => json!(strict),
                _ => schema.tree().unwrap()["type"].clone(),
            },
            _ => Value::Null,
        },
        Feature::CacheMark => json!(matches!(
            parts[0],
            Part::Text(Text {
                cache: Some(Cache { is_long: true }),
                ..
            })
        )),
        Feature::Search | Feature::SearchWithTools => json!(request.web_search.is_some()),
        Feature::SearchDomains => json!(search.allowed_domains),
        Feature::SearchBlockedDomains => json!(search.blocked_domains),
        Feature::SearchMaxUses => json!(search.max_uses),
        Feature::SearchLocation => json!(search.location),
        Feature::SearchContext => json!(search.context_size),
        // Whether an id is of a picture or of another file is nowhere said.
        Feature::StoredImage | Feature::StoredFile | Feature::ForeignFile => {
            json!(format!("{parts:?}").contains(KEPT))
        }
        Feature::CodeExecution
        | Feature::PageFetch
        | Feature::HostedTool
        | Feature::HostedWithTools => {
            let tools = request.hosted.iter();
            json!(format!(
                "{:?}",
                tools.map(Hosted::common).collect::<Vec<_>>()
            ))
        }
        Feature::FileName => json!(format!("{parts:?}").contains("report.pdf")),
        Feature::ImageDetail => json!(format!("{parts:?}").contains("low")),
        Feature::Call => {
            let calls = parts.iter().filter_map(|part| match part {
                Part::ToolCall(call) => Some(json!([call.name, call.arguments])),
                _ => None,
            });
            calls.collect()
        }
        Feature::CallResult | Feature::FailedResult | Feature::ImageResult => json!(results),
        Feature::Text
        | Feature::Refusal
        | Feature::Image
        | Feature::ImageUrl
        | Feature::UncommonImage
        | Feature::Audio
        | Feature::Video
        | Feature::File
        | Feature::FileUrl => {
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
            let fate = support(thing, upstream);
            let is_at_home = thing == Feature::HostedTool && upstream == Dialect::Gemini;
            if fate == Support::Refused || is_at_home {
                continue;
            }
            let body: Value = serde_json::from_slice(&write(upstream, with.clone())).unwrap();
            let body_without: Value =
                serde_json::from_slice(&write(upstream, without.clone())).unwrap();
            if fate == Support::Dropped {
                assert_eq!(body, body_without, "{what}");
                continue;
            }
            assert_ne!(body, body_without, "{what}");
            let again = read(upstream, body.to_string().as_bytes());
            let comes_back = match thing {
                Feature::GeminiOnly => body["generationConfig"]["audioTimestamp"] == true,
                _ => said(thing, &again) == said(thing, &with),
            };
            if comes_back != (fate == Support::Native) {
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
            if support(thing, upstream) != Support::Refused {
                continue;
            }
            let mut tried = 0;
            for client in Dialect::ALL {
                let is_one_vendor = is_openai(client) && is_openai(upstream);
                let can_say = match thing {
                    Feature::ForeignFile => client != Dialect::Gemini && !is_one_vendor,
                    Feature::StoredImage => {
                        is_one_vendor && support(thing, client) == Support::Native
                    }
                    _ => support(thing, client) == Support::Native,
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
                    Dialect::Gemini if thing == Feature::Choices => {
                        "generationConfig.candidateCount"
                    }
                    _ if thing == Feature::Choices => "n",
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
