//! Claims of JSON Web Tokens (RFC 7519). Signatures are not checked: the tokens come from the operator's own files and
//! from the vendor's endpoints, and only name the account.

use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::expiry::moment;

/// The most bytes of a token that is read.
const LARGEST: usize = 64 << 10;
/// The members of OpenAI's tokens about its accounts.
const OPENAI_AUTH: &str = "https://api.openai.com/auth";
const OPENAI_PROFILE: &str = "https://api.openai.com/profile";

/// The claims of a token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims(Value);

impl Claims {
    /// The claims of `token`; none if it is no JWT.
    pub fn of(token: &str) -> Self {
        let claims = || {
            let token = token.trim();
            if token.len() > LARGEST {
                return None;
            }
            let mut parts = token.split('.');
            let (_, claims) = (parts.next()?, parts.next()?);
            let _signature = parts.next()?;
            if parts.next().is_some() {
                return None;
            }
            let claims = BASE64_URL_SAFE_NO_PAD
                .decode(claims.trim_end_matches('='))
                .ok()?;
            serde_json::from_slice::<Value>(&claims).ok()
        };
        Self(claims().filter(Value::is_object).unwrap_or_default())
    }

    fn text(&self, value: Option<&Value>) -> Option<String> {
        let text = value?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// `exp`.
    pub fn expiry(&self) -> Option<SystemTime> {
        moment(self.0.get("exp")?)
    }

    /// `email`, also in OpenAI's place.
    pub fn email(&self) -> Option<String> {
        let openai = || self.0.get(OPENAI_PROFILE)?.get("email");
        self.text(self.0.get("email").or_else(openai))
    }

    /// OpenAI: the account.
    pub fn account_id(&self) -> Option<String> {
        self.text(self.0.get(OPENAI_AUTH)?.get("chatgpt_account_id"))
    }

    /// OpenAI: the plan, in lower case, with runs of other characters as hyphens.
    pub fn plan(&self) -> Option<String> {
        let plan = self.text(self.0.get(OPENAI_AUTH)?.get("chatgpt_plan_type"))?;
        let words = plan
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty());
        let plan = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
        (!plan.is_empty()).then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn token(claims: &Value) -> String {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.x")
    }

    #[test]
    fn claims_are_read() {
        let claims = Claims::of(&token(&json!({
            "exp": 1_776_421_800,
            OPENAI_AUTH: {"chatgpt_account_id": "acc", "chatgpt_plan_type": "Team  Plus!"},
            OPENAI_PROFILE: {"email": "a@b.example"},
        })));
        assert_eq!(claims.email().as_deref(), Some("a@b.example"));
        assert_eq!(claims.account_id().as_deref(), Some("acc"));
        assert_eq!(claims.plan().as_deref(), Some("team-plus"));
        assert_eq!(claims.expiry(), crate::time::unix(1_776_421_800.0));
    }

    #[test]
    fn other_texts_have_no_claims() {
        for text in [
            "",
            "a.b",
            "a.b.c.d",
            "e30.W10.x",
            "e30.!!.x",
            "sk-ant-oat01-x",
            "..",
        ] {
            assert_eq!(Claims::of(text), Claims::default(), "{text}");
        }
        assert_eq!(Claims::of(&token(&json!({"email": 5}))).email(), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}", claims in "\\PC{0,40}") {
            let _ = Claims::of(&text);
            let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
            let claims = Claims::of(&format!("a.{claims}.c"));
            let _ = (claims.email(), claims.plan(), claims.account_id(), claims.expiry());
        }
    }
}
