//! The files in which the vendors' own command-line programs keep their logins. They are only read.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::channel::Channel;
use super::file::{Claims, moment};
use super::login::Login;
use crate::config::Secret;

/// A vendor's program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorProgram {
    /// OpenAI's Codex: `auth.json`.
    Codex,
    /// Google's Gemini CLI: `oauth_creds.json`.
    Gemini,
    /// Moonshot's Kimi CLI: `kimi-code.json`.
    Kimi,
    /// Anthropic's Claude Code: `.credentials.json`.
    Claude,
}

/// Why a file gives no login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLogin {
    /// It is not of the form that the program writes.
    OtherForm,
    /// The program is signed out.
    SignedOut,
    /// The program uses an API key.
    ApiKey,
}

/// Gives the content of a file beside the one that is read, by its relative path.
pub type Beside<'a> = &'a dyn Fn(&str) -> Option<String>;

impl VendorProgram {
    pub const ALL: [Self; 4] = [Self::Codex, Self::Gemini, Self::Kimi, Self::Claude];

    /// The program of a name on the command line.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.name() == name)
    }

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Kimi => "kimi",
            Self::Claude => "claude",
        }
    }

    pub fn channel(self) -> Channel {
        match self {
            Self::Codex => Channel::Codex,
            Self::Gemini => Channel::GeminiCli,
            Self::Kimi => Channel::Kimi,
            Self::Claude => Channel::Claude,
        }
    }

    /// Where the program keeps its login; the first file that exists counts.
    pub fn places(self, variables: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
        let folder = |name: &str| variables(name).map(PathBuf::from);
        let home = |name: &str| folder("HOME").map(|home| home.join(name));
        match self {
            Self::Codex => vec![folder("CODEX_HOME"), home(".codex")],
            Self::Gemini => {
                let own = folder("GEMINI_CLI_HOME").map(|own| own.join(".gemini"));
                vec![own, home(".gemini")]
            }
            Self::Kimi => vec![
                folder("KIMI_CODE_HOME").or_else(|| home(".kimi-code")),
                folder("KIMI_SHARE_DIR").or_else(|| home(".kimi")),
            ],
            Self::Claude => vec![folder("CLAUDE_CONFIG_DIR").or_else(|| home(".claude"))],
        }
        .into_iter()
        .flatten()
        .map(|folder| folder.join(self.file()))
        .collect()
    }

    fn file(self) -> &'static Path {
        Path::new(match self {
            Self::Codex => "auth.json",
            Self::Gemini => "oauth_creds.json",
            Self::Kimi => "credentials/kimi-code.json",
            Self::Claude => ".credentials.json",
        })
    }

    /// Reads the program's login.
    ///
    /// # Errors
    /// [`NoLogin`] when there is none.
    pub fn read(self, content: &[u8], beside: Beside<'_>) -> Result<Login, NoLogin> {
        let json: Value = serde_json::from_slice(content).map_err(|_| NoLogin::OtherForm)?;
        if !json.is_object() {
            return Err(NoLogin::OtherForm);
        }
        match self {
            Self::Codex => codex(&json),
            Self::Gemini => gemini(&json, beside),
            Self::Kimi => kimi(&json, beside),
            Self::Claude => claude(&json, beside),
        }
    }
}

/// A text that is not blank.
fn text(json: &Value, place: &str) -> Option<String> {
    let text = json.pointer(place)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn secret(json: &Value, place: &str) -> Option<Secret> {
    text(json, place).map(Secret::new)
}

/// A login with the tokens at these places. One of the two must be there.
fn tokens(channel: Channel, json: &Value, access: &str, refresh: &str) -> Result<Login, NoLogin> {
    let readable = |place| {
        json.pointer(place)
            .is_none_or(|v| v.is_string() || v.is_null())
    };
    if !readable(access) || !readable(refresh) {
        return Err(NoLogin::OtherForm);
    }
    let (access, refresh) = (secret(json, access), secret(json, refresh));
    if access.is_none() && refresh.is_none() {
        return Err(NoLogin::SignedOut);
    }
    let access = access.unwrap_or_else(|| Secret::new(""));
    Ok(Login {
        expiry: Claims::of(access.reveal()).expiry(),
        refresh,
        ..Login::new(channel, access)
    })
}

fn codex(json: &Value) -> Result<Login, NoLogin> {
    if !json.get("tokens").is_some_and(Value::is_object) {
        return Err(match (text(json, "/OPENAI_API_KEY"), json.get("tokens")) {
            (Some(_), _) => NoLogin::ApiKey,
            (None, None | Some(Value::Null)) => NoLogin::SignedOut,
            (None, Some(_)) => NoLogin::OtherForm,
        });
    }
    let places = ("/tokens/access_token", "/tokens/refresh_token");
    let mut login = tokens(Channel::Codex, json, places.0, places.1)?;
    login.id_token = secret(json, "/tokens/id_token");
    let claims = |token: &Secret| Claims::of(token.reveal());
    let (id, access) = (login.id_token.as_ref().map(claims), claims(&login.access));
    let id = id.unwrap_or_default();
    login.email = id.email().or_else(|| access.email());
    login.plan = id.plan().or_else(|| access.plan());
    let account = text(json, "/tokens/account_id");
    let account = account.or_else(|| id.account_id());
    login.account_id = account.or_else(|| access.account_id());
    Ok(login)
}

fn gemini(json: &Value, beside: Beside<'_>) -> Result<Login, NoLogin> {
    let mut login = tokens(Channel::GeminiCli, json, "/access_token", "/refresh_token")?;
    login.expiry = json.get("expiry_date").and_then(moment);
    let active = || {
        let accounts: Value = serde_json::from_str(&beside("google_accounts.json")?).ok()?;
        text(&accounts, "/active")
    };
    let claimed = || Claims::of(secret(json, "/id_token")?.reveal()).email();
    login.email = active().or_else(claimed);
    Ok(login)
}

fn kimi(json: &Value, beside: Beside<'_>) -> Result<Login, NoLogin> {
    let mut login = tokens(Channel::Kimi, json, "/access_token", "/refresh_token")?;
    login.expiry = json.get("expires_at").and_then(moment).or(login.expiry);
    login.scope = text(json, "/scope");
    let device = beside("../device_id").filter(|id| !id.trim().is_empty());
    login
        .own
        .extend(device.map(|id| ("device_id", id.trim().into())));
    Ok(login)
}

fn claude(json: &Value, beside: Beside<'_>) -> Result<Login, NoLogin> {
    let Some(login) = json.get("claudeAiOauth").filter(|own| !own.is_null()) else {
        return Err(NoLogin::SignedOut);
    };
    if !login.is_object() {
        return Err(NoLogin::OtherForm);
    }
    let plan = text(login, "/subscriptionType");
    let expiry = login.get("expiresAt").and_then(moment);
    let mut login = tokens(Channel::Claude, login, "/accessToken", "/refreshToken")?;
    login.expiry = expiry;
    // Its settings name the account.
    let settings = beside(".claude.json").or_else(|| beside("../.claude.json"));
    let settings = settings.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let settings = settings.unwrap_or_default();
    login.email = text(&settings, "/oauthAccount/emailAddress");
    for (name, place) in [
        ("account_uuid", "/oauthAccount/accountUuid"),
        ("organization_uuid", "/oauthAccount/organizationUuid"),
        ("organization_name", "/oauthAccount/organizationName"),
    ] {
        let found = text(&settings, place);
        login.own.extend(found.map(|text| (name, text.into())));
    }
    login.own.extend(plan.map(|plan| ("plan", plan.into())));
    Ok(login)
}

impl fmt::Display for NoLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherForm => "it is not of the form that the program writes",
            Self::SignedOut => "the program is signed out",
            Self::ApiKey => "the program uses an API key, no login",
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::time;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn jwt(claims: &Value) -> String {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
        format!("e30.{claims}.x")
    }

    fn read(program: VendorProgram, json: &Value) -> Result<Login, NoLogin> {
        program.read(json.to_string().as_bytes(), &nothing)
    }

    #[test]
    fn codex_is_read() {
        let id_token = jwt(&json!({
            "email": "a@example.com",
            "https://api.openai.com/auth": {
                "chatgpt_plan_type": "Plus",
                "chatgpt_account_id": "claimed",
            },
        }));
        let access = jwt(&json!({"exp": 1_776_421_800}));
        let mut file = json!({
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": null,
            "tokens": {
                "id_token": id_token,
                "access_token": access,
                "refresh_token": "r",
                "account_id": "own",
            },
            "last_refresh": "2026-04-17T10:30:00Z",
        });
        let login = read(VendorProgram::Codex, &file).unwrap();
        assert_eq!(login.email.as_deref(), Some("a@example.com"));
        assert_eq!(login.plan.as_deref(), Some("plus"));
        assert_eq!(login.account_id.as_deref(), Some("own"));
        assert_eq!(login.expiry, time::unix(1_776_421_800.0));
        file["tokens"]["account_id"] = Value::Null;
        let login = read(VendorProgram::Codex, &file).unwrap();
        assert_eq!(login.account_id.as_deref(), Some("claimed"));
    }

    #[test]
    fn gemini_is_read() {
        let file = json!({
            "access_token": "ya29.a",
            "refresh_token": "1//r",
            "scope": "openid",
            "token_type": "Bearer",
            "id_token": jwt(&json!({"email": "claimed@example.com"})),
            "expiry_date": 1_776_421_800_123.4,
        });
        let login = read(VendorProgram::Gemini, &file).unwrap();
        assert_eq!(login.email.as_deref(), Some("claimed@example.com"));
        assert_eq!(login.expiry, time::unix(1_776_421_800.123_4));
        let beside = |name: &str| {
            let accounts = r#"{"active": "active@example.com", "old": []}"#;
            (name == "google_accounts.json").then(|| accounts.to_owned())
        };
        let login = VendorProgram::Gemini.read(file.to_string().as_bytes(), &beside);
        let email = login.unwrap().email;
        assert_eq!(email.as_deref(), Some("active@example.com"));
    }

    #[test]
    fn kimi_is_read() {
        let file = json!({
            "access_token": "a",
            "refresh_token": "r",
            "expires_at": 1_776_421_800.5,
            "scope": "kimi-code",
            "token_type": "Bearer",
        });
        let beside = |name: &str| (name == "../device_id").then(|| "device\n".to_owned());
        let login = VendorProgram::Kimi.read(file.to_string().as_bytes(), &beside);
        let login = login.unwrap();
        assert_eq!(login.own, [("device_id", json!("device"))]);
        assert_eq!(login.expiry, time::unix(1_776_421_800.5));
        assert_eq!(login.scope.as_deref(), Some("kimi-code"));
    }

    #[test]
    fn claude_is_read() {
        let file = json!({"claudeAiOauth": {
            "accessToken": "sk-ant-oat01-a",
            "refreshToken": "sk-ant-ort01-r",
            "expiresAt": 1_776_421_800_000_u64,
            "scopes": ["user:inference"],
            "subscriptionType": "max",
        }});
        let beside = |name: &str| {
            let account = json!({"emailAddress": "a@example.com", "organizationUuid": "o"});
            (name == "../.claude.json").then(|| json!({"oauthAccount": account}).to_string())
        };
        let login = VendorProgram::Claude.read(file.to_string().as_bytes(), &beside);
        let login = login.unwrap();
        assert_eq!(login.email.as_deref(), Some("a@example.com"));
        let own = [("organization_uuid", json!("o")), ("plan", json!("max"))];
        assert_eq!(login.own, own);
        assert_eq!(login.expiry, time::unix(1_776_421_800.0));
    }

    #[test]
    fn what_is_no_login_is_told_apart() {
        use NoLogin::{ApiKey, OtherForm, SignedOut};
        use VendorProgram::{Claude, Codex, Gemini, Kimi};
        for (program, file, expected) in [
            (Codex, json!({"OPENAI_API_KEY": "sk-x"}), ApiKey),
            (
                Codex,
                json!({"OPENAI_API_KEY": "sk-x", "tokens": null}),
                ApiKey,
            ),
            (
                Codex,
                json!({"OPENAI_API_KEY": null, "tokens": null}),
                SignedOut,
            ),
            (Codex, json!({}), SignedOut),
            (Codex, json!({"tokens": []}), OtherForm),
            (Codex, json!({"tokens": {}}), SignedOut),
            (Codex, json!({"tokens": {"access_token": 5}}), OtherForm),
            (
                Gemini,
                json!({"access_token": "", "refresh_token": " "}),
                SignedOut,
            ),
            (Gemini, json!({"access_token": {}}), OtherForm),
            (
                Kimi,
                json!({"access_token": "", "refresh_token": ""}),
                SignedOut,
            ),
            (Claude, json!({}), SignedOut),
            (Claude, json!({"claudeAiOauth": null}), SignedOut),
            (Claude, json!({"claudeAiOauth": "text"}), OtherForm),
            (
                Claude,
                json!({"claudeAiOauth": {"accessToken": ""}}),
                SignedOut,
            ),
        ] {
            assert_eq!(read(program, &file), Err(expected), "{program:?} {file}");
        }
        for program in VendorProgram::ALL {
            for content in ["", "[]", "null", "\"a\"", "{", "{}x"] {
                let read = program.read(content.as_bytes(), &nothing);
                assert_eq!(read, Err(OtherForm), "{program:?} {content}");
            }
        }
    }

    #[test]
    fn files_are_where_the_programs_put_them() {
        let places = |program: VendorProgram, variables: &[(&str, &str)]| {
            let look_up = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let places = program.places(&look_up);
            let shown: Vec<String> = places.iter().map(|p| p.display().to_string()).collect();
            shown.join(" ")
        };
        use VendorProgram::{Claude, Codex, Gemini, Kimi};
        for (program, variables, expected) in [
            (Codex, &[("HOME", "/h")][..], "/h/.codex/auth.json"),
            (
                Codex,
                &[("HOME", "/h"), ("CODEX_HOME", "/c")],
                "/c/auth.json /h/.codex/auth.json",
            ),
            (
                Gemini,
                &[("HOME", "/h"), ("GEMINI_CLI_HOME", "/g")],
                "/g/.gemini/oauth_creds.json /h/.gemini/oauth_creds.json",
            ),
            (
                Kimi,
                &[("HOME", "/h"), ("KIMI_SHARE_DIR", "/k")],
                "/h/.kimi-code/credentials/kimi-code.json /k/credentials/kimi-code.json",
            ),
            (
                Claude,
                &[("HOME", "/h"), ("CLAUDE_CONFIG_DIR", "/c")],
                "/c/.credentials.json",
            ),
            (Claude, &[("HOME", "/h")], "/h/.claude/.credentials.json"),
            (Claude, &[], ""),
        ] {
            assert_eq!(places(program, variables), expected, "{program:?}");
        }
    }

    proptest! {
        #[test]
        fn any_content_is_read(content in "\\PC{0,60}", member in "[a-zA-Z_]{1,16}") {
            for program in VendorProgram::ALL {
                let _ = program.read(content.as_bytes(), &nothing);
                for value in [json!(1), json!([{}]), json!({"access_token": [1]})] {
                    let _ = read(program, &json!({&member: value}));
                }
            }
        }
    }
}
