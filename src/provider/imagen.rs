//! Imagen on Vertex AI, which draws pictures and has a form of its own: requests and answers of Gemini are converted.

use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::target::Call;
use crate::failure::{Failure, FailureKind};

/// The most bytes of an answer: four pictures of 2048 pixels have less than half of that.
const LARGEST: u64 = 64 << 20;

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
    bytes_base64_encoded: Option<&'a str>,
    mime_type: Option<String>,
}

/// The pictures as an answer of Gemini.
///
/// # Errors
/// When the answer breaks off, is too long, or has no pictures.
pub fn converted(answer: impl Read) -> Result<Vec<u8>, Failure> {
    let mut read = Vec::new();
    let whole = answer.take(LARGEST + 1).read_to_end(&mut read);
    whole.map_err(|error| Failure::of_read(&error))?;
    let unusable = |message: &str| Failure::new(FailureKind::Broken, message);
    if read.len() as u64 > LARGEST {
        return Err(unusable("the pictures are too large"));
    }
    let drawn: Drawn = serde_json::from_slice(&read)
        .map_err(|_| unusable("the upstream's answer has no pictures"))?;
    let pictures: Vec<(&str, &str)> = drawn
        .predictions
        .iter()
        .filter_map(|one| {
            let kind = one.mime_type.as_deref().unwrap_or("image/png");
            Some((kind, one.bytes_base64_encoded?))
        })
        .collect();
    if pictures.is_empty() {
        return Err(unusable("the upstream's answer has no pictures"));
    }
    let mut body = Vec::with_capacity(read.len() + 512);
    body.extend_from_slice(br#"{"candidates":[{"content":{"role":"model","parts":["#);
    for (index, (kind, data)) in pictures.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let kind = Value::from(kind);
        let lead = format!("{comma}{{\"inlineData\":{{\"mimeType\":{kind},\"data\":\"");
        body.extend_from_slice(lead.as_bytes());
        body.extend_from_slice(data.as_bytes());
        body.extend_from_slice(b"\"}}");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let end = format!(
        "]}},\"finishReason\":\"STOP\",\"index\":0}}],\"responseId\":\"imagen-{}\",\"usageMetadata\":{{\"promptTokenCount\":0,\"candidatesTokenCount\":0,\"totalTokenCount\":0}}}}",
        now.map_or(0, |now| now.as_nanos())
    );
    body.extend_from_slice(end.as_bytes());
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_parts() {
        let answer = r#"{"predictions":[{"bytesBase64Encoded":"QQ==","mimeType":"image/jpeg"},{"raiFilteredReason":"x"},{"bytesBase64Encoded":"Qg=="}]}"#;
        let body: Value = serde_json::from_slice(&converted(answer.as_bytes()).unwrap()).unwrap();
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
            assert!(converted(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
