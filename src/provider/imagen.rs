//! Imagen on Vertex AI, which draws pictures and has a form of its own: requests and answers of Gemini are converted.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::target::Call;
use crate::budget::{Budget, Reservation};
use crate::failure::{Failure, FailureKind};

/// The most bytes of an answer: four pictures of 2048 pixels have less than half of that.
const LARGEST: usize = 64 << 20;
/// The bytes that are read at first.
const PIECE: usize = 64 * 1024;
/// The most bytes of an answer beside its pictures.
const FRAME: usize = 512;
const NO_PICTURES: &str = "the upstream's answer has no pictures";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    #[serde(default)]
    contents: Vec<Content>,
    #[serde(default)]
    messages: Vec<Message>,
    prompt: Option<String>,
    negative_prompt: Option<Value>,
    aspect_ratio: Option<Value>,
    sample_count: Option<Value>,
    generation_config: Option<Config>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    image_config: Option<ImageConfig>,
    candidate_count: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImageConfig {
    aspect_ratio: Option<Value>,
}

/// The request for pictures.
///
/// # Errors
/// When there is no prompt.
pub fn body(call: &Call<'_>) -> Result<String, Failure> {
    let asked: Asked = serde_json::from_slice(call.body)
        .map_err(|_| Failure::request("the request is not one for pictures"))?;
    let mut texts = asked.contents.into_iter().flat_map(|content| content.parts);
    let told = texts.next().and_then(|part| part.text);
    let mut messages = asked.messages.into_iter();
    let is_told = |text: &String| !text.trim().is_empty();
    let message = || {
        let texts = |message: Message| Some(message.content?.as_str()?.to_owned()).filter(is_told);
        messages.find_map(texts)
    };
    let prompt = told
        .filter(is_told)
        .or_else(message)
        .or(asked.prompt)
        .filter(is_told);
    let prompt = prompt.ok_or_else(|| Failure::request("the request has no prompt"))?;
    let (ratio, count) = match asked.generation_config {
        Some(config) => (
            config.image_config.and_then(|image| image.aspect_ratio),
            config.candidate_count,
        ),
        None => (None, None),
    };
    let mut instance = Map::from_iter([("prompt".to_owned(), prompt.into())]);
    if let Some(negative) = asked.negative_prompt {
        instance.insert("negativePrompt".to_owned(), negative);
    }
    let mut parameters = Map::new();
    let count = asked.sample_count.or(count).unwrap_or_else(|| 1.into());
    parameters.insert("sampleCount".to_owned(), count);
    if let Some(ratio) = asked.aspect_ratio.or(ratio) {
        parameters.insert("aspectRatio".to_owned(), ratio);
    }
    Ok(json!({"instances": [instance], "parameters": parameters}).to_string())
}

#[derive(Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    predictions: Vec<Prediction<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prediction<'a> {
    #[serde(borrow)]
    bytes_base64_encoded: Option<Text<'a>>,
    mime_type: Option<String>,
}

/// A text that is copied only if it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An answer that counts in the budget.
pub struct Converted {
    body: Cursor<Vec<u8>>,
    _reservation: Reservation,
}

impl Read for Converted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

/// The pictures as an answer of Gemini.
///
/// # Errors
/// When the answer breaks off, is too long, has no pictures, or finds no memory.
pub fn converted(answer: impl Read, budget: &Budget) -> Result<Converted, Failure> {
    let mut reservation = budget.nothing();
    let read = whole(answer, &mut reservation)?;
    let copied = match memchr::memchr(b'\\', &read) {
        Some(_) => read.len(),
        None => 0,
    };
    let size = read.len() + FRAME;
    let reserved = reservation.resize(read.len() + copied + size);
    reserved.map_err(|_| Failure::no_memory())?;
    let drawn: Drawn = serde_json::from_slice(&read).map_err(|_| unusable(NO_PICTURES))?;
    let pictures: Vec<(&str, &str)> = drawn
        .predictions
        .iter()
        .filter_map(|one| {
            let kind = one.mime_type.as_deref().unwrap_or("image/png");
            Some((kind, &*one.bytes_base64_encoded.as_ref()?.0))
        })
        .collect();
    if pictures.is_empty() {
        return Err(unusable(NO_PICTURES));
    }
    let mut body = Vec::with_capacity(size);
    body.extend_from_slice(br#"{"candidates":[{"content":{"role":"model","parts":["#);
    for (index, (kind, data)) in pictures.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let kind = Value::from(kind);
        let lead = format!("{comma}{{\"inlineData\":{{\"mimeType\":{kind},\"data\":");
        body.extend_from_slice(lead.as_bytes());
        serde_json::to_writer(&mut body, data).map_err(|_| unusable(NO_PICTURES))?;
        body.extend_from_slice(b"}}");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let end = format!(
        "]}},\"finishReason\":\"STOP\",\"index\":0}}],\"responseId\":\"imagen-{}\",\"usageMetadata\":{{\"promptTokenCount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0}}}}",
        now.map_or(0, |now| now.as_nanos())
    );
    body.extend_from_slice(end.as_bytes());
    drop(drawn);
    drop(read);
    let _ = reservation.resize(body.len());
    Ok(Converted {
        body: Cursor::new(body),
        _reservation: reservation,
    })
}

/// The bytes of an answer, within the budget.
fn whole(mut answer: impl Read, reservation: &mut Reservation) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    loop {
        let start = read.len();
        if start > LARGEST {
            return Err(unusable("the pictures are too large"));
        }
        let more = start.max(PIECE).min(LARGEST + 1 - start);
        let reserved = reservation.resize(start + more);
        reserved.map_err(|_| Failure::no_memory())?;
        read.reserve_exact(more);
        let piece = answer.by_ref().take(more as u64).read_to_end(&mut read);
        if piece.map_err(|error| Failure::of_read(&error))? < more {
            return Ok(read);
        }
    }
}

fn unusable(message: &str) -> Failure {
    Failure::new(FailureKind::Broken, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_are_parts() {
        let answer = r#"{"predictions":[{"bytesBase64Encoded":"QQ==","mimeType":"image/jpeg"},{"raiFilteredReason":"x"},{"bytesBase64Encoded":"Qg=="}]}"#;
        let body = told(answer, &Budget::unlimited()).unwrap();
        let candidate = &body["candidates"][0];
        assert_eq!(
            candidate["content"],
            json!({"role": "model", "parts": [
                {"inlineData": {"mimeType": "image/jpeg", "data": "QQ=="}},
                {"inlineData": {"mimeType": "image/png", "data": "Qg=="}},
            ]})
        );
        assert_eq!(candidate["finishReason"], "STOP");
        assert_eq!(body["usageMetadata"]["totalTokenCount"], 0);
        for answer in ["{}", "[]", "", r#"{"predictions":[{}]}"#] {
            assert!(told(answer, &Budget::unlimited()).is_err(), "{answer}");
        }
    }

    fn told(answer: &str, budget: &Budget) -> Result<Value, Failure> {
        let mut body = Vec::new();
        let mut converted = converted(answer.as_bytes(), budget)?;
        converted.read_to_end(&mut body).unwrap();
        assert_eq!(budget.used(), body.len());
        Ok(serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn texts_are_copied_only_if_they_are_escaped() {
        for (text, is_borrowed) in [("\"QQ==\"", true), (r#""QQ=\u003d""#, false)] {
            let Text(read) = serde_json::from_str(text).unwrap();
            assert_eq!(matches!(read, Cow::Borrowed(_)), is_borrowed, "{text}");
            assert_eq!(read, "QQ==");
        }
    }

    #[test]
    fn pictures_count_in_the_budget() {
        for length in [10, PIECE - 100, PIECE, 3 * PIECE, 20 * PIECE] {
            let data = "A".repeat(length);
            let answer = json!({"predictions": [{"bytesBase64Encoded": data}]}).to_string();
            let budget = Budget::new(4 * answer.len() + 2 * PIECE);
            let body = told(&answer, &budget).unwrap();
            let part = &body["candidates"][0]["content"]["parts"][0];
            assert_eq!(part["inlineData"]["data"].as_str().unwrap().len(), length);
            assert_eq!(budget.used(), 0);
            let budget = Budget::new(2 * answer.len());
            assert_eq!(
                told(&answer, &budget).unwrap_err().kind,
                FailureKind::Memory
            );
            assert_eq!(budget.used(), 0);
        }
    }

    proptest! {
        #[test]
        fn pictures_stay_what_they_are_however_they_are_escaped(
            data in "[A-Za-z0-9+/=\"\\\\]{0,60}",
            kind in "image/[a-z\"]{1,6}",
            escaped in prop::collection::vec(any::<bool>(), 80),
        ) {
            let escape = |text: &str| -> String {
                let units = text.chars().zip(escaped.iter().cycle());
                units
                    .map(|(c, is_escaped)| match (c, is_escaped) {
                        ('/', true) => "\\/".to_owned(),
                        (c, true) => format!("\\u{:04x}", u32::from(c)),
                        ('"' | '\\', false) => format!("\\{c}"),
                        (c, false) => c.to_string(),
                    })
                    .collect()
            };
            let answer = format!(
                r#"{{"predictions":[{{"bytesBase64Encoded":"{}","mimeType":"{}"}}]}}"#,
                escape(&data),
                escape(&kind)
            );
            let body = told(&answer, &Budget::unlimited()).unwrap();
            let part = &body["candidates"][0]["content"]["parts"][0]["inlineData"];
            prop_assert_eq!(part, &json!({"mimeType": kind, "data": data}));
        }
    }
}
