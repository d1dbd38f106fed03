//! The beginnings of the texts by which a conversation without a name is known.

use crate::json::Value;

/// Bytes of a text that count; a cut may go through a character.
const LENGTH: usize = 100;

/// The beginning of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Default for Beginning {
    fn default() -> Self {
        Self {
            bytes: [0; LENGTH],
            length: 0,
        }
    }
}

impl Beginning {
    pub fn of(value: &Value<'_>) -> Self {
        let mut beginning = Self::default();
        beginning.push(value);
        beginning
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }

    /// Adds one more text, a space between; an empty one is left out.
    pub fn join(&mut self, value: &Value<'_>) {
        if value.is_blank() {
            return;
        }
        if !self.is_empty() {
            self.push_bytes(b" ");
        }
        self.push(value);
    }

    fn push(&mut self, value: &Value<'_>) {
        match value {
            Value::String(text) if !text.is_escaped() => self.push_bytes(text.raw().as_bytes()),
            // Only as much is decoded as counts.
            Value::String(text) => {
                if let Some(room) = self.bytes.get_mut(self.length..) {
                    self.length += text.start(room);
                }
            }
            other => self.push_bytes(other.text().as_bytes()),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.length);
        for (place, byte) in room.zip(bytes) {
            *place = *byte;
            self.length += 1;
        }
    }
}

/// The first text of each speaker within one part of a request, with its place among its siblings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Speakers {
    pub system: Option<(usize, Beginning)>,
    pub user: Option<(usize, Beginning)>,
    pub assistant: Option<(usize, Beginning)>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    System,
    User,
    Assistant,
}

impl Speakers {
    /// Takes the text of the `index`th sibling, if it is the first of its speaker and says anything.
    pub fn hear(&mut self, speaker: Speaker, index: usize, text: Beginning) {
        let slot = match speaker {
            Speaker::System => &mut self.system,
            Speaker::User => &mut self.user,
            Speaker::Assistant => &mut self.assistant,
        };
        if slot.is_none() && !text.is_empty() {
            *slot = Some((index, text));
        }
    }

    /// Whether nothing more can be heard.
    pub fn is_complete(&self) -> bool {
        self.system.is_some() && self.user.is_some() && self.assistant.is_some()
    }
}

/// What each dialect's part of a request says, before it is known which of them counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    /// `messages`.
    pub messages: Speakers,
    /// `system`.
    pub system: Beginning,
    /// `systemInstruction`.
    pub gemini_system: Beginning,
    /// `contents`.
    pub contents: Speakers,
    /// `instructions`.
    pub instructions: Beginning,
    /// `input`.
    pub input: Speakers,
}

/// The three texts that are hashed; empty where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening {
    pub system: Beginning,
    pub user: Beginning,
    pub assistant: Beginning,
}

impl Heard {
    /// Applies the branches in their order.
    pub fn opening(&self) -> Opening {
        let text =
            |heard: Option<(usize, Beginning)>| heard.map_or_else(Beginning::default, |h| h.1);
        let mut opening = Opening {
            system: text(self.messages.system),
            user: text(self.messages.user),
            assistant: text(self.messages.assistant),
        };
        if opening.system.is_empty() {
            opening.system = self.system;
        }
        if opening.has_no_beginning() {
            opening.system = self.gemini_system;
            opening.user = text(self.contents.user);
            if opening.assistant.is_empty() {
                opening.assistant = text(self.contents.assistant);
            }
        }
        if opening.has_no_beginning() {
            self.responses(&mut opening);
        }
        opening
    }

    /// The branch of the Responses dialect, which ends once user and assistant are heard: what the system says
    /// after that does not count.
    fn responses(&self, opening: &mut Opening) {
        opening.system = self.instructions;
        let assistant = if opening.assistant.is_empty() {
            self.input.assistant
        } else {
            // Heard before this branch began.
            Some((0, opening.assistant))
        };
        let end = match (self.input.user, assistant) {
            (Some((user, _)), Some((assistant, _))) => user.max(assistant),
            _ => usize::MAX,
        };
        if let (true, Some((at, text))) = (opening.system.is_empty(), self.input.system)
            && at < end
        {
            opening.system = text;
        }
        if let Some((_, text)) = self.input.user {
            opening.user = text;
        }
        if let Some((_, text)) = assistant {
            opening.assistant = text;
        }
    }
}

impl Opening {
    /// Neither system nor user is known: the assistant alone identifies nothing.
    pub fn has_no_beginning(&self) -> bool {
        self.system.is_empty() && self.user.is_empty()
    }
}
