//! What a browser brings back from a sign-in, as it requests it or as its user pastes it.

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::config::Secret;

/// The longest text that is read, bytes.
const LONGEST: usize = 16 << 10;
/// The most characters of a vendor's explanation that are repeated.
const EXPLANATION: usize = 200;

/// The parameters of a callback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Callback {
    code: Option<Secret>,
    state: Option<String>,
    /// The vendor's code of the error, and its explanation.
    error: Option<String>,
}

/// Why a callback gives no code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadCallback {
    /// It is not the answer to this sign-in.
    OtherState,
    /// The vendor refuses, in these words.
    Refused(String),
    NoCode,
}

impl Callback {
    /// Reads a URL, its part from the host, from the query, or the bare parameters; parameters may also be in the
    /// fragment. A code may be followed by `#` and the state, as some vendors show it for copying.
    pub fn parse(text: &str) -> Self {
        let text = text.trim().trim_matches(['"', '\'', '<', '>']);
        if text.len() > LONGEST {
            return Self::default();
        }
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let query = before.split_once('?').map_or(before, |(_, query)| query);
        let mut callback = Self::default();
        let mut explanation = None;
        let pairs = query.split('&').chain(fragment.split('&'));
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            let value = decoded(value);
            match name {
                _ if value.is_empty() => {}
                "code" if callback.code.is_none() => match value.split_once('#') {
                    Some((code, state)) => {
                        callback.code = Some(Secret::new(code));
                        callback.state.get_or_insert_with(|| state.to_owned());
                    }
                    None => callback.code = Some(Secret::new(value)),
                },
                "state" if callback.state.is_none() => callback.state = Some(value),
                "error" if callback.error.is_none() => callback.error = Some(value),
                "error_description" => explanation = Some(value),
                _ => {}
            }
        }
        if let (Some(error), Some(explanation)) = (&mut callback.error, explanation) {
            *error = format!("{error}: {explanation}");
        }
        if !fragment.is_empty() && !fragment.contains('=') {
            // `<code>#<state>` alone.
            let is_bare = callback.code.is_none() && !before.contains(['=', '/', '?', ' ']);
            if is_bare && !before.is_empty() {
                callback.code = Some(Secret::new(decoded(before)));
            }
            callback.state.get_or_insert_with(|| decoded(fragment));
        }
        callback
    }

    /// Whether it has anything of a callback.
    pub fn is_one(&self) -> bool {
        self.code.is_some() || self.error.is_some()
    }

    /// The code, if this answers the sign-in with `state`.
    ///
    /// # Errors
    /// [`BadCallback`] when there is none.
    pub fn code(self, state: &str) -> Result<Secret, BadCallback> {
        if self.state.as_deref() != Some(state) {
            return Err(BadCallback::OtherState);
        }
        if let Some(error) = self.error {
            let shown = error.chars().filter(|c| !c.is_control());
            return Err(BadCallback::Refused(shown.take(EXPLANATION).collect()));
        }
        self.code.ok_or(BadCallback::NoCode)
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8_lossy();
    text.trim().to_owned()
}

impl fmt::Display for BadCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherState => {
                f.write_str("this is not the answer to this sign-in (its state differs)")
            }
            Self::Refused(words) => write!(f, "the sign-in was refused ({words})"),
            Self::NoCode => f.write_str("the vendor has sent no code"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Result<String, BadCallback> {
        let code = Callback::parse(text).code("s t");
        code.map(|code| code.reveal().to_owned())
    }

    #[test]
    fn every_form_of_a_callback_is_read() {
        for text in [
            "http://localhost:1455/auth/callback?code=a%2Fb&state=s+t",
            "  http://localhost:1455/auth/callback?state=s%20t&code=a%2Fb&scope=x\n",
            "localhost:1455/auth/callback?code=a%2Fb&state=s+t",
            "?code=a%2Fb&state=s+t",
            "code=a/b&state=s+t",
            "\"code=a/b&state=s+t\"",
            "http://localhost/callback#code=a%2Fb&state=s+t",
            "http://localhost/callback?code=a%2Fb#state=s+t",
            "http://localhost/callback?code=a%2Fb%23s+t",
            "http://localhost/callback?code=a%2Fb#s+t",
            "code=a/b#s%20t",
            "a%2Fb#s+t",
        ] {
            assert_eq!(code(text).as_deref(), Ok("a/b"), "{text}");
            assert!(Callback::parse(text).is_one(), "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_to_this_sign_in_gives_no_code() {
        for (text, expected) in [
            ("", BadCallback::OtherState),
            ("a", BadCallback::OtherState),
            ("code=a", BadCallback::OtherState),
            ("code=a&state=other", BadCallback::OtherState),
            ("error=access_denied", BadCallback::OtherState),
            ("state=s+t", BadCallback::NoCode),
            ("code=&state=s+t", BadCallback::NoCode),
            (
                "?error=access_denied&state=s+t&code=a&error_description=No%0Aconsent",
                BadCallback::Refused("access_denied: Noconsent".to_owned()),
            ),
        ] {
            assert_eq!(code(text), Err(expected), "{text}");
        }
        // The first one counts, so that appended parameters change nothing.
        assert_eq!(code("code=a&state=s+t&code=b&state=c").as_deref(), Ok("a"));
        for text in ["", "y", "https://claude.ai/oauth/authorize?state=x", "#"] {
            assert!(!Callback::parse(text).is_one(), "{text}");
        }
        let long = format!("code={}&state=s+t", "a".repeat(LONGEST));
        assert_eq!(code(&long), Err(BadCallback::OtherState));
    }

    #[test]
    fn codes_are_not_shown() {
        let callback = Callback::parse("code=very-secret&state=s");
        assert!(!format!("{callback:?}").contains("very-secret"));
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,60}", parameters in "[a-z=&#?%+]{0,40}") {
            for text in [text, parameters] {
                let _ = Callback::parse(&text).code("s");
            }
        }

        #[test]
        fn what_is_encoded_is_read_again(
            value in "[!-~]{1,40}".prop_filter("a # ends a code", |text| !text.contains('#'))
        ) {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                    .to_string()
            };
            let url = format!("http://localhost/?state={}&code={}", encode("s t"), encode(&value));
            prop_assert_eq!(code(&url), Ok(value));
        }
    }
}
