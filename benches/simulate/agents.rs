//! Simulated conversations of coding agents.

use holdfast::unversioned::session::prefix::Beginning;

use crate::random::Random;

/// The length at which an agent summarises its conversation, tokens.
const COMPACTED_AT: u64 = 120_000;

/// The behaviour of a scenario's agents.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Whether clients send session ids.
    pub have_ids: bool,
    /// The number of shared system prompts; 0 for one per conversation.
    pub templates: u64,
    /// Whether the first texts of all conversations of a template begin alike.
    pub open_alike: bool,
    /// The probability that a turn branches from an earlier one.
    pub branches: f64,
    /// The probability that a turn starts a subagent.
    pub subagents: f64,
    /// Turns of a conversation.
    pub turns: f64,
    /// Seconds between an answer and the next turn.
    pub pause: f64,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    /// The identity of its text.
    content: u64,
    tokens: u64,
}

#[derive(Clone, Debug)]
pub struct Conversation {
    pub id: u64,
    pub has_id: bool,
    pub is_subagent: bool,
    system: Message,
    messages: Vec<Message>,
    pub turns_left: u64,
    /// The input of the compatible hash: system prompt and first texts, truncated.
    opening: u64,
    first_answer: u64,
    /// The account of the last answer.
    pub last: Option<usize>,
}

impl Conversation {
    pub fn new(id: u64, habits: &Habits, is_subagent: bool, random: &mut Random) -> Self {
        let template = match habits.templates {
            0 => id + 1_000,
            count => random.next() % count,
        };
        // A subagent has a prompt of its kind.
        let template = template + if is_subagent { 500 } else { 0 };
        let system = Message {
            content: mix(template, 1),
            tokens: 3_000 + mix(template, 2) % 12_000,
        };
        let first = Message {
            content: random.next(),
            tokens: random.size(400),
        };
        let turns = if is_subagent {
            habits.turns / 3.0
        } else {
            habits.turns
        };
        Self {
            id,
            has_id: habits.have_ids,
            is_subagent,
            system,
            messages: vec![first],
            turns_left: 1 + random.exponential(turns) as u64,
            opening: match habits.open_alike {
                true => system.content,
                false => mix(system.content, first.content),
            },
            first_answer: 0,
            last: None,
        }
    }

    /// The prompt as a vendor's cache sees it, the system prompt included.
    pub fn prompt(&self) -> Vec<Beginning> {
        let mut hash = self.system.content;
        let mut size = self.system.tokens;
        let mut prompt = vec![Beginning { hash, size }];
        for message in &self.messages {
            hash = mix(hash, message.content);
            size += message.tokens;
            prompt.push(Beginning { hash, size });
        }
        prompt
    }

    /// The compatible hashes: the current one, and that of the first turn.
    pub fn hashed(&self) -> (u64, Option<u64>) {
        match self.first_answer {
            0 => (self.opening, None),
            answer => (mix(self.opening, answer), Some(self.opening)),
        }
    }

    /// Appends an answer of `tokens` and the next user message.
    pub fn go_on(&mut self, tokens: u64, habits: &Habits, random: &mut Random) {
        let answer = Message {
            content: random.next(),
            tokens,
        };
        if self.first_answer == 0 {
            // First answers of agents are alike in their first words as well.
            self.first_answer = match habits.open_alike {
                true => 1 + answer.content % 4,
                false => answer.content,
            };
        }
        self.messages.push(answer);
        if random.chance(habits.branches) && self.messages.len() > 6 {
            let back = 2 * random.between(1, 3) as usize;
            self.messages.truncate(self.messages.len() - back);
        }
        let total: u64 = self.messages.iter().map(|message| message.tokens).sum();
        if total > COMPACTED_AT {
            self.messages.clear();
        }
        self.messages.push(Message {
            content: random.next(),
            tokens: random.size(900),
        });
    }
}

fn mix(a: u64, b: u64) -> u64 {
    Random::new(a ^ b.rotate_left(32)).next()
}
