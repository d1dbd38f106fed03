//! A stored response. Its items are separated, so that several responses can share them.

use std::sync::Arc;

use super::item::{self, Item, elements, member, string};
use crate::json;

/// The memory of a response besides its texts, bytes.
const OVERHEAD: usize = 384;

/// The parts of a response object.
#[derive(Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    pub id: String,
    /// Its `store` member.
    pub store: Option<bool>,
    pub output: Vec<&'a str>,
    /// The texts before and after the list of its output.
    around: (&'a str, &'a str),
}

impl<'a> Parts<'a> {
    /// `None` without an id and an output.
    pub fn of(object: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(object).ok()?;
        let members = json::members(object).ok()?;
        let output = members.iter().rfind(|member| member.key == "output")?.value;
        let list = text.get(output.start..output.end)?;
        let is_list = list.starts_with('[');
        is_list.then_some(())?;
        Some(Self {
            id: string(member(text, "id")?)?.into_owned(),
            store: match member(text, "store") {
                Some("true") => Some(true),
                Some("false") => Some(false),
                _ => None,
            },
            output: elements(list).into_iter().map(|(_, item)| item).collect(),
            around: (text.get(..output.start)?, text.get(output.end..)?),
        })
    }
}

/// A stored response.
#[derive(Debug)]
pub struct Answer {
    around: (Box<str>, Box<str>),
    /// The conversation that it answers, including the input of its request.
    pub context: Box<[Arc<Item>]>,
    pub output: Box<[Arc<Item>]>,
}

impl Answer {
    pub fn new(parts: &Parts<'_>, context: Vec<Arc<Item>>, output: Vec<Arc<Item>>) -> Self {
        let (before, after) = parts.around;
        Self {
            around: (before.into(), after.into()),
            context: context.into(),
            output: output.into(),
        }
    }

    /// The original object.
    pub fn object(&self) -> String {
        let (before, after) = &self.around;
        let output = item::list(&self.output);
        [before, &*output, after].concat()
    }

    pub fn items(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.context.iter().chain(&self.output)
    }

    /// Its memory without its items.
    pub fn bytes(&self) -> usize {
        let items = self.context.len() + self.output.len();
        OVERHEAD + self.around.0.len() + self.around.1.len() + items * size_of::<Arc<Item>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_put_together_as_it_was() {
        let object =
            r#"{"id":"resp_1","store":true,"output":[{"id":"msg_1"},{"id":"fc_1"}],"model":"m"}"#;
        let parts = Parts::of(object.as_bytes()).unwrap();
        assert_eq!((&*parts.id, parts.store), ("resp_1", Some(true)));
        let output = parts.output.iter().map(|text| Arc::new(Item::new(text, 1)));
        let answer = Answer::new(&parts, Vec::new(), output.collect());
        assert_eq!(answer.object(), object);
        for none in [
            "",
            "[]",
            r#"{"id":"a"}"#,
            r#"{"output":[]}"#,
            r#"{"id":"a","output":{}}"#,
        ] {
            assert_eq!(Parts::of(none.as_bytes()), None, "{none}");
        }
    }
}
