//! Stored answers of Responses, to which an account can refer later. The backend of ChatGPT, below `/backend-api/`,
//! stores none.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// How many answers are kept.
const KEPT: usize = 1_000;

#[derive(Debug, Default)]
pub struct KeptAnswers(VecDeque<Kept>);

#[derive(Debug)]
struct Kept {
    account: String,
    /// The response object.
    answer: Value,
    /// What it is the answer to.
    input: Vec<Value>,
}

/// What is asked about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'p> {
    pub id: &'p str,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Answer,
    InputItems,
    Delete,
    Cancel,
}

impl<'p> Wish<'p> {
    pub fn of(method: &str, path: &'p str) -> Option<Self> {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let (_, rest) = path.split_once("/responses/")?;
        let (id, what) = match (method, rest.split_once('/')) {
            ("GET", None) => (rest, What::Answer),
            ("DELETE", None) => (rest, What::Delete),
            ("GET", Some((id, "input_items"))) => (id, What::InputItems),
            ("POST", Some((id, "cancel"))) => (id, What::Cancel),
            _ => return None,
        };
        Some(Self { id, what })
    }
}

fn error(message: &str, param: Option<&str>, code: Option<&str>) -> Value {
    json!({"error": {"message": message, "type": "invalid_request_error", "param": param,
        "code": code}})
}

/// The items of an input.
fn items(input: &Value) -> Vec<Value> {
    match input {
        Value::String(text) => vec![json!({"type": "message", "role": "user",
            "content": [{"type": "input_text", "text": text}]})],
        Value::Array(items) => items.clone(),
        _ => Vec::new(),
    }
}

/// An item as a list has it: with an id and a status, its content a list.
fn listed(item: &Value, at: usize) -> Value {
    let mut item = item.clone();
    if item["type"].is_null() {
        item["type"] = "message".into();
    }
    for (key, value) in [
        ("id", format!("item_{at}")),
        ("status", "completed".to_owned()),
    ] {
        if item[key].is_null() {
            item[key] = value.into();
        }
    }
    if let Value::String(text) = &item["content"] {
        let kind = match item["role"] == "assistant" {
            true => "output_text",
            false => "input_text",
        };
        item["content"] = json!([{"type": kind, "text": text, "annotations": [], "logprobs": []}]);
    }
    item
}

impl KeptAnswers {
    pub fn keep(&mut self, account: &str, answer: Value, body: &Value) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Kept {
            account: account.to_owned(),
            answer,
            input: items(&body["input"]),
        });
    }

    fn find(&self, account: &str, id: &str) -> Option<&Kept> {
        let mut kept = self.0.iter();
        kept.find(|kept| kept.account == account && kept.answer["id"] == id)
    }

    /// Puts what a request refers to into it.
    ///
    /// # Errors
    /// Status and error, when there is no such thing.
    pub fn put_in(&self, account: &str, body: &mut Value) -> Result<(), (u16, Value)> {
        let mut input = Vec::new();
        if let Some(id) = body["previous_response_id"].as_str() {
            let message = format!("Previous response with id '{id}' not found.");
            let code = Some("previous_response_not_found");
            let unknown = || (400, error(&message, Some("previous_response_id"), code));
            let kept = self.find(account, id).ok_or_else(unknown)?;
            input.extend(kept.input.iter().cloned());
            input.extend(items(&kept.answer["output"]));
        }
        for item in items(&body["input"]) {
            if item["type"] != "item_reference" {
                input.push(item);
                continue;
            }
            let of_account = self.0.iter().filter(|kept| kept.account == account);
            let mut known = of_account.flat_map(|kept| items(&kept.answer["output"]));
            let message = format!(
                "Item with id '{}' not found.",
                item["id"].as_str().unwrap_or("")
            );
            let found = known.find(|known| known["id"] == item["id"]);
            let unknown = || (404, error(&message, Some("input"), None));
            input.push(found.ok_or_else(unknown)?);
        }
        if body.get("input").is_some() {
            body["input"] = input.into();
        }
        Ok(())
    }

    /// Status and body for what is asked about an answer.
    pub fn about(&mut self, account: &str, wish: Wish<'_>) -> (u16, Value) {
        let Some(kept) = self.find(account, wish.id) else {
            let message = format!("Response with id '{}' not found.", wish.id);
            return (404, error(&message, None, None));
        };
        match wish.what {
            What::Answer => (200, kept.answer.clone()),
            What::InputItems => {
                let items = kept.input.iter().enumerate();
                let items: Vec<Value> = items.map(|(at, item)| listed(item, at)).collect();
                let id = |item: Option<&Value>| item.map_or("".into(), |item| item["id"].clone());
                let (first, last) = (id(items.first()), id(items.last()));
                let list = json!({"object": "list", "data": items, "has_more": false,
                    "first_id": first, "last_id": last});
                (200, list)
            }
            What::Cancel => (
                400,
                error("Cannot cancel a synchronous response.", None, None),
            ),
            What::Delete => {
                self.0
                    .retain(|kept| kept.account != account || kept.answer["id"] != wish.id);
                let deleted = json!({"id": wish.id, "object": "response", "deleted": true});
                (200, deleted)
            }
        }
    }
}
