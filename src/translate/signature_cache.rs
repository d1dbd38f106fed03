//! Reasoning signatures of answers, stored for clients that drop them.
//!
//! A client that drops signatures still sends back the ids of its calls, and often the text of the reasoning. These are
//! the keys under which the signatures are found when a request goes to the same upstream dialect again. The storage is
//! behind [`SignatureCache`].

use std::fmt::Debug;
use std::sync::Arc;

use super::neutral::{
    BlockId, Event, Family, Part, Parts, Request, Role, Signature, ToolCall, Turn,
};
use crate::wire::Dialect;

/// Signatures shorter than this, in bytes, are placeholders and not stored.
const SHORTEST: usize = 50;
/// The largest entry, texts and signatures, in bytes: reasoning of about 64,000 tokens.
pub const LONGEST: usize = 256 * 1024;
/// What a thought counts beside its text, in bytes, so that empty ones are limited too.
const EACH: usize = 64;

/// The stored signatures of one client.
pub trait SignatureCache: Debug + Send + Sync {
    fn find(&self, key: Key<'_>) -> Option<Entry>;
    fn store(&self, key: Key<'_>, entry: Entry);
}

/// What an entry is stored under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The dialect of the upstream that gave it out.
    pub upstream: Dialect,
    pub part: KeyPart<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPart<'a> {
    /// The id of a call, as the client knows it.
    Call(&'a str),
    /// The text of a thought.
    Thought(&'a str),
}

/// The signatures of a call or a thought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The signature of the call or the thought itself.
    pub own: Option<Signature>,
    /// The thoughts before a call, in order.
    pub before: Vec<Thought>,
}

/// A thought and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thought {
    pub text: String,
    pub signature: Signature,
}

impl Entry {
    /// The size of texts and signatures.
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

/// Whether an upstream of this dialect gives out such signatures.
fn is_native(upstream: Dialect, signature: &Signature) -> bool {
    match signature.family {
        Family::Claude | Family::ClaudeRedacted => upstream == Dialect::Messages,
        Family::Gpt => upstream == Dialect::Responses,
        Family::Gemini => matches!(upstream, Dialect::Gemini | Dialect::Chat),
    }
}

/// Whether thoughts have signatures; in a chat only calls do.
fn signs_thoughts(upstream: Dialect) -> bool {
    upstream != Dialect::Chat
}

fn is_storable(signature: &Signature) -> bool {
    signature.value.len() >= SHORTEST
}

/// Puts stored signatures back into a request where it has none of its own.
pub fn restore(request: &mut Request, upstream: Dialect, cache: &dyn SignatureCache) {
    let lookup = SignatureLookup { upstream, cache };
    let turns = request.turns.as_mut_slice();
    let mut step = Step::default();
    for index in 0..turns.len() {
        match turns.get_mut(index) {
            Some(turn) if turn.role == Role::Assistant => {}
            _ => {
                lookup.sign(turns, &mut step);
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
                | Part::Opaque(signature) => step.is_signed |= is_native(upstream, signature),
                Part::Reasoning { .. } => step.unsigned.push((index, at)),
                Part::ToolCall(call) => {
                    let before = lookup.call(call, step.is_signed);
                    if before.is_empty() {
                        lookup.sign(turns, &mut step);
                    } else if let Some(turn) = turns.get_mut(index) {
                        // All thoughts of the step are restored, those that the client sent without a signature included.
                        step = Step::default();
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
    lookup.sign(turns, &mut step);
}

/// The parts of the model up to a call, or to the end of its turns.
#[derive(Debug, Default)]
struct Step {
    /// The client has sent signatures.
    is_signed: bool,
    /// The thoughts without a signature: indexes of turn and part.
    unsigned: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct SignatureLookup<'m> {
    upstream: Dialect,
    cache: &'m dyn SignatureCache,
}

impl SignatureLookup<'_> {
    /// Gives a call its signature. Returns the thoughts to insert before it.
    fn call(self, call: &mut ToolCall, is_signed: bool) -> Vec<Thought> {
        let own = call.signature.as_ref();
        let is_signed = is_signed || own.is_some_and(|own| is_native(self.upstream, own));
        if is_signed || call.id.is_empty() {
            return Vec::new();
        }
        let Some(entry) = self.find(KeyPart::Call(&call.id)) else {
            return Vec::new();
        };
        if entry.own.is_some() {
            call.signature = entry.own;
        }
        entry.before
    }

    /// Gives the thoughts of a step their signatures, and begins the next step.
    fn sign(self, turns: &mut [Turn], step: &mut Step) {
        for (turn, part) in std::mem::take(step).unsigned {
            let part = turns
                .get_mut(turn)
                .and_then(|turn| turn.parts.get_mut(part));
            if let Some(Part::Reasoning { text, signature }) = part
                && !text.is_empty()
                && signs_thoughts(self.upstream)
            {
                *signature = self
                    .find(KeyPart::Thought(text))
                    .and_then(|entry| entry.own);
            }
        }
    }

    fn find(self, part: KeyPart<'_>) -> Option<Entry> {
        self.cache.find(Key {
            upstream: self.upstream,
            part,
        })
    }
}

/// Stores the signatures of an answer.
#[derive(Clone, Debug)]
pub struct SignatureRecorder {
    upstream: Dialect,
    cache: Arc<dyn SignatureCache>,
    pending: PendingThoughts,
}

/// The thoughts since the last call.
#[derive(Clone, Debug, Default)]
struct PendingThoughts {
    thoughts: Vec<PendingThought>,
    /// Above [`LONGEST`], thoughts are discarded until the next call.
    bytes: usize,
}

/// A thought that may be incomplete.
#[derive(Clone, Debug)]
struct PendingThought {
    block: u32,
    text: String,
    signature: Option<Signature>,
}

impl SignatureRecorder {
    pub fn new(upstream: Dialect, cache: Arc<dyn SignatureCache>) -> Self {
        Self {
            upstream,
            cache,
            pending: PendingThoughts::default(),
        }
    }

    /// Reads an event as the client gets it. Only the first choice counts: a conversation with tools continues one
    /// choice.
    pub fn record(&mut self, event: &Event) {
        match event {
            Event::ReasoningDelta(BlockId { choice: 0, block }, text)
                if signs_thoughts(self.upstream) =>
            {
                if let Some(thought) = self.pending.thought(*block, text.len()) {
                    thought.text.push_str(text);
                }
            }
            Event::ReasoningSignature(BlockId { choice: 0, block }, signature)
            | Event::ReasoningOpaque(BlockId { choice: 0, block }, signature)
                if is_native(self.upstream, signature) =>
            {
                let Some(thought) = self.pending.thought(*block, signature.value.len()) else {
                    return;
                };
                thought.signature = Some(signature.clone());
                if !thought.text.is_empty() && is_storable(signature) {
                    let key = Key {
                        upstream: self.upstream,
                        part: KeyPart::Thought(&thought.text),
                    };
                    let own = thought.signature.clone();
                    let before = Vec::new();
                    self.cache.store(key, Entry { own, before });
                }
            }
            Event::ToolStart {
                choice: 0,
                id,
                signature,
                ..
            } => {
                let is_stored = |own: &Signature| is_native(self.upstream, own) && is_storable(own);
                let own = signature.clone().filter(is_stored);
                let before = self.pending.take();
                let entry = Entry { own, before };
                if !id.is_empty() && (1..=LONGEST).contains(&entry.bytes()) {
                    let key = Key {
                        upstream: self.upstream,
                        part: KeyPart::Call(id),
                    };
                    self.cache.store(key, entry);
                }
            }
            _ => {}
        }
    }
}

impl PendingThoughts {
    /// The thought of a block that grows by `more` bytes; `None` above [`LONGEST`].
    fn thought(&mut self, block: u32, more: usize) -> Option<&mut PendingThought> {
        let known = self
            .thoughts
            .iter()
            .rposition(|thought| thought.block == block);
        let new = if known.is_none() { EACH } else { 0 };
        self.bytes = self.bytes.saturating_add(new + more);
        if self.bytes > LONGEST {
            self.thoughts = Vec::new();
            return None;
        }
        let at = known.unwrap_or_else(|| {
            self.thoughts.push(PendingThought {
                block,
                text: String::new(),
                signature: None,
            });
            self.thoughts.len() - 1
        });
        self.thoughts.get_mut(at)
    }

    /// All thoughts, or none if one of them cannot be stored: an upstream that checks them requires all.
    fn take(&mut self) -> Vec<Thought> {
        let thoughts = std::mem::take(self).thoughts.into_iter();
        let signed: Vec<Thought> = thoughts
            .filter_map(
                |PendingThought {
                     text, signature, ..
                 }| {
                    let signature = signature?;
                    Some(Thought { text, signature })
                },
            )
            .collect();
        match signed.iter().all(|thought| is_storable(&thought.signature)) {
            true => signed,
            false => Vec::new(),
        }
    }
}
