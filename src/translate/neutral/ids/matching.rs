//! Matching the results of a conversation to its calls.

use std::collections::HashMap;

use crate::translate::neutral::part::{Part, Role, ToolResult};
use crate::translate::neutral::turn::Turn;

/// The calls that results belong to. Calls and results are numbered in order.
///
/// A result belongs to the nearest earlier call with its id and without a result: ids may repeat in later turns. Of
/// several such calls in one turn it is the first. A result without an id belongs to an open call of its name, or else
/// to any open call; a result with an unknown id, to an open call without an id. A further result for a call replaces the
/// earlier one. Other results belong to no call.
#[derive(Debug, Default)]
pub struct ResultMatches {
    /// The call of each result.
    pub calls: Vec<Option<usize>>,
    /// The number of calls.
    pub count: usize,
}

impl ResultMatches {
    pub fn of(turns: &[Turn]) -> Self {
        let mut open = Open::default();
        let mut calls = Vec::new();
        for turn in turns {
            if turn.role != Role::Assistant {
                open.end_step();
            }
            for part in &turn.parts {
                match part {
                    Part::ToolCall(call) => open.step.push((&call.id, &call.name)),
                    Part::ToolResult(result) => {
                        open.end_step();
                        calls.push(open.answer(result));
                    }
                    _ => {}
                }
            }
        }
        open.end_step();
        Self {
            calls,
            count: open.is_answered.len(),
        }
    }
}

/// The calls without a result.
#[derive(Debug, Default)]
struct Open<'t> {
    /// Id and name of each call since the last turn of the user.
    step: Vec<(&'t str, &'t str)>,
    is_answered: Vec<bool>,
    by_id: Stacks<'t>,
    by_name: Stacks<'t>,
    all: Stacks<'t>,
    /// By id, the call that was answered last.
    done: HashMap<&'t str, usize>,
}

impl<'t> Open<'t> {
    /// Puts the calls of a step on the stacks, the first one on top.
    fn end_step(&mut self) {
        let first = self.is_answered.len();
        let step = std::mem::take(&mut self.step);
        self.is_answered.resize(first + step.len(), false);
        for (index, (id, name)) in step.into_iter().enumerate().rev() {
            self.by_id.push(id, first + index);
            self.by_name.push(name, first + index);
            self.all.push("", first + index);
        }
    }

    fn answer(&mut self, result: &'t ToolResult) -> Option<usize> {
        let id = result.call_id.as_str();
        let is_answered = &self.is_answered;
        let call = match id.is_empty() {
            false => self
                .by_id
                .top(id, is_answered)
                .or_else(|| self.done.get(id).copied())
                .or_else(|| self.by_id.top("", is_answered)),
            true => {
                let name = result.name.as_deref();
                name.and_then(|name| self.by_name.top(name, is_answered))
                    .or_else(|| self.all.top("", is_answered))
            }
        }?;
        if !id.is_empty() {
            self.done.insert(id, call);
        }
        *self.is_answered.get_mut(call)? = true;
        Some(call)
    }
}

/// Stacks of calls by id or by name.
#[derive(Debug, Default)]
struct Stacks<'t> {
    tops: HashMap<&'t str, Option<u32>>,
    /// The call below each call.
    below: Vec<Option<u32>>,
}

impl<'t> Stacks<'t> {
    fn push(&mut self, key: &'t str, call: usize) {
        let Ok(number) = u32::try_from(call) else {
            return;
        };
        let top = self.tops.entry(key).or_default();
        if self.below.len() <= call {
            self.below.resize(call + 1, None);
        }
        if let Some(below) = self.below.get_mut(call) {
            *below = top.replace(number);
        }
    }

    /// The topmost call without a result; answered calls are removed.
    fn top(&mut self, key: &str, is_answered: &[bool]) -> Option<usize> {
        let top = self.tops.get_mut(key)?;
        while let Some(call) = *top {
            let call = call as usize;
            if is_answered.get(call) != Some(&true) {
                return Some(call);
            }
            *top = self.below.get(call).copied().flatten();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::neutral::part::ToolCall;

    /// `f#a` calls `f` by the id `a`; `#a` or `f#` are results; `.` is the user's word.
    fn pairs(turns: &[&str]) -> Vec<Option<usize>> {
        let turns: Vec<Turn> = turns
            .iter()
            .map(|turn| {
                let (role, said) = match turn.strip_prefix('>') {
                    Some(said) => (Role::Assistant, said),
                    None => (Role::User, *turn),
                };
                let parts = said
                    .split_whitespace()
                    .map(|word| match word.split_once('#') {
                        Some((name, id)) if role == Role::Assistant => Part::ToolCall(ToolCall {
                            id: id.to_owned(),
                            name: name.to_owned(),
                            ..ToolCall::default()
                        }),
                        Some((name, id)) => Part::ToolResult(ToolResult {
                            call_id: id.to_owned(),
                            name: (!name.is_empty()).then(|| name.to_owned()),
                            ..ToolResult::default()
                        }),
                        None => Part::text(word),
                    });
                Turn::new(role, parts.collect::<Vec<_>>())
            })
            .collect();
        ResultMatches::of(&turns).calls
    }

    #[test]
    fn results_belong_to_the_nearest_open_call() {
        for (turns, expected) in [
            // One id in two turns.
            (&[">f#a", "#a", ">f#a", "#a"][..], &[Some(0), Some(1)][..]),
            (&[">f#a", ".", ">f#a", "#a"], &[Some(1)]),
            // In one turn, and in two of the model's turns in a row.
            (&[">f#a g#a", "#a #a"], &[Some(0), Some(1)]),
            (&[">f#a", ">g#a", "#a", "#a"], &[Some(0), Some(1)]),
            // Without ids.
            (&[">f# g#", "g# f#"], &[Some(1), Some(0)]),
            (&[">f# g#", "# #"], &[Some(0), Some(1)]),
            (&[">f#", ".", ">f#", "f# f#"], &[Some(1), Some(0)]),
            (&[">f#a", "#"], &[Some(0)]),
            (&[">f#", "#x"], &[Some(0)]),
            // A further one, a stray, one before its call.
            (&[">f#a", "#a #a"], &[Some(0), Some(0)]),
            (&[">f#a", "#a #b"], &[Some(0), None]),
            (&["#a", ">f#a"], &[None]),
        ] {
            assert_eq!(pairs(turns), expected, "{turns:?}");
        }
    }
}
