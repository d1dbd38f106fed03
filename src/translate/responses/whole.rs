//! Whole answers, built from their events.

use serde_json::Value;

use super::envelope::{Progress, response};
use super::write_answer::Writer;
use crate::translate::neutral::answer::{Answer, Block, Head};
use crate::translate::neutral::{BlockId, Event, Finish};

/// A whole answer.
pub fn whole(answer: &Answer, head: &Head) -> Value {
    let choice = answer.choices.values().next();
    let finish = choice.map_or(Finish::EndTurn, |choice| choice.finish());
    let status = if finish.is_incomplete() {
        "incomplete"
    } else {
        "completed"
    };
    let mut writer = Writer::new(head.clone());
    let mut unwritten = Vec::new();
    for (block, content) in choice.iter().flat_map(|choice| &choice.blocks) {
        for event in events(*block, content) {
            writer.put(event, &mut unwritten);
            unwritten.clear();
        }
    }
    let output = writer.into_output(status);
    let progress = Progress {
        status,
        finish: Some(&finish),
        completed: answer.ended,
        usage: answer.usage.as_ref(),
    };
    response(head, progress, output)
}

/// The events of a block.
fn events(block: u32, content: &Block) -> Vec<Event> {
    let choice = 0;
    match content.clone() {
        Block::Text { text, citations } => {
            let said = Event::TextDelta(BlockId { choice, block }, text);
            let cited = citations
                .into_iter()
                .map(|citation| Event::Citation(BlockId { choice, block }, citation));
            std::iter::once(said).chain(cited).collect()
        }
        Block::Reasoning { text, signature } => {
            let thought = (!text.is_empty())
                .then_some(Event::ReasoningDelta(BlockId { choice, block }, text));
            let signed = signature
                .map(|signature| Event::ReasoningSignature(BlockId { choice, block }, signature));
            thought.into_iter().chain(signed).collect()
        }
        Block::Opaque(signature) => {
            vec![Event::ReasoningOpaque(BlockId { choice, block }, signature)]
        }
        Block::Refusal(text) => vec![Event::RefusalDelta(BlockId { choice, block }, text)],
        Block::Tool {
            id,
            name,
            arguments,
            signature,
            is_complete,
        } => {
            let mut events = vec![
                Event::ToolStart {
                    choice,
                    block,
                    id,
                    name,
                    signature,
                },
                Event::ToolArgs(BlockId { choice, block }, arguments),
            ];
            if is_complete {
                events.push(Event::ToolEnd(BlockId { choice, block }));
            }
            events
        }
        Block::Search(search) => vec![Event::Search(BlockId { choice, block }, search)],
        Block::Image { mime, data } => vec![Event::ImageOut {
            choice,
            block,
            mime,
            data,
        }],
    }
}
