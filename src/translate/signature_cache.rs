//! What an upstream hands out to be handed back, kept for clients that drop it (spec/dialects.md 3.6).
//!
//! A client that drops signatures still sends back the ids of its calls, and often the words of the thoughts. By these
//! the signatures are found again, where the same upstream's dialect comes back. Who keeps them, and for how long, is
//! not known here.

use std::fmt::Debug;
use std::sync::Arc;

use super::neutral::{Event, Family, Part, Parts, Request, Role, Signature, ToolCall, Turn};
use crate::wire::Dialect;

/// Shorter signatures sign nothing that would be missed; bytes (spec/dialects.md 3.6).
const SHORTEST: usize = 50;
/// The most that is kept in one place, words and signatures, bytes: thoughts of some 64,000 tokens.
pub const LONGEST: usize = 256 * 1024;
/// What a thought counts beside its words, so that empty ones come to an end too; bytes.
const EACH: usize = 64;

/// Keeps signatures for one client.
pub trait SignatureCache: Debug + Send + Sync {
    fn find(&self, key: Key<'_>) -> Option<Entry>;
    fn keep(&self, key: Key<'_>, kept: Entry);
}

/// By what something is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Whose it is.
    pub upstream: Dialect,
    pub by: By<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// The id of a call, as the client knows it.
    Call(&'a str),
    /// The words of a thought.
    Thought(&'a str),
}

/// What is kept in one place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The signature of the call or the thought itself.
    pub own: Option<Signature>,
    /// The thoughts that led up to a call, in their order.
    pub before: Vec<Thought>,
}

/// A thought and what it was signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    pub text: String,
    pub signature: Signature,
}

impl Entry {
    /// Words and signatures.
    pub fn bytes(&self) -> usize {
        let own = self.own.as_ref().map_or(0, |own| own.value.len());
        own + self.before.iter().map(Thought::bytes).sum::<usize>()
    }
}

impl Thought {
    fn bytes(&self) -> usize {
        EACH + self.text.len() + self.signature.value.len()
    }

    fn into_part(self) -> Part {
        match self.signature.family {
            Family::ClaudeRedacted => Part::Opaque(self.signature),
            _ => Part::Reasoning {
                text: self.text,
                signature: Some(self.signature),
            },
        }
    }
}

/// Whether an upstream gave this signature out itself, and would take it back.
fn is_native(upstream: Dialect, signature: &Signature) -> bool {
    match signature.family {
        Family::Claude | Family::ClaudeRedacted => upstream == Dialect::Messages,
        Family::Gpt => upstream == Dialect::Responses,
        Family::Gemini => matches!(upstream, Dialect::Gemini | Dialect::Chat),
    }
}

/// Whether thoughts have signatures there; in a chat only calls do.
fn signs_thoughts(upstream: Dialect) -> bool {
    upstream != Dialect::Chat
}

fn is_worth(signature: &Signature) -> bool {
    signature.value.len() >= SHORTEST
}

/// Puts signatures back into a request, where it brings none of its own.
pub fn restore(request: &mut Request, upstream: Dialect, memory: &dyn SignatureCache) {
    let source = Source { upstream, memory };
    let turns = request.turns.as_mut_slice();
    let mut stretch = Stretch::default();
    for index in 0..turns.len() {
        match turns.get_mut(index) {
            Some(turn) if turn.role == Role::Assistant => {}
            _ => {
                source.sign(turns, &mut stretch);
                continue;
            }
        }
        let (mut at, mut first) = (0, 0);
        while let Some(part) = turns.get_mut(index).and_then(|turn| turn.parts.get_mut(at)) {
            match part {
                Part::Reasoning {
                    signature: Some(signature),
                    ..
                }
                | Part::Opaque(signature) => stretch.is_sent |= is_native(upstream, signature),
                Part::Reasoning { .. } => stretch.unsigned.push((index, at)),
                Part::ToolCall(call) => {
                    let before = source.call(call, stretch.is_sent);
                    if before.is_empty() {
                        source.sign(turns, &mut stretch);
                    } else if let Some(turn) = turns.get_mut(index) {
                        // The whole of it: what is left of its words says nothing more.
                        stretch = Stretch::default();
                        at += before.len();
                        let before = before.into_iter().map(Thought::into_part);
                        if let Parts::List(parts) = &mut turn.parts {
                            parts.splice(first..first, before);
                        }
                    }
                    first = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
    }
    source.sign(turns, &mut stretch);
}

/// What the model said up to a call, or to the end of its turn.
#[derive(Debug, Default)]
struct Stretch {
    /// It has signatures of the client's.
    is_sent: bool,
    /// Its thoughts without a signature, by turn and part.
    unsigned: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Source<'m> {
    upstream: Dialect,
    memory: &'m dyn SignatureCache,
}

impl Source<'_> {
    /// Gives a call its signature. Returns the thoughts that belong in front of it.
    fn call(self, call: &mut ToolCall, is_sent: bool) -> Vec<Thought> {
        let own = call.signature.as_ref();
        let is_sent = is_sent || own.is_some_and(|own| is_native(self.upstream, own));
        if is_sent || call.id.is_empty() {
            return Vec::new();
        }
        let Some(kept) = self.find(By::Call(&call.id)) else {
            return Vec::new();
        };
        if kept.own.is_some() {
            call.signature = kept.own;
        }
        kept.before
    }

    /// Signs the thoughts of a stretch that are known by their words, and begins the next.
    fn sign(self, turns: &mut [Turn], stretch: &mut Stretch) {
        for (turn, part) in std::mem::take(stretch).unsigned {
            let part = turns
                .get_mut(turn)
                .and_then(|turn| turn.parts.get_mut(part));
            if let Some(Part::Reasoning { text, signature }) = part
                && !text.is_empty()
                && signs_thoughts(self.upstream)
            {
                *signature = self.find(By::Thought(text)).and_then(|kept| kept.own);
            }
        }
    }

    fn find(self, by: By<'_>) -> Option<Entry> {
        self.memory.find(Key {
            upstream: self.upstream,
            by,
        })
    }
}

/// Watches an answer for what its client might drop.
#[derive(Clone, Debug)]
pub struct Keeper {
    upstream: Dialect,
    memory: Arc<dyn SignatureCache>,
    lead: Lead,
}

/// The thoughts since the last call.
#[derive(Clone, Debug, Default)]
struct Lead {
    thoughts: Vec<Open>,
    /// More than [`LONGEST`]: they are let go of until the next call.
    bytes: usize,
}

/// A thought under way.
#[derive(Clone, Debug)]
struct Open {
    block: u32,
    text: String,
    signature: Option<Signature>,
}

impl Keeper {
    pub fn new(upstream: Dialect, memory: Arc<dyn SignatureCache>) -> Self {
        Self {
            upstream,
            memory,
            lead: Lead::default(),
        }
    }

    /// Takes note of an event as the client gets it. Of answers side by side only the first counts: nobody goes on
    /// with the tools of several.
    pub fn see(&mut self, event: &Event) {
        match event {
            Event::ReasoningDelta {
                choice: 0,
                block,
                text,
            } if signs_thoughts(self.upstream) => {
                if let Some(thought) = self.lead.thought(*block, text.len()) {
                    thought.text.push_str(text);
                }
            }
            Event::ReasoningSignature {
                choice: 0,
                block,
                signature,
            }
            | Event::ReasoningOpaque {
                choice: 0,
                block,
                signature,
            } if is_native(self.upstream, signature) => {
                let Some(thought) = self.lead.thought(*block, signature.value.len()) else {
                    return;
                };
                thought.signature = Some(signature.clone());
                if !thought.text.is_empty() && is_worth(signature) {
                    let key = Key {
                        upstream: self.upstream,
                        by: By::Thought(&thought.text),
                    };
                    let own = thought.signature.clone();
                    let before = Vec::new();
                    self.memory.keep(key, Entry { own, before });
                }
            }
            Event::ToolStart {
                choice: 0,
                id,
                signature,
                ..
            } => {
                let is_kept = |own: &Signature| is_native(self.upstream, own) && is_worth(own);
                let own = signature.clone().filter(is_kept);
                let before = self.lead.take();
                let kept = Entry { own, before };
                if !id.is_empty() && (1..=LONGEST).contains(&kept.bytes()) {
                    let key = Key {
                        upstream: self.upstream,
                        by: By::Call(id),
                    };
                    self.memory.keep(key, kept);
                }
            }
            _ => {}
        }
    }
}

impl Lead {
    /// The thought of a block, about to grow by `more` bytes; none where that is too much.
    fn thought(&mut self, block: u32, more: usize) -> Option<&mut Open> {
        let known = self.thoughts.iter().rposition(|open| open.block == block);
        let new = if known.is_none() { EACH } else { 0 };
        self.bytes = self.bytes.saturating_add(new + more);
        if self.bytes > LONGEST {
            self.thoughts = Vec::new();
            return None;
        }
        let at = known.unwrap_or_else(|| {
            self.thoughts.push(Open {
                block,
                text: String::new(),
                signature: None,
            });
            self.thoughts.len() - 1
        });
        self.thoughts.get_mut(at)
    }

    /// All of them: an upstream that checks thoughts wants none left out.
    fn take(&mut self) -> Vec<Thought> {
        let thoughts = std::mem::take(self).thoughts.into_iter();
        let signed: Vec<Thought> = thoughts
            .filter_map(
                |Open {
                     text, signature, ..
                 }| {
                    let signature = signature?;
                    Some(Thought { text, signature })
                },
            )
            .collect();
        match signed.iter().all(|thought| is_worth(&thought.signature)) {
            true => signed,
            false => Vec::new(),
        }
    }
}
