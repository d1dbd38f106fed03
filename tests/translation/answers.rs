//! What an upstream says reaches the client, whatever its dialect: streamed, whole, and cut off.

use holdfast::unversioned::translate::neutral::answer::{Answer, Block};
use holdfast::unversioned::translate::neutral::ids::Mint;
use holdfast::unversioned::translate::{
    self, State, Stream, TranslationContext, chat, gemini, messages, responses,
};
use holdfast::unversioned::wire::Dialect;
use holdfast::unversioned::wire::usage::{Meter, Usage};
use serde_json::{Map, Value};

use super::document::fits_response;
use super::fixtures::{Fixture, of_kind, translated};

pub fn context(client: Dialect, upstream: Dialect) -> TranslationContext {
    let body = match client {
        Dialect::Chat => {
            r#"{"messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":true}}"#
        }
        Dialect::Responses => r#"{"input":"x"}"#,
        Dialect::Messages => r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":9}"#,
        Dialect::Gemini => r#"{"contents":[{"parts":[{"text":"x"}]}]}"#,
    };
    translated(client, upstream, body.as_bytes())
        .unwrap()
        .context
}

/// The answer as a reader of its dialect understands it.
pub fn understood<'d>(
    dialect: Dialect,
    data: impl Iterator<Item = &'d str>,
) -> (Answer, Option<Usage>) {
    let mint = Mint::new("test");
    let mut events = Vec::new();
    let mut meter = Meter::new(dialect);
    let (mut chat, mut responses, mut messages, mut gemini) = (
        chat::read_answer::Reader::new(mint.clone()),
        responses::read_answer::Reader::new(mint.clone()),
        messages::read_answer::Reader::new(mint.clone()),
        gemini::read_answer::Reader::new(mint),
    );
    for data in data {
        if data.trim() == "[DONE]" {
            chat.done(&mut events);
            continue;
        }
        let object: Map<String, Value> =
            serde_json::from_str(data).unwrap_or_else(|_| panic!("{data}"));
        meter.read(data.as_bytes());
        match dialect {
            Dialect::Chat => chat.read(object, &mut events),
            Dialect::Responses => responses.read(object, &mut events),
            Dialect::Messages => messages.read(object, &mut events),
            Dialect::Gemini => gemini.read(object, &mut events),
        }
    }
    (Answer::of(events), meter.usage())
}

/// What of an answer must arrive everywhere: what the first choice says, thinks and calls.
pub fn essence(answer: &Answer) -> (String, String, Vec<(String, Value)>) {
    let (mut said, mut thought, mut called) = (String::new(), String::new(), Vec::new());
    for block in answer
        .choices
        .values()
        .take(1)
        .flat_map(|choice| choice.blocks.values())
    {
        match block {
            // Where images have no place, words say that there was one.
            Block::Text { text, .. } => said.push_str(&text.replace("[image omitted]", "")),
            Block::Refusal(text) => said.push_str(text),
            Block::Reasoning { text, .. } => thought.push_str(text),
            Block::Tool {
                name, arguments, ..
            } => {
                let arguments = match arguments.trim() {
                    "" => "{}",
                    text => text,
                };
                called.push((
                    name.clone(),
                    serde_json::from_str(arguments).unwrap_or_default(),
                ));
            }
            Block::Opaque(_) | Block::Image { .. } | Block::Search(_) => {}
        }
    }
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().concat();
    (words(said), words(thought), called)
}

pub fn data_of(stream: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(stream).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}

pub fn streamed(fixture: &Fixture, client: Dialect, frames: usize) -> (Stream, Vec<u8>) {
    let mut stream = Stream::new(context(client, fixture.dialect), false);
    let mut out = Vec::new();
    for data in fixture.data().iter().take(frames) {
        stream.read(data.as_bytes(), &mut out);
    }
    (stream, out)
}

#[test]
fn streams_say_the_same_in_every_dialect() {
    let mut checked = 0;
    for fixture in of_kind("stream") {
        let data = fixture.data();
        let (expected, cost) = understood(fixture.dialect, data.iter().map(String::as_str));
        for client in Dialect::ALL {
            let what = format!("{} for {}", fixture.name, client.name());
            let (mut stream, mut out) = streamed(&fixture, client, usize::MAX);
            stream.end(&mut out);
            let (got, got_cost) = understood(client, data_of(&out).iter().map(String::as_str));
            if let Some((_, message)) = &expected.error {
                assert!(matches!(stream.state(), State::Failed { .. }), "{what}");
                assert!(
                    got.error.as_ref().is_some_and(|(_, got)| got == message),
                    "{what}: {got:?}"
                );
                continue;
            }
            assert_eq!(*stream.state(), State::Finished, "{what}");
            assert_eq!(
                essence(&got),
                essence(&expected),
                "{what}\n{}",
                String::from_utf8_lossy(&out)
            );
            let ends =
                |answer: &Answer| answer.choices.values().next().map(|choice| choice.finish());
            let cut = |answer: &Answer| ends(answer).is_some_and(|finish| finish.is_incomplete());
            assert_eq!(
                cut(&got),
                cut(&expected),
                "{what}: {:?} for {:?}",
                ends(&got),
                ends(&expected)
            );
            if let Some(cost) = cost {
                let got = got_cost.unwrap_or_else(|| panic!("{what}: no usage"));
                assert_eq!(
                    (got.input, got.output, got.cached_read),
                    (cost.input, cost.output, cost.cached_read),
                    "{what}"
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn a_stream_and_its_whole_answer_agree() {
    for fixture in of_kind("response") {
        let body = fixture.body();
        let text = String::from_utf8(body.clone()).unwrap();
        let (expected, _) = understood(fixture.dialect, [text.as_str(), "[DONE]"].into_iter());
        for client in Dialect::ALL {
            let what = format!("{} for {}", fixture.name, client.name());
            let (whole, _) = translate::whole(&body, context(client, fixture.dialect)).unwrap();
            let whole = String::from_utf8(whole).unwrap();
            if client == Dialect::Responses {
                let object = serde_json::from_str(&whole).unwrap();
                assert_eq!(fits_response(&object), Ok(()), "{what}\n{whole}");
            }
            let (got, _) = understood(client, [whole.as_str(), "[DONE]"].into_iter());
            assert_eq!(essence(&got), essence(&expected), "{what}\n{whole}");

            let mut stream = Stream::new(context(client, fixture.dialect), false);
            let mut out = Vec::new();
            stream.read(&body, &mut out);
            stream.read(b"[DONE]", &mut out);
            stream.end(&mut out);
            let (got, _) = understood(client, data_of(&out).iter().map(String::as_str));
            assert_eq!(essence(&got), essence(&expected), "{what}, as a stream");
        }
    }
}

/// What ends a stream well in each dialect.
fn has_good_end(client: Dialect, out: &[u8]) -> bool {
    let text = String::from_utf8_lossy(out);
    match client {
        Dialect::Chat => text.contains("[DONE]"),
        Dialect::Responses => {
            text.contains("event: response.completed")
                || text.contains("event: response.incomplete")
        }
        Dialect::Messages => text.contains("event: message_stop"),
        Dialect::Gemini => text.contains("\"finishReason\""),
    }
}

#[test]
fn a_stream_that_is_cut_off_never_ends_well() {
    for fixture in of_kind("stream") {
        for client in Dialect::ALL {
            for frames in 0..fixture.data().len() {
                let (mut stream, mut out) = streamed(&fixture, client, frames);
                let is_over = *stream.state() != State::Running;
                assert!(
                    !has_good_end(client, &out),
                    "the end comes with the end only"
                );
                if !is_over {
                    stream.fail(502, "cut", &mut out);
                    stream.end(&mut out);
                    assert!(
                        !has_good_end(client, &out),
                        "{} for {}",
                        fixture.name,
                        client.name()
                    );
                    assert!(String::from_utf8_lossy(&out).contains("cut"));
                }
            }
        }
    }
}

#[test]
fn an_array_is_one_json_text() {
    for fixture in of_kind("stream") {
        if fixture.dialect == Dialect::Gemini {
            continue;
        }
        for frames in 0..=fixture.data().len() {
            let mut stream = Stream::new(context(Dialect::Gemini, fixture.dialect), true);
            let mut out = Vec::new();
            for data in fixture.data().iter().take(frames) {
                stream.read(data.as_bytes(), &mut out);
            }
            if *stream.state() == State::Running {
                stream.fail(502, "cut", &mut out);
            }
            stream.end(&mut out);
            let parsed: Value = serde_json::from_slice(&out)
                .unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
            assert!(!parsed.as_array().unwrap().is_empty());
        }
    }
}
