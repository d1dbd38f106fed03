//! Streams keep to the grammar of their dialect, whatever upstream they come from and however it says things.

use std::collections::{BTreeMap, HashMap};

use holdfast::unversioned::translate::neutral::answer::{Ending, Head};
use holdfast::unversioned::translate::neutral::event::Citation;
use holdfast::unversioned::translate::neutral::search::{FoundPage, Search};
use holdfast::unversioned::translate::neutral::{BlockId, Event, Family, Finish, Signature};
use holdfast::unversioned::translate::{State, Stream, chat, gemini, messages, responses};
use holdfast::unversioned::wire::Dialect;
use holdfast::unversioned::wire::usage::Usage;
use proptest::prelude::*;

use super::answers::context;
use super::fixtures::of_kind;
use super::grammar::{End, check};

fn shown(out: &[u8]) -> String {
    String::from_utf8_lossy(out).into_owned()
}

#[test]
fn every_fixture_keeps_to_every_grammar_wherever_it_is_cut() {
    for fixture in of_kind("stream") {
        let data = fixture.data();
        for client in Dialect::ALL {
            for frames in 0..=data.len() {
                let mut stream = Stream::new(context(client, fixture.dialect), false);
                let mut out = Vec::new();
                for data in data.iter().take(frames) {
                    stream.read(data.as_bytes(), &mut out);
                }
                let is_running = *stream.state() == State::Running;
                if is_running {
                    stream.fail(502, "cut", &mut out);
                }
                stream.end(&mut out);
                let failed = matches!(stream.state(), State::Failed { .. });
                let expected = if failed { End::Error } else { End::Good };
                assert_eq!(
                    check(client, &out),
                    Ok(expected),
                    "{} for {} after {frames}:\n{}",
                    fixture.name,
                    client.name(),
                    shown(&out)
                );
            }
        }
    }
}

/// A piece of an answer.
#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<String>),
    Cited(String),
    Reasoning(Vec<String>, bool),
    Opaque,
    Refusal(String),
    Image,
    /// A search that found so many pages.
    Search(usize),
    /// Calls that are open side by side, each with its arguments in so many deltas, told in turns or one by one.
    Calls(Vec<usize>, bool),
}

fn words() -> impl proptest::strategy::Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-z \"\\\\\n]{1,8}",
        Just("é\u{1f600}".to_owned())
    ]
}

fn pieces() -> impl proptest::strategy::Strategy<Value = Vec<Piece>> {
    let texts = || prop::collection::vec(words(), 0..4);
    let piece = prop_oneof![
        4 => texts().prop_map(Piece::Text),
        1 => words().prop_map(Piece::Cited),
        3 => (texts(), any::<bool>()).prop_map(|(texts, signed)| Piece::Reasoning(texts, signed)),
        1 => Just(Piece::Opaque),
        1 => "[a-z]{1,5}".prop_map(Piece::Refusal),
        1 => Just(Piece::Image),
        1 => (0..3_usize).prop_map(Piece::Search),
        4 => (prop::collection::vec(0..4_usize, 1..4), any::<bool>()).prop_map(|(calls, mixed)| Piece::Calls(calls, mixed)),
    ];
    prop::collection::vec(piece, 0..6)
}

fn signature(family: Family) -> Signature {
    Signature {
        family,
        value: "c2lnbmF0dXJl".to_owned(),
    }
}

/// The events of an answer of these pieces.
fn events(pieces: &[Piece]) -> Vec<Event> {
    const ARGUMENTS: [&[&str]; 4] = [&[], &["{}"], &["{\"a\"", ":1}"], &["{", "\"b\":[", "2]}"]];
    let choice = 0;
    let mut events = vec![Event::Start {
        id: Some("upstream".to_owned()),
        created: Some(1),
    }];
    let mut block = 0;
    for piece in pieces {
        match piece {
            Piece::Text(texts) => events.extend(
                texts
                    .iter()
                    .map(|text| Event::TextDelta(BlockId { choice, block }, text.clone())),
            ),
            Piece::Cited(text) => {
                events.push(Event::TextDelta(
                    BlockId { choice, block },
                    format!("cited {text}"),
                ));
                events.push(Event::Citation(
                    BlockId { choice, block },
                    Citation {
                        url: "https://a.example".to_owned(),
                        title: "A".to_owned(),
                        cited_text: "c".to_owned(),
                        range: Some((0, 3)),
                    },
                ));
            }
            Piece::Reasoning(texts, is_signed) => {
                events.extend(
                    texts
                        .iter()
                        .map(|text| Event::ReasoningDelta(BlockId { choice, block }, text.clone())),
                );
                if *is_signed {
                    events.push(Event::ReasoningSignature(
                        BlockId { choice, block },
                        signature(Family::Claude),
                    ));
                }
            }
            Piece::Opaque => events.push(Event::ReasoningOpaque(
                BlockId { choice, block },
                signature(Family::ClaudeRedacted),
            )),
            Piece::Refusal(text) => {
                events.push(Event::RefusalDelta(BlockId { choice, block }, text.clone()))
            }
            Piece::Search(found) => events.push(Event::Search(
                BlockId { choice, block },
                Search {
                    query: format!("query \"{found}\""),
                    found: (0..*found)
                        .map(|n| FoundPage {
                            url: format!("https://{n}.example"),
                            title: "T".to_owned(),
                        })
                        .collect(),
                },
            )),
            Piece::Image => events.push(Event::ImageOut {
                choice,
                block,
                mime: "image/png".to_owned(),
                data: "aGVsbG8=".to_owned(),
            }),
            Piece::Calls(calls, is_mixed) => {
                let start = |n: usize| Event::ToolStart {
                    choice,
                    block: block + n as u32,
                    id: format!("call_{block}_{n}"),
                    name: "f".to_owned(),
                    signature: (n % 2 == 1).then(|| signature(Family::Gemini)),
                };
                let delta = |n: usize, delta: &str| {
                    Event::ToolArgs(BlockId::new(choice, block + n as u32), delta.to_owned())
                };
                let end = |n: usize| Event::ToolEnd(BlockId::new(choice, block + n as u32));
                if *is_mixed {
                    events.extend((0..calls.len()).map(start));
                    for step in 0..3 {
                        for (n, arguments) in calls.iter().enumerate() {
                            events
                                .extend(ARGUMENTS[*arguments].get(step).map(|text| delta(n, text)));
                        }
                    }
                    events.extend((0..calls.len()).rev().map(end));
                } else {
                    for (n, arguments) in calls.iter().enumerate() {
                        events.push(start(n));
                        events.extend(ARGUMENTS[*arguments].iter().map(|text| delta(n, text)));
                        events.push(end(n));
                    }
                }
                block += calls.len() as u32;
            }
        }
        block += 1;
    }
    events
}

fn head() -> Head {
    Head {
        id: "id".to_owned(),
        created: 1,
        model: "m".to_owned(),
        custom_tools: Vec::new(),
        namespaces: HashMap::new(),
        include_usage: Some(true),
        echo: Vec::new(),
    }
}

fn ending(pieces: &[Piece], incomplete: bool) -> Ending {
    let has_calls = pieces.iter().any(|piece| matches!(piece, Piece::Calls(..)));
    let finish = match incomplete {
        true => Finish::MaxTokens,
        false => Finish::EndTurn,
    };
    Ending {
        finishes: BTreeMap::from([(0, (finish.with_calls(has_calls), String::new()))]),
        usage: Some(Usage {
            input: 10,
            output: 5,
            ..Usage::default()
        }),
        at: Some(2),
    }
}

/// The events as `dialect` writes them, with its end.
fn written(dialect: Dialect, events: Vec<Event>, ending: Ending) -> Vec<u8> {
    let mut out = Vec::new();
    match dialect {
        Dialect::Chat => {
            let mut writer = chat::write_answer::Writer::new(head());
            events
                .into_iter()
                .for_each(|event| writer.put(event, &mut out));
            writer.end(ending, &mut out);
        }
        Dialect::Responses => {
            let mut writer = responses::write_answer::Writer::new(head());
            events
                .into_iter()
                .for_each(|event| writer.put(event, &mut out));
            writer.end(ending, &mut out);
        }
        Dialect::Messages => {
            let mut writer = messages::write_answer::Writer::new(head());
            events
                .into_iter()
                .for_each(|event| writer.put(event, &mut out));
            writer.end(ending, &mut out);
        }
        Dialect::Gemini => {
            let mut writer = gemini::write_answer::Writer::new(head());
            let mut chunks = Vec::new();
            events
                .into_iter()
                .for_each(|event| writer.put(event, &mut chunks));
            writer.end(ending, &mut chunks);
            for chunk in chunks {
                out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_legal_order_of_events_is_a_legal_stream(pieces in pieces(), incomplete in any::<bool>()) {
        for dialect in Dialect::ALL {
            let out = written(dialect, events(&pieces), ending(&pieces, incomplete));
            let verdict = check(dialect, &out);
            let shown = shown(&out);
            prop_assert_eq!(verdict, Ok(End::Good), "{}:\n{}", dialect.name(), shown);
            let cost = match dialect {
                Dialect::Chat => "\"prompt_tokens\":10",
                Dialect::Responses | Dialect::Messages => "\"input_tokens\":10",
                Dialect::Gemini => "\"promptTokenCount\":10",
            };
            prop_assert!(shown.contains(cost), "{}", shown);
        }
    }
}
