//! The ids of calls that an upstream gets.

use std::collections::{HashMap, HashSet};

use super::format::{CallIdFormat, cut, fit, is_nine_alphanumeric, longest, nine_alphanumeric};
use crate::wire::Dialect;

/// Gives the calls of one request legal and unique ids, in order.
///
/// An id that is legal and unique stays as it is. Each id depends on the calls before it only, so the ids of a
/// conversation do not change as it grows, and the upstream's prompt cache stays valid.
#[derive(Debug)]
pub struct UpstreamCallIds {
    dialect: Dialect,
    call_ids: CallIdFormat,
    used: HashSet<String>,
    /// The last number appended to an id.
    numbers: HashMap<String, usize>,
}

/// Room for a number and the `_` before it, in bytes.
const NUMBER: usize = 8;

impl UpstreamCallIds {
    pub fn new(dialect: Dialect) -> Self {
        Self::with_format(dialect, CallIdFormat::OfDialect)
    }

    pub fn with_format(dialect: Dialect, call_ids: CallIdFormat) -> Self {
        Self {
            dialect,
            call_ids,
            used: HashSet::new(),
            numbers: HashMap::new(),
        }
    }

    /// The upstream's id of the next call, whose id from the client is `id`.
    pub fn next(&mut self, id: &str) -> String {
        match self.call_ids {
            CallIdFormat::OfDialect => self.next_of_dialect(id),
            CallIdFormat::NineAlphanumeric => self.next_nine_alphanumeric(id),
        }
    }

    fn next_nine_alphanumeric(&mut self, id: &str) -> String {
        let mut unique = match is_nine_alphanumeric(id) {
            true => id.to_owned(),
            false => nine_alphanumeric(id),
        };
        while !self.used.insert(unique.clone()) {
            let number = self.numbers.entry(id.to_owned()).or_insert(1);
            *number += 1;
            unique = nine_alphanumeric(&format!("{id}_{number}"));
        }
        unique
    }

    fn next_of_dialect(&mut self, id: &str) -> String {
        let mut fit = fit(self.dialect, id);
        if fit.is_empty() {
            fit = format!("call_{}", self.used.len() + 1);
        }
        if self.used.insert(fit.clone()) {
            return fit;
        }
        cut(&mut fit, longest(self.dialect).saturating_sub(NUMBER));
        let number = self.numbers.entry(fit.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{fit}_{number}");
            if self.used.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next_all(dialect: Dialect, ids: &[&str]) -> Vec<String> {
        let mut upstream = UpstreamCallIds::new(dialect);
        ids.iter().map(|id| upstream.next(id)).collect()
    }

    #[test]
    fn legal_unique_ids_stay() {
        let long = "x".repeat(41);
        for (dialect, ids, expected) in [
            (
                Dialect::Messages,
                &["a:0", "a.0", "a_0"][..],
                &["a_0", "a_0_2", "a_0_3"][..],
            ),
            (Dialect::Messages, &["toolu_1-a", "é"], &["toolu_1-a", "_"]),
            (Dialect::Chat, &["a:0", "a.0", "é"], &["a:0", "a.0", "é"]),
            (
                Dialect::Responses,
                &["c", "c", "c_2", "c"],
                &["c", "c_2", "c_2_2", "c_3"],
            ),
            (
                Dialect::Gemini,
                &["", "", "call_1"],
                &["call_1", "call_2", "call_1_2"],
            ),
            (Dialect::Responses, &[&long], &[&long]),
            (
                Dialect::Chat,
                &[&long, &long],
                &[&long[..40], &format!("{}_2", &long[..32])],
            ),
        ] {
            assert_eq!(next_all(dialect, ids), expected, "{}", dialect.name());
        }
    }

    #[test]
    fn unique_ids_of_nine_characters_stay() {
        let mut upstream =
            UpstreamCallIds::with_format(Dialect::Chat, CallIdFormat::NineAlphanumeric);
        let ids = [
            "D681PevKs",
            "call_00000001",
            "D681PevKs",
            "",
            "call_0000000",
            "é23456789",
        ];
        let given = ids.map(|id| upstream.next(id));
        assert_eq!(given[0], "D681PevKs");
        assert!(given.iter().all(|id| is_nine_alphanumeric(id)), "{given:?}");
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
        let mut again = UpstreamCallIds::with_format(Dialect::Chat, CallIdFormat::NineAlphanumeric);
        assert_eq!(ids.map(|id| again.next(id)), given);
    }

    proptest! {
        #[test]
        fn ids_are_legal_and_unique(
            ids in prop::collection::vec(prop_oneof!["[a-b.:_2]{0,3}", "[xé]{30,70}", ".*"], 0..40),
        ) {
            for dialect in Dialect::ALL {
                let mut upstream = UpstreamCallIds::new(dialect);
                let given: Vec<String> = ids.iter().map(|id| upstream.next(id)).collect();
                for id in &given {
                    prop_assert!(!id.is_empty() && *id == fit(dialect, id), "{}", id);
                }
                prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
                // Later calls change no earlier id.
                let mut again = UpstreamCallIds::new(dialect);
                let half = ids.len() / 2;
                let first: Vec<String> = ids[..half].iter().map(|id| again.next(id)).collect();
                prop_assert_eq!(&first[..], &given[..half]);
            }
            let mut upstream = UpstreamCallIds::with_format(Dialect::Chat, CallIdFormat::NineAlphanumeric);
            let given: Vec<String> = ids.iter().map(|id| upstream.next(id)).collect();
            prop_assert!(given.iter().all(|id| is_nine_alphanumeric(id)), "{:?}", given);
            prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
        }
    }
}
