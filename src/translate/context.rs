//! What the translation of a request leaves for the translation of its answer.

use super::answer_reader::AnswerReader;
use super::arguments::Arguments;
use super::input::Form;
use super::neutral::answer::Head;
use super::neutral::ids::{self, ClientCallIds, Mint};
use super::neutral::names::Names;
use super::neutral::prefill::PrefillFilter;
use super::neutral::{BlockId, Event, Json};
use super::signature_cache::SignatureRecorder;
use crate::wire::Dialect;

/// What the translation of an answer needs to know of its request.
#[derive(Clone, Debug)]
pub struct TranslationContext {
    pub(super) client: Dialect,
    pub(super) form: Form,
    pub(super) upstream: Dialect,
    pub(super) names: Names,
    pub(super) head: Head,
    pub(super) mint: Mint,
    pub(super) call_ids: ClientCallIds,
    pub(super) arguments: Arguments,
    pub(super) signatures: Option<SignatureRecorder>,
    /// For an upstream that does not continue the client's prefill.
    pub(super) prefill: Option<PrefillFilter>,
}

impl TranslationContext {
    /// For an answer in the client's own dialect that changes between stream and whole answer. `seed` and `now` (seconds
    /// since 1970) stand in for an id and a time that it lacks.
    pub fn straight(dialect: Dialect, model: &str, seed: &str, now: u64) -> Self {
        Self {
            client: dialect,
            form: Form::Usual,
            upstream: dialect,
            names: Names::new(dialect, []),
            head: Head {
                created: now,
                model: model.to_owned(),
                ..Head::default()
            },
            mint: Mint::new(seed),
            call_ids: ClientCallIds::unchanged(),
            arguments: Arguments::default(),
            signatures: None,
            prefill: None,
        }
    }

    /// For an answer of another dialect, without its request.
    #[cfg(test)]
    pub fn between(upstream: Dialect, client: Dialect, model: &str) -> Self {
        Self {
            upstream,
            ..Self::straight(client, model, "seed", 1)
        }
    }

    /// The dialect of the upstream.
    pub fn upstream(&self) -> Dialect {
        self.upstream
    }

    /// Has the answer repeat a member that the request had before it was translated (Responses).
    pub fn repeat(&mut self, key: &'static str, value: &str) {
        self.head.echo.push((key, Json::of(value)));
    }

    pub(super) fn reader(&self) -> AnswerReader {
        AnswerReader::new(self.upstream, self.mint.clone())
    }

    /// The head of an answer that the upstream gave this id and time.
    pub(super) fn answer_head(&mut self, id: Option<&str>, created: Option<u64>) -> Head {
        let head = self.head.clone();
        Head {
            id: ids::answer(self.client, id, &mut self.mint),
            created: created.unwrap_or(head.created),
            ..head
        }
    }

    /// Passes on the events that the client gets for an event: calls with the client's name of the tool, an id that is
    /// new to it and arguments that fit its schema, texts without the client's prefill.
    pub(super) fn restore(&mut self, mut event: Event, each: &mut impl FnMut(Event)) {
        match &mut event {
            Event::ToolStart { id, name, .. } => {
                *id = self.call_ids.next(id, &mut self.mint);
                *name = self.names.original(name).to_owned();
            }
            Event::TextDelta(BlockId { choice, .. }, text) => {
                if let Some(prefill) = &mut self.prefill {
                    *text = prefill.filter(*choice, std::mem::take(text));
                }
            }
            _ => {}
        }
        if let Some(signatures) = &mut self.signatures {
            signatures.record(&event);
        }
        self.arguments.restore(event, each);
    }
}
