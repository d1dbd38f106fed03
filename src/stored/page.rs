//! The pages of `/v1/responses/{id}/input_items`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use super::item::Item;
use crate::wire::problem::{ErrorStatus, Problem};

/// The default number of items per page (OpenAI's OpenAPI document, `listInputItems`).
const USUAL: usize = 20;
const MOST: usize = 100;

/// The requested page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<'q> {
    limit: usize,
    is_ascending: bool,
    after: Option<Cow<'q, str>>,
}

impl<'q> Page<'q> {
    /// Parses the query. `value` returns a value by its name.
    ///
    /// # Errors
    /// For invalid values, with the vendor's message.
    pub fn read(value: impl Fn(&str) -> Option<Cow<'q, str>>) -> Result<Self, Box<Problem>> {
        let limit = match value("limit").filter(|limit| !limit.is_empty()) {
            Some(limit) => read_limit(&limit)?,
            None => USUAL,
        };
        let is_ascending = match value("order").as_deref() {
            None | Some("" | "desc") => false,
            Some("asc") => true,
            Some(other) => {
                let said =
                    format!("Invalid value: '{other}'. Supported values are: 'asc' and 'desc'.");
                return Err(refused("order", "invalid_value", said));
            }
        };
        Ok(Self {
            limit,
            is_ascending,
            after: value("after").filter(|after| !after.is_empty()),
        })
    }

    /// The page of `items`, as JSON.
    ///
    /// # Errors
    /// When there is no item with the id in `after`.
    pub fn of(&self, items: &[Arc<Item>]) -> Result<String, Box<Problem>> {
        // If an item were listed twice, a client that reads page after page might never reach the end.
        let mut seen: HashSet<&str> = HashSet::new();
        let mut items: Vec<&Arc<Item>> =
            items.iter().filter(|item| seen.insert(item.id())).collect();
        if !self.is_ascending {
            items.reverse();
        }
        let start = match self.after.as_deref() {
            None => 0,
            Some(after) => {
                let at = items.iter().position(|item| item.id() == after);
                at.ok_or_else(|| Problem::item_not_found(after, false))? + 1
            }
        };
        let rest = items.get(start..).unwrap_or_default();
        let page = rest.get(..self.limit).unwrap_or(rest);
        let quoted = |item: Option<&&Arc<Item>>| {
            let id = item.map_or("", |item| item.id());
            serde_json::Value::from(id).to_string()
        };
        let data: Vec<String> = page.iter().map(|item| item.listed()).collect();
        Ok(format!(
            r#"{{"object":"list","data":[{}],"first_id":{},"last_id":{},"has_more":{}}}"#,
            data.join(","),
            quoted(page.first()),
            quoted(page.last()),
            rest.len() > page.len(),
        ))
    }
}

fn read_limit(text: &str) -> Result<usize, Box<Problem>> {
    let expected = |what: &str, bound: usize, sign: &str| {
        format!(
            "Invalid 'limit': integer {what} value. Expected a value {sign} {bound}, but got {text} instead."
        )
    };
    match text.parse::<i64>() {
        Ok(limit) if limit < 1 => {
            let said = expected("below minimum", 1, ">=");
            Err(refused("limit", "integer_below_min_value", said))
        }
        Ok(limit) => match usize::try_from(limit) {
            Ok(limit) if limit <= MOST => Ok(limit),
            _ => {
                let said = expected("above maximum", MOST, "<=");
                Err(refused("limit", "integer_above_max_value", said))
            }
        },
        Err(_) => {
            let said =
                format!("Invalid type for 'limit': expected an integer, but got '{text}' instead.");
            Err(refused("limit", "invalid_type", said))
        }
    }
}

fn refused(param: &'static str, code: &'static str, said: String) -> Box<Problem> {
    Box::new(Problem {
        param: Some(param),
        code: Some(code.into()),
        ..Problem::new(ErrorStatus::BAD_REQUEST, said)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn page(query: &[(&str, &'static str)]) -> Result<Page<'static>, Box<Problem>> {
        Page::read(|name| {
            let found = query.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| Cow::Borrowed(*value))
        })
    }

    fn items(ids: &[&str]) -> Vec<Arc<Item>> {
        let item = |id: &&str| Arc::new(Item::new(&format!(r#"{{"id":"{id}"}}"#), 1));
        ids.iter().map(item).collect()
    }

    #[test]
    fn pages_lead_through_all_items_once() {
        let names: Vec<String> = (0..7).map(|n| format!("i{n}")).collect();
        let mut ids: Vec<&str> = names.iter().map(String::as_str).collect();
        ids.insert(4, "i0");
        let items = items(&ids);
        for (order, first) in [("asc", "i0"), ("desc", "i6")] {
            let mut found = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let wanted = Page {
                    limit: 3,
                    is_ascending: order == "asc",
                    after: after.take().map(Cow::Owned),
                };
                let list: Value = serde_json::from_str(&wanted.of(&items).unwrap()).unwrap();
                for item in list["data"].as_array().unwrap() {
                    found.push(item["id"].as_str().unwrap().to_owned());
                }
                if list["has_more"] == false {
                    break;
                }
                after = list["last_id"].as_str().map(str::to_owned);
            }
            assert_eq!((found.len(), &*found[0]), (7, first));
            found.sort_unstable();
            assert_eq!(found, names, "{order}");
        }
    }

    #[test]
    fn what_the_vendor_refuses_is_refused() {
        assert_eq!(page(&[]).unwrap().limit, 20);
        assert_eq!(
            page(&[("limit", "100"), ("order", "asc")]).unwrap().limit,
            100
        );
        for (query, code) in [
            (("limit", "0"), "integer_below_min_value"),
            (("limit", "-3"), "integer_below_min_value"),
            (("limit", "101"), "integer_above_max_value"),
            (("limit", "many"), "invalid_type"),
            (("order", "up"), "invalid_value"),
        ] {
            let problem = page(&[query]).unwrap_err();
            assert_eq!(problem.code.as_deref(), Some(code), "{query:?}");
            assert_eq!(problem.param, Some(query.0));
        }
        let unknown = page(&[("after", "x")])
            .unwrap()
            .of(&items(&["a"]))
            .unwrap_err();
        assert_eq!(unknown.status.code(), 404);
        let none: Value = serde_json::from_str(&page(&[]).unwrap().of(&[]).unwrap()).unwrap();
        assert_eq!(
            (&none["has_more"], &none["first_id"]),
            (&false.into(), &"".into())
        );
    }
}
