//! The output of a Responses answer, for upstreams that send it item by item and leave it out of the closing event, as
//! ChatGPT's does.

use std::io::Read;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::budget::{Budget, Reservation};
use crate::json::{self, Splice};

/// The most bytes of items that are held; of a longer answer none are.
const LIMIT: usize = 64 * 1024 * 1024;

const DONE: &str = "response.output_item.done";

/// The complete output items of a stream, within the memory budget.
pub struct OutputItems {
    items: Vec<(u64, String)>,
    reservation: Reservation,
    /// The items were too long; none are held any more.
    is_given_up: bool,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    output_index: Option<u64>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
}

impl OutputItems {
    pub fn new(budget: &Budget) -> Self {
        Self {
            items: Vec::new(),
            reservation: budget.nothing(),
            is_given_up: false,
        }
    }

    /// Reads the data of an event, if it holds a complete item.
    pub fn note(&mut self, data: &[u8]) {
        if memmem::find(data, DONE.as_bytes()).is_none() || self.is_given_up {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event>(data) else {
            return;
        };
        if let (DONE, Some(item)) = (event.kind.as_str(), event.item) {
            let bytes = item.get().len();
            let is_too_much = self.reservation.bytes() + bytes > LIMIT;
            if is_too_much || self.reservation.grow(bytes).is_err() {
                self.is_given_up = true;
                self.items = Vec::new();
                // Returning bytes does not fail.
                let _ = self.reservation.resize(0);
                return;
            }
            let index = event.output_index.unwrap_or(u64::MAX);
            self.items.push((index, item.get().to_owned()));
        }
    }

    /// Whether a response without output can be completed.
    pub fn are_whole(&self) -> bool {
        !self.is_given_up
    }

    /// `response` with the items as its output, sorted by `output_index`, those without one last; `None` if it has an
    /// output, or there are no items.
    pub fn complete(&mut self, response: &[u8]) -> Option<Vec<u8>> {
        if self.items.is_empty() {
            return None;
        }
        let members = json::members(response).ok()?;
        let mut splice = Splice::new(response);
        match members.iter().find(|member| member.key == "output") {
            None => splice.append_member("output", self.array()),
            Some(output) => {
                let raw = response.get(output.value.start..output.value.end)?;
                let bare = raw.iter().filter(|byte| !byte.is_ascii_whitespace());
                if !bare.clone().eq(b"[]") && !bare.eq(b"null") {
                    return None;
                }
                splice.replace(output.value, self.array());
            }
        }
        let mut whole = Vec::with_capacity(splice.len());
        splice.reader().read_to_end(&mut whole).ok()?;
        Some(whole)
    }

    /// The same for an event that contains the response.
    pub fn complete_event(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if self.items.is_empty() {
            return None;
        }
        let members = json::members(data).ok()?;
        let response = members
            .iter()
            .find(|member| member.key == "response")?
            .value;
        let whole = self.complete(data.get(response.start..response.end)?)?;
        let before = data.get(..response.start)?;
        let after = data.get(response.end..)?;
        Some([before, &whole, after].concat())
    }

    /// The items as a JSON array.
    fn array(&mut self) -> Vec<u8> {
        self.items.sort_by_key(|(index, _)| *index);
        let items: Vec<&str> = self.items.iter().map(|(_, item)| item.as_str()).collect();
        format!("[{}]", items.join(",")).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(response: &str) -> Option<String> {
        let mut items = OutputItems::new(&Budget::unlimited());
        for (index, item) in [
            ("", "2"),
            ("\"output_index\":1,", "{\"n\": 1}"),
            ("\"output_index\":0,", "0"),
        ] {
            let data = format!(r#"{{{index}"type":"response.output_item.done","item":{item}}}"#);
            items.note(data.as_bytes());
        }
        items.note(
            br#"{"type":"response.output_item.added","item":9,"x":"response.output_item.done"}"#,
        );
        items.note(b"response.output_item.done");
        let whole = items.complete(response.as_bytes())?;
        Some(String::from_utf8(whole).unwrap())
    }

    #[test]
    fn a_missing_output_is_made_of_its_items() {
        let whole = r#"{"id":1,"output":[0,{"n": 1},2]}"#;
        for response in [
            r#"{"id":1}"#,
            r#"{"id":1,"output":[]}"#,
            r#"{"id":1,"output":[ ]}"#,
            r#"{"id":1,"output":null}"#,
        ] {
            assert_eq!(completed(response).as_deref(), Some(whole));
        }
    }

    #[test]
    fn an_output_is_left_alone() {
        assert_eq!(completed(r#"{"output":[7]}"#), None);
        assert_eq!(completed("no json"), None);
        let mut none = OutputItems::new(&Budget::unlimited());
        assert_eq!(none.complete(br#"{"output":[]}"#), None);
    }

    #[test]
    fn items_are_kept_within_the_budget() {
        let budget = Budget::new(100);
        let done = |item: &str| {
            format!(r#"{{"type":"response.output_item.done","output_index":0,"item":"{item}"}}"#)
        };
        let mut items = OutputItems::new(&budget);
        items.note(done(&"x".repeat(50)).as_bytes());
        assert_eq!((budget.used(), items.are_whole()), (52, true));
        items.note(done(&"x".repeat(50)).as_bytes());
        assert_eq!((budget.used(), items.are_whole()), (0, false));
        items.note(done("x").as_bytes());
        assert_eq!(items.complete(br#"{"output":[]}"#), None);
        let mut others = OutputItems::new(&budget);
        others.note(done("x").as_bytes());
        assert_eq!(budget.used(), 3);
        drop(others);
        assert_eq!(budget.used(), 0);
    }
}
