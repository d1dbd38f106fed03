//! Signatures and encrypted reasoning: what a provider hands out to be handed back (spec/dialects.md 3.6).
//!
//! Their looks do not tell whose they are, so one that leaves its own dialect is tagged with its family.

use super::media;
use crate::wire::signatures::UNCHECKED;

/// Whose a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Claude,
    ClaudeRedacted,
    Gemini,
    Gpt,
}

/// Between the id of an item and what is encrypted in it: base64 has no such character.
const BETWEEN: char = '#';

/// Opaque: never logged, compared or read beyond the tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    pub family: Family,
    pub value: String,
}

impl Family {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Claude, "claude#"),
        (Self::ClaudeRedacted, "claude-redacted#"),
        (Self::Gemini, "gemini#"),
        (Self::Gpt, "gpt#"),
    ];

    fn tag(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(family, _)| *family == self)
            .map_or("", |(_, tag)| tag)
    }
}

impl Signature {
    /// Reads one from a body of the dialect that `native` is at home in.
    pub fn read(value: &str, native: Family) -> Option<Self> {
        if value.is_empty() || value == UNCHECKED {
            return None;
        }
        let tagged = Family::ALL
            .iter()
            .find_map(|(family, tag)| Some((*family, value.strip_prefix(tag)?)));
        let (family, value) = tagged.unwrap_or((native, value));
        Some(Self {
            family,
            value: value.to_owned(),
        })
    }

    /// Reads OpenAI's, which belongs to the item of that id. What is tagged says its own id.
    pub fn read_item(id: Option<&str>, value: &str) -> Option<Self> {
        let is_tagged = Family::ALL.iter().any(|(_, tag)| value.starts_with(tag));
        let id = id.filter(|id| !is_tagged && !id.is_empty() && !id.contains(BETWEEN));
        match id {
            Some(id) if !value.is_empty() => Some(Self {
                family: Family::Gpt,
                value: format!("{id}{BETWEEN}{value}"),
            }),
            _ => Self::read(value, Family::Gpt),
        }
    }

    /// The id of the item that OpenAI's belongs to, where it is known, and what was encrypted.
    pub fn of_item(&self) -> (Option<&str>, &str) {
        match self.value.split_once(BETWEEN) {
            Some((id, encrypted)) if self.family == Family::Gpt => (Some(id), encrypted),
            _ => (None, &self.value),
        }
    }

    /// As [`Signature::read`], from a Gemini body: its clients take signatures for bytes, so a tagged one stands
    /// there in base64.
    pub fn read_bytes(value: &str) -> Option<Self> {
        let text = media::text_of_base64(value);
        if text.as_deref() == Some(UNCHECKED) {
            return None;
        }
        let tagged = text
            .and_then(|text| Self::read(&text, Family::Gemini))
            .filter(|signature| signature.family != Family::Gemini);
        tagged.or_else(|| Self::read(value, Family::Gemini))
    }

    /// As [`Signature::write`], into a Gemini body.
    pub fn write_bytes(&self) -> String {
        match self.family {
            Family::Gemini => self.value.clone(),
            _ => media::base64(self.write(Family::Gemini).as_bytes()),
        }
    }

    /// Writes it into a body of the dialect that `native` is at home in.
    pub fn write(&self, native: Family) -> String {
        match self.family == native {
            true => self.of_item().1.to_owned(),
            false => format!("{}{}", self.family.tag(), self.value),
        }
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({} bytes)", self.family, self.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_brings_it_home() {
        let own = Signature::read("Eabc", Family::Claude).unwrap();
        assert_eq!(own.write(Family::Claude), "Eabc");
        let abroad = own.write(Family::Gpt);
        assert_eq!(abroad, "claude#Eabc");
        assert_eq!(Signature::read(&abroad, Family::Gpt), Some(own.clone()));
        assert_eq!(Signature::read("", Family::Gemini), None);
        assert_eq!(Signature::read_bytes(&own.write_bytes()), Some(own));
        let google = Signature::read_bytes("CiQBjz1rX7").unwrap();
        assert_eq!(
            (google.family, google.write_bytes()),
            (Family::Gemini, "CiQBjz1rX7".to_owned())
        );
    }

    #[test]
    fn encrypted_reasoning_goes_with_its_id() {
        let own = Signature::read_item(Some("rs_1"), "gAAA=").unwrap();
        assert_eq!(own.of_item(), (Some("rs_1"), "gAAA="));
        assert_eq!(own.write(Family::Gpt), "gAAA=");
        let abroad = own.write(Family::Claude);
        assert_eq!(abroad, "gpt#rs_1#gAAA=");
        assert_eq!(Signature::read(&abroad, Family::Claude), Some(own.clone()));
        assert_eq!(Signature::read_item(Some("rs_2"), &abroad), Some(own));
        let nameless = Signature::read_item(None, "gAAA=").unwrap();
        assert_eq!(nameless.of_item(), (None, "gAAA="));
        let other = Signature::read_item(Some("rs_1"), "claude#Eabc").unwrap();
        assert_eq!(
            (other.family, other.of_item()),
            (Family::Claude, (None, "Eabc"))
        );
    }

    #[test]
    fn the_word_for_none_is_none() {
        let in_bytes = media::base64(UNCHECKED.as_bytes());
        for value in ["", UNCHECKED, in_bytes.as_str()] {
            assert_eq!(Signature::read_bytes(value), None, "{value}");
        }
        assert_eq!(Signature::read(UNCHECKED, Family::Gemini), None);
    }
}
