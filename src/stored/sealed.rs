//! The `encrypted_content` of compaction items: a summary that only the gateway can read, for the same client key.
//!
//! No state is needed: the encryption key is derived from the client's key (HKDF). So the text can be read after a
//! restart and by every gateway with that client key, but not for another client. Whoever has the client key can make
//! such a text; it says no more than a message that the same client can send. The text is authenticated
//! (ChaCha20-Poly1305): one that was changed, cut, or made with another key is rejected.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// How such a text begins.
pub const PREFIX: &str = "holdfast.compaction.1.";

/// The longest conversation that is sealed, bytes; what is longer is cut.
pub const LONGEST: usize = 256 * 1024;

/// Seals and opens for one client.
pub struct Sealer {
    key: LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// For the client with this key; empty for those without one, who are all one client.
    pub fn new(client_key: &str) -> Option<Self> {
        let salt = Salt::new(HKDF_SHA256, PREFIX.as_bytes());
        let secret = salt.extract(client_key.as_bytes());
        let okm = secret.expand(&[b"key"], &CHACHA20_POLY1305).ok()?;
        Some(Self {
            key: LessSafeKey::new(UnboundKey::from(okm)),
        })
    }

    /// `None` when the system has no randomness.
    pub fn seal(&self, text: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = cut(text).as_bytes().to_vec();
        let whose = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(whose, aad(), &mut sealed)
            .ok()?;
        let all = [&nonce, &*sealed].concat();
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(all)))
    }

    /// What was sealed for this client; `None` for anything else.
    pub fn open(&self, sealed: &str) -> Option<String> {
        let coded = sealed.strip_prefix(PREFIX)?;
        // Base64 takes four bytes for three.
        if coded.len() > (LONGEST + 64) * 4 / 3 {
            return None;
        }
        let mut all = URL_SAFE_NO_PAD.decode(coded).ok()?;
        let (nonce, text) = all.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self.key.open_in_place(nonce, aad(), text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

fn aad() -> Aad<&'static [u8]> {
    Aad::from(PREFIX.as_bytes())
}

/// The beginning of a text that is too long, up to a whole character.
fn cut(text: &str) -> &str {
    let most = text.len().min(LONGEST);
    let end = (0..=most).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_for_its_own_client_alone() {
        let (one, other) = (Sealer::new("one").unwrap(), Sealer::new("other").unwrap());
        for text in ["", "a summary", "\u{e9}\n\"quoted\""] {
            let sealed = one.seal(text).unwrap();
            assert!(!sealed.contains("summary"));
            assert_eq!(one.open(&sealed).as_deref(), Some(text));
            // After a restart.
            assert_eq!(
                Sealer::new("one").unwrap().open(&sealed).as_deref(),
                Some(text)
            );
            assert_eq!(other.open(&sealed), None);
            assert_eq!(Sealer::new("").unwrap().open(&sealed), None);
            assert_ne!(sealed, one.seal(text).unwrap());
        }
    }

    #[test]
    fn what_was_changed_is_not_read() {
        let sealer = Sealer::new("one").unwrap();
        let sealed = sealer.seal("a summary").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(sealer.open(&changed), None, "{at}");
            assert_eq!(sealer.open(&sealed[..at]), None, "{at}");
        }
        for other in ["", "gAAAA", PREFIX, "holdfast.compaction.1.AAAA"] {
            assert_eq!(sealer.open(other), None, "{other}");
        }
    }

    #[test]
    fn it_has_a_bound() {
        let sealer = Sealer::new("one").unwrap();
        let long = "\u{e9}".repeat(LONGEST);
        let sealed = sealer.seal(&long).unwrap();
        assert_eq!(sealer.open(&sealed).map(|text| text.len()), Some(LONGEST));
        assert_eq!(
            sealer.open(&format!("{PREFIX}{}", "A".repeat(2 * LONGEST))),
            None
        );
    }
}
