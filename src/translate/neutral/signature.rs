//! Reasoning signatures and encrypted reasoning, which a provider expects back.
//!
//! Their vendor cannot be recognised by their form, so one in another dialect is prefixed with a tag of its family.

use super::media;
use crate::wire::signatures::UNCHECKED;

/// The vendor of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Claude,
    ClaudeRedacted,
    Gemini,
    Gpt,
}

/// Separates the id of an item from its encrypted content; not a character of base64.
const SEPARATOR: char = '#';

/// Opaque: never logged or interpreted beyond the tag.
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
    /// Reads a signature from a body of the dialect of family `native`.
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

    /// Reads the encrypted content of an OpenAI item with this id. A tagged one includes its own id.
    pub fn read_item(id: Option<&str>, value: &str) -> Option<Self> {
        let is_tagged = Family::ALL.iter().any(|(_, tag)| value.starts_with(tag));
        let id = id.filter(|id| !is_tagged && !id.is_empty() && !id.contains(SEPARATOR));
        match id {
            Some(id) if !value.is_empty() => Some(Self {
                family: Family::Gpt,
                value: format!("{id}{SEPARATOR}{value}"),
            }),
            _ => Self::read(value, Family::Gpt),
        }
    }

    /// The id of the OpenAI item, where it is known, and the encrypted content.
    pub fn item(&self) -> (Option<&str>, &str) {
        match self.value.split_once(SEPARATOR) {
            Some((id, encrypted)) if self.family == Family::Gpt => (Some(id), encrypted),
            _ => (None, &self.value),
        }
    }

    /// As [`Signature::read`], from a Gemini body: there signatures are bytes, so a tagged one is in base64.
    pub fn read_base64(value: &str) -> Option<Self> {
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
    pub fn write_base64(&self) -> String {
        match self.family {
            Family::Gemini => self.value.clone(),
            _ => media::base64(self.write(Family::Gemini).as_bytes()),
        }
    }

    /// The signature in a body of the dialect of family `native`.
    pub fn write(&self, native: Family) -> String {
        match self.family == native {
            true => self.item().1.to_owned(),
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
    fn a_tagged_signature_is_restored() {
        let own = Signature::read("Eabc", Family::Claude).unwrap();
        assert_eq!(own.write(Family::Claude), "Eabc");
        let tagged = own.write(Family::Gpt);
        assert_eq!(tagged, "claude#Eabc");
        assert_eq!(Signature::read(&tagged, Family::Gpt), Some(own.clone()));
        assert_eq!(Signature::read("", Family::Gemini), None);
        assert_eq!(Signature::read_base64(&own.write_base64()), Some(own));
        let google = Signature::read_base64("CiQBjz1rX7").unwrap();
        assert_eq!(
            (google.family, google.write_base64()),
            (Family::Gemini, "CiQBjz1rX7".to_owned())
        );
    }

    #[test]
    fn encrypted_reasoning_keeps_its_id() {
        let own = Signature::read_item(Some("rs_1"), "gAAA=").unwrap();
        assert_eq!(own.item(), (Some("rs_1"), "gAAA="));
        assert_eq!(own.write(Family::Gpt), "gAAA=");
        let tagged = own.write(Family::Claude);
        assert_eq!(tagged, "gpt#rs_1#gAAA=");
        assert_eq!(Signature::read(&tagged, Family::Claude), Some(own.clone()));
        assert_eq!(Signature::read_item(Some("rs_2"), &tagged), Some(own));
        let nameless = Signature::read_item(None, "gAAA=").unwrap();
        assert_eq!(nameless.item(), (None, "gAAA="));
        let other = Signature::read_item(Some("rs_1"), "claude#Eabc").unwrap();
        assert_eq!(
            (other.family, other.item()),
            (Family::Claude, (None, "Eabc"))
        );
    }

    #[test]
    fn the_placeholder_is_no_signature() {
        let in_bytes = media::base64(UNCHECKED.as_bytes());
        for value in ["", UNCHECKED, in_bytes.as_str()] {
            assert_eq!(Signature::read_base64(value), None, "{value}");
        }
        assert_eq!(Signature::read(UNCHECKED, Family::Gemini), None);
    }
}
