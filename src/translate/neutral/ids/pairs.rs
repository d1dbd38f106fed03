//! Which result of a conversation belongs to which call.

use std::collections::HashMap;

use crate::translate::neutral::{Part, Role, ToolResult, Turn};

/// The calls that results belong to. Calls and results are numbered as they come.
///
/// A result belongs to the nearest earlier call of its id that has none yet: ids may come again in later turns. Of
/// several calls in one turn the first one counts. A result without an id belongs to such a call of its name, or else
/// to any; one whose id no call has, to a call without an id. A further result for a call that has one takes its
/// place. What is left belongs to no call.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Of each result, the call.
    pub calls: Vec<Option<usize>>,
    /// How many calls there are.
    pub count: usize,
}

impl Pairs {
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

/// Calls without a result.
#[derive(Debug, Default)]
struct Open<'t> {
    /// Id and name of each call since the user spoke.
    step: Vec<(&'t str, &'t str)>,
    is_answered: Vec<bool>,
    by_id: Stacks<'t>,
    by_name: Stacks<'t>,
    all: Stacks<'t>,
    /// The call of an id that was answered last.
    done: HashMap<&'t str, usize>,
}

impl<'t> Open<'t> {
    /// The calls of a step lie above those of earlier ones, the first one on top.
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

/// Stacks of calls, each by a word.
#[derive(Debug, Default)]
struct Stacks<'t> {
    tops: HashMap<&'t str, Option<u32>>,
    /// Of each call, the one that lies below it.
    below: Vec<Option<u32>>,
}

impl<'t> Stacks<'t> {
    fn push(&mut self, word: &'t str, call: usize) {
        let Ok(number) = u32::try_from(call) else {
            return;
        };
        let top = self.tops.entry(word).or_default();
        if self.below.len() <= call {
            self.below.resize(call + 1, None);
        }
        if let Some(below) = self.below.get_mut(call) {
            *below = top.replace(number);
        }
    }

    /// The uppermost call without a result. Those that have one are taken away for good.
    fn top(&mut self, word: &str, is_answered: &[bool]) -> Option<usize> {
        let top = self.tops.get_mut(word)?;
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
    use crate::translate::neutral::ToolCall;

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
        Pairs::of(&turns).calls
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
