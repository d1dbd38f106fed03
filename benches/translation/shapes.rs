//! Bodies of every shape that is large in another way than a conversation of an agent.

use std::fmt::Write;

use holdfast::unversioned::wire::Dialect;

/// What of a body is large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    TinyMessages,
    SmallMessages,
    TinyParts,
    OneText,
    Results,
    Arguments,
    Tools,
    OneTool,
    UnknownMembers,
    UnknownInMessages,
    UnknownInParts,
    UnknownInTools,
    Numbers,
    Image,
    Metadata,
    System,
    Output,
}

use Shape::*;

impl Shape {
    pub const ALL: [Self; 17] = [
        TinyMessages,
        SmallMessages,
        TinyParts,
        OneText,
        Results,
        Arguments,
        Tools,
        OneTool,
        UnknownMembers,
        UnknownInMessages,
        UnknownInParts,
        UnknownInTools,
        Numbers,
        Image,
        Metadata,
        System,
        Output,
    ];
}

/// The body of a request, piece by piece.
#[derive(Default)]
struct Body {
    members: String,
    turns: Vec<String>,
    tools: Vec<String>,
    system: Vec<String>,
    output: Option<String>,
}

/// A request of about so many bytes.
pub fn request(dialect: Dialect, bytes: usize, shape: Shape) -> Vec<u8> {
    let mut body = Body::default();
    let begin = words(dialect, false, &quoted("Begin."));
    let tool = |name: &str, schema: &str, more: &str| tool(dialect, name, schema, more);
    match shape {
        TinyMessages => body.turns = filled(bytes, |_| words(dialect, false, "\"a\"")),
        SmallMessages => {
            body.turns = filled(bytes, |n| {
                words(dialect, n % 2 == 1, &quoted(&format!("message number {n}")))
            });
        }
        TinyParts => {
            let parts = filled(bytes, |_| part(dialect, "\"a\"", "")).join(",");
            body.turns = vec![turn(dialect, &parts, "")];
        }
        OneText => {
            let text = "He said: \\\"no\\\".\\n".repeat(bytes / 17);
            body.turns = vec![words(dialect, false, &format!("\"{text}\""))];
        }
        Results => {
            body.turns = filled_flat(bytes, |n| {
                let result = format!(r#"{{\"rows\":[{}]}}"#, "1,".repeat(2000) + "2");
                call(dialect, n, r#"{"path":"a"}"#, &format!("\"{result}\""))
            });
        }
        Arguments => {
            let one = (0..2000)
                .map(|n| format!(r#""key{n}":{n}"#))
                .collect::<Vec<_>>();
            let arguments = format!("{{{}}}", one.join(","));
            body.turns = filled_flat(bytes, |n| call(dialect, n, &arguments, "\"done\""));
        }
        Tools => {
            let schema = schema(60, 12);
            body.tools = filled(bytes, |n| tool(&format!("tool_{n}"), &schema, ""));
        }
        OneTool => body.tools = vec![tool("only", &schema(bytes / 75, 12), "")],
        UnknownMembers => body.members = unknown(bytes),
        UnknownInMessages => {
            let part = part(dialect, "\"Begin.\"", "");
            body.turns = vec![turn(dialect, &part, &unknown(bytes))];
        }
        UnknownInParts => {
            let part = part(dialect, "\"Begin.\"", &unknown(bytes));
            body.turns = vec![turn(dialect, &part, "")];
        }
        UnknownInTools => {
            body.tools = vec![tool("only", &schema(3, 3), &unknown(bytes))];
        }
        Numbers => {
            let numbers = "1,".repeat(bytes / 4) + "2";
            body.members = format!(r#","numbers":[{numbers}]"#);
            let part = part(dialect, "\"Begin.\"", "");
            body.turns = vec![turn(dialect, &part, &format!(r#","numbers":[{numbers}]"#))];
        }
        Image => {
            let part = image(dialect, &"iVBORw0K".repeat(bytes / 8));
            body.turns = vec![turn(dialect, &part, "")];
        }
        Metadata => {
            let members = unknown(bytes);
            let members = members.get(1..).unwrap_or_default();
            body.members = format!(r#","metadata":{{{members}}}"#);
        }
        System => {
            body.system = filled(bytes, |n| {
                let text =
                    format!("Rule {n}: be brief, and say nothing of what you were not asked.");
                match dialect {
                    Dialect::Gemini => format!(r#"{{"text":"{text}"}}"#),
                    Dialect::Responses => text + "\\n",
                    _ => format!(r#"{{"type":"text","text":"{text}"}}"#),
                }
            });
        }
        Output => body.output = Some(schema(bytes / 75, 12)),
    }
    if body.turns.is_empty() {
        body.turns.push(begin);
    }
    body.finish(dialect).into_bytes()
}

impl Body {
    fn finish(self, dialect: Dialect) -> String {
        let Self {
            members,
            mut turns,
            tools,
            system,
            output,
        } = self;
        let tools = match tools.is_empty() {
            true => String::new(),
            false if dialect == Dialect::Gemini => {
                let tools = tools.join(",");
                format!(r#","tools":[{{"functionDeclarations":[{tools}]}}]"#)
            }
            false => format!(r#","tools":[{}]"#, tools.join(",")),
        };
        let mut head = match dialect {
            Dialect::Gemini => String::new(),
            Dialect::Messages => r#""model":"m","max_tokens":1000,"#.to_owned(),
            Dialect::Chat | Dialect::Responses => r#""model":"m","#.to_owned(),
        };
        if !system.is_empty() {
            let parts = system.join(",");
            match dialect {
                Dialect::Chat => {
                    turns.insert(0, format!(r#"{{"role":"system","content":[{parts}]}}"#));
                }
                Dialect::Responses => {
                    let _ = write!(head, r#""instructions":"{}","#, system.concat());
                }
                Dialect::Messages => {
                    let _ = write!(head, r#""system":[{parts}],"#);
                }
                Dialect::Gemini => {
                    let _ = write!(head, r#""systemInstruction":{{"parts":[{parts}]}},"#);
                }
            }
        }
        if let Some(schema) = output {
            let _ = match dialect {
                Dialect::Chat => write!(
                    head,
                    r#""response_format":{{"type":"json_schema","json_schema":{{"name":"a","schema":{schema}}}}},"#
                ),
                Dialect::Responses => write!(
                    head,
                    r#""text":{{"format":{{"type":"json_schema","name":"a","schema":{schema}}}}},"#
                ),
                Dialect::Messages => write!(
                    head,
                    r#""output_config":{{"format":{{"type":"json_schema","schema":{schema}}}}},"#
                ),
                Dialect::Gemini => write!(
                    head,
                    r#""generationConfig":{{"responseMimeType":"application/json","responseJsonSchema":{schema}}},"#
                ),
            };
        }
        let key = match dialect {
            Dialect::Chat | Dialect::Messages => "messages",
            Dialect::Responses => "input",
            Dialect::Gemini => "contents",
        };
        let turns = turns.join(",");
        format!(r#"{{{head}"{key}":[{turns}]{tools}{members}}}"#)
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// As many pieces as come to so many bytes.
fn filled(bytes: usize, piece: impl Fn(usize) -> String) -> Vec<String> {
    filled_flat(bytes, |n| vec![piece(n)])
}

fn filled_flat(bytes: usize, pieces: impl Fn(usize) -> Vec<String>) -> Vec<String> {
    let mut all = Vec::new();
    let mut size = 0;
    while size < bytes {
        for piece in pieces(all.len()) {
            size += piece.len() + 1;
            all.push(piece);
        }
    }
    all
}

/// Many small members.
fn unknown(bytes: usize) -> String {
    let mut members = String::new();
    let mut n = 0;
    while members.len() < bytes {
        let _ = write!(members, r#","x{n}":1"#);
        n += 1;
    }
    members
}

/// A schema of so many properties, and one that is nested so deeply.
fn schema(properties: usize, depth: usize) -> String {
    let deep = (0..depth).fold(r#"{"type":"string"}"#.to_owned(), |inner, _| {
        format!(r#"{{"type":"object","properties":{{"inner":{inner}}},"required":["inner"]}}"#)
    });
    let mut all = format!(r#"{{"type":"object","properties":{{"deep":{deep}"#);
    for n in 0..properties {
        let _ = write!(
            all,
            r#","property_{n}":{{"type":"string","description":"What is meant by it"}}"#
        );
    }
    all + "}}"
}

/// A message of one text, as short as it can be said.
fn words(dialect: Dialect, is_model: bool, text: &str) -> String {
    let (user, model) = match dialect {
        Dialect::Gemini => ("user", "model"),
        _ => ("user", "assistant"),
    };
    let role = if is_model { model } else { user };
    match dialect {
        Dialect::Gemini => format!(r#"{{"role":"{role}","parts":[{{"text":{text}}}]}}"#),
        _ => format!(r#"{{"role":"{role}","content":{text}}}"#),
    }
}

/// What a user says in these parts, with more members.
fn turn(dialect: Dialect, parts: &str, more: &str) -> String {
    let key = match dialect {
        Dialect::Gemini => "parts",
        _ => "content",
    };
    format!(r#"{{"role":"user","{key}":[{parts}]{more}}}"#)
}

fn part(dialect: Dialect, text: &str, more: &str) -> String {
    match dialect {
        Dialect::Gemini => format!(r#"{{"text":{text}{more}}}"#),
        Dialect::Responses => format!(r#"{{"type":"input_text","text":{text}{more}}}"#),
        _ => format!(r#"{{"type":"text","text":{text}{more}}}"#),
    }
}

fn image(dialect: Dialect, data: &str) -> String {
    match dialect {
        Dialect::Chat => format!(
            r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}"#
        ),
        Dialect::Responses => {
            format!(r#"{{"type":"input_image","image_url":"data:image/png;base64,{data}"}}"#)
        }
        Dialect::Messages => format!(
            r#"{{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{data}"}}}}"#
        ),
        Dialect::Gemini => {
            format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{data}"}}}}"#)
        }
    }
}

fn tool(dialect: Dialect, name: &str, schema: &str, more: &str) -> String {
    match dialect {
        Dialect::Chat => format!(
            r#"{{"type":"function","function":{{"name":"{name}","parameters":{schema}{more}}}}}"#
        ),
        Dialect::Responses => {
            format!(r#"{{"type":"function","name":"{name}","parameters":{schema}{more}}}"#)
        }
        Dialect::Messages => format!(r#"{{"name":"{name}","input_schema":{schema}{more}}}"#),
        Dialect::Gemini => format!(r#"{{"name":"{name}","parametersJsonSchema":{schema}{more}}}"#),
    }
}

/// A call of a tool and what it came to.
fn call(dialect: Dialect, n: usize, arguments: &str, result: &str) -> Vec<String> {
    let escaped = arguments.replace('"', "\\\"");
    match dialect {
        Dialect::Chat => vec![
            format!(
                r#"{{"role":"assistant","tool_calls":[{{"id":"c{n}","type":"function","function":{{"name":"f","arguments":"{escaped}"}}}}]}}"#
            ),
            format!(r#"{{"role":"tool","tool_call_id":"c{n}","content":{result}}}"#),
        ],
        Dialect::Responses => vec![
            format!(
                r#"{{"type":"function_call","call_id":"c{n}","name":"f","arguments":"{escaped}"}}"#
            ),
            format!(r#"{{"type":"function_call_output","call_id":"c{n}","output":{result}}}"#),
        ],
        Dialect::Messages => vec![
            format!(
                r#"{{"role":"assistant","content":[{{"type":"tool_use","id":"c{n}","name":"f","input":{arguments}}}]}}"#
            ),
            format!(
                r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c{n}","content":{result}}}]}}"#
            ),
        ],
        Dialect::Gemini => vec![
            format!(
                r#"{{"role":"model","parts":[{{"functionCall":{{"id":"c{n}","name":"f","args":{arguments}}}}}]}}"#
            ),
            format!(
                r#"{{"role":"user","parts":[{{"functionResponse":{{"id":"c{n}","name":"f","response":{{"result":{result}}}}}}}]}}"#
            ),
        ],
    }
}
