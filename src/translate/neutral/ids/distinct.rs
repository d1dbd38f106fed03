//! The ids of calls in a request to an upstream.

use std::collections::{HashMap, HashSet};

use super::rule::{CallIds, cut, fit, is_nine_letters, longest, nine_letters};
use crate::wire::Dialect;

/// Gives the calls of one request their ids, from the first call to the last: each legal, none empty, none twice.
///
/// An id that is legal and new stays as it is. What a call gets depends on the calls before it only, so a
/// conversation that goes on keeps its ids, and the upstream's prompt cache keeps hitting.
#[derive(Debug)]
pub struct Distinct {
    dialect: Dialect,
    call_ids: CallIds,
    given: HashSet<String>,
    /// The last number that was put behind a stem.
    numbers: HashMap<String, usize>,
}

/// Bytes for a number and the `_` before it.
const NUMBER: usize = 8;

impl Distinct {
    pub fn new(dialect: Dialect) -> Self {
        Self::of(dialect, CallIds::Usual)
    }

    pub fn of(dialect: Dialect, call_ids: CallIds) -> Self {
        Self {
            dialect,
            call_ids,
            given: HashSet::new(),
            numbers: HashMap::new(),
        }
    }

    /// The id of the next call, which the client calls `id`.
    pub fn give(&mut self, id: &str) -> String {
        match self.call_ids {
            CallIds::Usual => self.give_usual(id),
            CallIds::NineLetters => self.give_nine_letters(id),
        }
    }

    fn give_nine_letters(&mut self, id: &str) -> String {
        let mut given = match is_nine_letters(id) {
            true => id.to_owned(),
            false => nine_letters(id),
        };
        while !self.given.insert(given.clone()) {
            let number = self.numbers.entry(id.to_owned()).or_insert(1);
            *number += 1;
            given = nine_letters(&format!("{id}_{number}"));
        }
        given
    }

    fn give_usual(&mut self, id: &str) -> String {
        let mut fit = fit(self.dialect, id);
        if fit.is_empty() {
            fit = format!("call_{}", self.given.len() + 1);
        }
        if self.given.insert(fit.clone()) {
            return fit;
        }
        cut(&mut fit, longest(self.dialect).saturating_sub(NUMBER));
        let number = self.numbers.entry(fit.clone()).or_insert(1);
        loop {
            *number += 1;
            let numbered = format!("{fit}_{number}");
            if self.given.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(dialect: Dialect, ids: &[&str]) -> Vec<String> {
        let mut distinct = Distinct::new(dialect);
        ids.iter().map(|id| distinct.give(id)).collect()
    }

    #[test]
    fn what_is_legal_and_new_stays() {
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
            assert_eq!(given(dialect, ids), expected, "{}", dialect.name());
        }
    }

    #[test]
    fn nine_letters_that_are_new_stay() {
        let mut distinct = Distinct::of(Dialect::Chat, CallIds::NineLetters);
        let ids = [
            "D681PevKs",
            "call_00000001",
            "D681PevKs",
            "",
            "call_0000000",
            "é23456789",
        ];
        let given = ids.map(|id| distinct.give(id));
        assert_eq!(given[0], "D681PevKs");
        assert!(given.iter().all(|id| is_nine_letters(id)), "{given:?}");
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
        let mut again = Distinct::of(Dialect::Chat, CallIds::NineLetters);
        assert_eq!(ids.map(|id| again.give(id)), given);
    }

    proptest! {
        #[test]
        fn they_are_legal_and_distinct(
            ids in prop::collection::vec(prop_oneof!["[a-b.:_2]{0,3}", "[xé]{30,70}", ".*"], 0..40),
        ) {
            for dialect in Dialect::ALL {
                let mut distinct = Distinct::new(dialect);
                let given: Vec<String> = ids.iter().map(|id| distinct.give(id)).collect();
                for id in &given {
                    prop_assert!(!id.is_empty() && *id == fit(dialect, id), "{}", id);
                }
                prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
                // What comes later changes nothing.
                let mut again = Distinct::new(dialect);
                let half = ids.len() / 2;
                let first: Vec<String> = ids[..half].iter().map(|id| again.give(id)).collect();
                prop_assert_eq!(&first[..], &given[..half]);
            }
            let mut distinct = Distinct::of(Dialect::Chat, CallIds::NineLetters);
            let given: Vec<String> = ids.iter().map(|id| distinct.give(id)).collect();
            prop_assert!(given.iter().all(|id| is_nine_letters(id)), "{:?}", given);
            prop_assert_eq!(given.iter().collect::<HashSet<_>>().len(), ids.len());
        }
    }
}
