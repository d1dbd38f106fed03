//! Gemini: "GenerateContentResponse".

use serde_json::Value;

use super::{Complaint, End, Frame, ensure, number, text};

pub fn check(frames: &[Frame]) -> Result<End, Complaint> {
    let mut finished: Vec<u64> = Vec::new();
    let mut begun: Vec<u64> = Vec::new();
    let mut said: std::collections::BTreeMap<u64, String> = Default::default();
    let mut identity = None;
    for (index, frame) in frames.iter().enumerate() {
        ensure(frame.data != "[DONE]", || "Gemini has no [DONE]".into())?;
        ensure(frame.name.is_none(), || "events have no names".into())?;
        let json = frame.json()?;
        if json["error"].is_object() {
            number(&json["error"], "code")?;
            text(&json["error"], "message")?;
            text(&json["error"], "status")?;
            ensure(index + 1 == frames.len(), || {
                "chunks behind an error".into()
            })?;
            return Ok(End::Error);
        }
        let own = (
            text(&json, "responseId")?.to_owned(),
            text(&json, "modelVersion")?.to_owned(),
        );
        ensure(*identity.get_or_insert_with(|| own.clone()) == own, || {
            format!("responseId or modelVersion changed: {json}")
        })?;
        if !json["usageMetadata"].is_null() {
            number(&json["usageMetadata"], "promptTokenCount")?;
        }
        for candidate in json["candidates"].as_array().into_iter().flatten() {
            let at = candidate["index"].as_u64().unwrap_or(0);
            ensure(!finished.contains(&at), || {
                format!("behind the finish: {candidate}")
            })?;
            if !begun.contains(&at) {
                begun.push(at);
            }
            if !candidate["content"].is_null() {
                content(&candidate["content"])?;
                let parts = candidate["content"]["parts"].as_array();
                let parts = parts.into_iter().flatten();
                for part in parts.filter(|part| part["thought"] != true) {
                    let text = part["text"].as_str().unwrap_or_default();
                    said.entry(at).or_default().push_str(text);
                }
            }
            if !candidate["groundingMetadata"].is_null() {
                ensure(!candidate["finishReason"].is_null(), || {
                    "grounding before the end".into()
                })?;
                let text = said.get(&at).map(String::as_str).unwrap_or_default();
                grounding(&candidate["groundingMetadata"], text)?;
            }
            if !candidate["finishReason"].is_null() {
                let reason = text(candidate, "finishReason")?;
                let upper = reason
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
                ensure(upper, || format!("no reason: {reason}"))?;
                finished.push(at);
            }
        }
    }
    ensure(!begun.is_empty(), || "no candidate at all".into())?;
    ensure(begun.len() == finished.len(), || {
        "a candidate does not finish".into()
    })?;
    Ok(End::Good)
}

/// "GroundingMetadata": segments count the bytes of what was said.
fn grounding(metadata: &Value, said: &str) -> Result<(), Complaint> {
    for query in metadata["webSearchQueries"]
        .as_array()
        .into_iter()
        .flatten()
    {
        ensure(query.is_string(), || format!("no query: {query}"))?;
    }
    let chunks = metadata["groundingChunks"].as_array();
    let chunks = chunks.map_or(&[][..], Vec::as_slice);
    for chunk in chunks {
        text(&chunk["web"], "uri")?;
        text(&chunk["web"], "title")?;
    }
    for support in metadata["groundingSupports"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let segment = &support["segment"];
        let at = |key| number(segment, key).map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let cited = said.get(at("startIndex")?..at("endIndex")?);
        ensure(cited == Some(text(segment, "text")?), || {
            format!("{cited:?} is not {segment}")
        })?;
        for index in support["groundingChunkIndices"]
            .as_array()
            .ok_or("no chunks")?
        {
            let index = index.as_u64().ok_or("no index")?;
            ensure(index < chunks.len() as u64, || format!("no chunk {index}"))?;
        }
    }
    Ok(())
}

fn content(content: &Value) -> Result<(), Complaint> {
    ensure(content["role"] == "model", || format!("role in {content}"))?;
    for part in content["parts"].as_array().ok_or("no parts")? {
        let part = part.as_object().ok_or("a part is no object")?;
        let data = [
            "text",
            "functionCall",
            "inlineData",
            "executableCode",
            "codeExecutionResult",
        ];
        let kinds: Vec<&&str> = data
            .iter()
            .filter(|kind| part.contains_key(**kind))
            .collect();
        ensure(kinds.len() == 1, || format!("a part of {kinds:?}"))?;
        for (key, value) in part {
            match key.as_str() {
                "text" | "thoughtSignature" => {
                    ensure(value.is_string(), || format!("{key} is {value}"))?;
                }
                "thought" => ensure(value.is_boolean(), || format!("thought is {value}"))?,
                "functionCall" => {
                    ensure(!text(value, "name")?.is_empty(), || {
                        "a call without name".into()
                    })?;
                    ensure(value["args"].is_object(), || format!("args of {value}"))?;
                }
                "inlineData" => {
                    text(value, "mimeType")?;
                    text(value, "data")?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
