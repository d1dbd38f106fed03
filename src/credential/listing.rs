//! The lists of models that vendors return, by credential.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalog::Section;
use super::model::Model;

/// One model of a vendor's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// The maximum number of input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// The maximum number of output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
}

/// Lists by the id of the credential that they were fetched with. Credentials with equal lists share one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listings(HashMap<String, Arc<[Listed]>>);

/// A list in the file, with its credentials.
#[derive(Serialize, Deserialize)]
struct Row {
    credentials: Vec<String>,
    models: Vec<Listed>,
}

impl Listings {
    /// The list of a credential, if there is one.
    pub fn of(&self, credential: &str) -> Option<&[Listed]> {
        self.0.get(credential).map(|list| &**list)
    }

    /// Stores a list. Returns whether it has changed.
    pub fn put(&mut self, credential: &str, list: Vec<Listed>) -> bool {
        if self.of(credential) == Some(&list) {
            return false;
        }
        let shared = self.0.values().find(|known| ***known == *list);
        let list = shared.map_or_else(|| Arc::from(list), Arc::clone);
        self.0.insert(credential.to_owned(), list);
        true
    }

    /// Removes the lists of all other credentials. Returns whether there were any.
    pub fn retain(&mut self, is_kept: impl Fn(&str) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|id, _| is_kept(id));
        self.0.len() < before
    }

    /// The content of the file: equal lists once, in a deterministic order.
    pub fn to_json(&self) -> Vec<u8> {
        let mut ids: Vec<&String> = self.0.keys().collect();
        ids.sort_unstable();
        let mut places: HashMap<*const Listed, usize> = HashMap::new();
        let mut rows: Vec<Row> = Vec::new();
        for id in ids {
            let Some(list) = self.0.get(id) else { continue };
            let place = *places.entry(list.as_ptr()).or_insert_with(|| {
                rows.push(Row {
                    credentials: Vec::new(),
                    models: list.to_vec(),
                });
                rows.len() - 1
            });
            if let Some(row) = rows.get_mut(place) {
                row.credentials.push(id.clone());
            }
        }
        serde_json::to_vec(&rows).unwrap_or_default()
    }

    /// Parses the content of the file.
    ///
    /// # Errors
    /// When it has another format.
    pub fn of_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let rows: Vec<Row> = serde_json::from_slice(json)?;
        let lists = rows.into_iter().flat_map(|row| {
            let list: Arc<[Listed]> = row.models.into();
            let ids = row.credentials.into_iter();
            ids.map(move |id| (id, Arc::clone(&list)))
        });
        Ok(Self(lists.collect()))
    }
}

/// A list as models, with the details of the built-in list.
pub fn models(list: &[Listed], owned_by: &str, section: Option<&Section>) -> Vec<Model> {
    let model = |listed: &Listed| {
        let known = section.and_then(|section| section.find(&listed.id));
        let named = listed.display_name.clone();
        let known_name = || known.map(|known| known.display_name.to_owned());
        Model {
            display_name: named.or_else(known_name).unwrap_or(listed.id.clone()),
            created: listed.created.or(known.and_then(|known| known.created)),
            version: known.and_then(|known| known.version),
            context: listed.context.or(known.and_then(|known| known.context)),
            output: listed.output.or(known.and_then(|known| known.output)),
            ..Model::unlisted(&listed.id, owned_by)
        }
    };
    list.iter().map(model).collect()
}

#[cfg(test)]
mod tests {
    use super::super::catalog;
    use super::*;

    fn list(ids: &[&str]) -> Vec<Listed> {
        let listed = |id: &&str| Listed {
            id: (*id).to_owned(),
            ..Listed::default()
        };
        ids.iter().map(listed).collect()
    }

    #[test]
    fn equal_lists_are_shared_and_survive_a_file() {
        let mut listings = Listings::default();
        assert!(listings.put("a", list(&["x", "y"])));
        assert!(listings.put("b", list(&["x", "y"])));
        assert!(listings.put("c", list(&["z"])));
        assert!(!listings.put("c", list(&["z"])), "the same");
        assert!(Arc::ptr_eq(&listings.0["a"], &listings.0["b"]));
        let json = listings.to_json();
        let text = String::from_utf8(json.clone()).unwrap();
        assert_eq!(
            text,
            r#"[{"credentials":["a","b"],"models":[{"id":"x"},{"id":"y"}]},{"credentials":["c"],"models":[{"id":"z"}]}]"#
        );
        let again = Listings::of_json(&json).unwrap();
        assert_eq!(again, listings);
        assert!(Arc::ptr_eq(&again.0["a"], &again.0["b"]));
        assert!(listings.retain(|id| id == "b"));
        assert!(!listings.retain(|id| id == "b"));
        assert_eq!((listings.of("a"), listings.of("b").is_some()), (None, true));
        assert!(Listings::of_json(b"nonsense").is_err());
    }

    #[test]
    fn what_the_table_knows_is_carried_over() {
        let section = catalog::section("claude").unwrap();
        let known = &section.models[0];
        let mut list = list(&[known.id, "claude-new"]);
        list[1].context = Some(7);
        let models = models(&list, section.owned_by, Some(section));
        assert_eq!(models[0].display_name, known.display_name);
        assert_eq!(models[0].context, known.context);
        assert_eq!(models[0].upstream, [known.id]);
        assert_eq!(models[1].display_name, "claude-new");
        assert_eq!(models[1].owned_by, "anthropic");
        assert_eq!((models[1].context, models[1].output), (Some(7), None));
    }
}
