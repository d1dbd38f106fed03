use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Map, Value, json};

use super::*;
use crate::config::{HeaderValueSource, ProxySetting};
use crate::credential::channel::Channel;

const KEY_FILE: &str = include_str!("../../../tests/fixtures/service_account.json");
const PKCS1: &str = include_str!("../../../tests/fixtures/service_account.pkcs1.pem");

fn file(content: &Value) -> CredentialFile {
    read("a.json", content.to_string().as_bytes()).unwrap()
}

fn key_file() -> Map<String, Value> {
    serde_json::from_str(KEY_FILE).unwrap()
}

/// A JWT without a signature.
fn jwt(claims: &Value) -> String {
    format!(
        "e30.{}.x",
        BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

#[test]
fn the_shape_of_every_channel_is_read() {
    let token = json!({"access_token": "a", "refresh_token": "r", "expiry": "2026-04-17T10:30:00Z", "client_id": "c", "client_secret": "s", "token_uri": "https://t.example/t"});
    for (content, channel, access, refresh, has_client) in [
        (
            json!({"type": "claude", "id_token": "", "access_token": "a", "refresh_token": "r", "email": "m@x.example", "expired": "2026-04-17T10:30:00Z"}),
            Channel::Claude,
            "a",
            "r",
            false,
        ),
        (
            json!({"type": "codex", "access_token": "a", "refresh_token": "r", "account_id": "acc"}),
            Channel::Codex,
            "a",
            "r",
            false,
        ),
        (
            json!({"type": "gemini", "email": "m@x.example", "project_id": "p1", "token": token}),
            Channel::GeminiCli,
            "a",
            "r",
            true,
        ),
        (
            json!({"type": "Gemini", "access_token": "a", "refresh_token": "r", "expiry": "2026-04-17T10:30:00Z"}),
            Channel::GeminiCli,
            "a",
            "r",
            false,
        ),
        (
            json!({"type": "antigravity", "access_token": "a", "refresh_token": "r", "expires_in": 3599, "timestamp": 1_776_421_800_000_u64}),
            Channel::Antigravity,
            "a",
            "r",
            false,
        ),
        (
            json!({"type": "kimi", "access_token": "a", "refresh_token": "r", "device_id": "d"}),
            Channel::Kimi,
            "a",
            "r",
            false,
        ),
        (
            json!({"type": "iflow", "access_token": "a", "refresh_token": "r", "api_key": "k"}),
            Channel::Iflow,
            "a",
            "r",
            false,
        ),
    ] {
        let file = file(&content);
        assert_eq!(file.channel(), Some(channel), "{content}");
        let secret = |secret: &Option<crate::config::Secret>| {
            secret.as_ref().map(|secret| secret.reveal().to_owned())
        };
        assert_eq!(secret(&file.tokens.access).as_deref(), Some(access));
        assert_eq!(secret(&file.tokens.refresh).as_deref(), Some(refresh));
        assert_eq!(file.tokens.client.id.is_some(), has_client, "{content}");
        assert_eq!(file.settings.unusable, None, "{content}");
    }
}

#[test]
fn the_settings_are_read() {
    let settings = file(&json!({
        "type": "claude",
        "access_token": "a",
        "label": " mine ",
        "email": "m@x.example",
        "prefix": "/team/",
        "proxy-url": "socks5://h:1",
        "headers": {"X-A": "b", "x-a": "c", "X-From": "$X-Client", "bad name": "x", "X-Odd": 5},
        "excluded_models": ["A-*", " a-* ", "b"],
        "priority": "3.9",
        "weight": 2_000_000,
        "disable-cooling": "true",
        "request_retry": 2,
        "disabled": 1,
        "note": "n",
        "base-url": "https://h.example/x/",
        "websockets": "yes",
    }))
    .settings;
    assert_eq!(
        (&*settings.label, settings.prefix.as_deref()),
        ("mine", Some("team"))
    );
    assert!(matches!(settings.proxy, ProxySetting::Url(_)));
    assert_eq!(settings.excluded_models, ["a-*", "b"]);
    assert_eq!(
        (settings.priority, settings.tuning.weight),
        (3, Some(1_000_000))
    );
    assert_eq!(settings.tuning.disable_cooling, Some(true));
    assert_eq!(settings.tuning.request_retry, Some(2));
    assert!(settings.is_disabled && settings.websockets);
    assert_eq!(settings.base_url.as_deref(), Some("https://h.example/x"));
    let headers: Vec<&str> = settings.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(headers.len(), 2, "{headers:?}");
    assert!(settings.headers.iter().any(
        |(_, source)| matches!(source, HeaderValueSource::Client(name) if name == "X-Client")
    ));
}

#[test]
fn accounts_are_named_by_tokens_where_the_file_does_not() {
    let claims = json!({
        "email": "m@x.example",
        "https://api.openai.com/auth": {"chatgpt_account_id": "acc", "chatgpt_plan_type": "Team"},
    });
    let settings =
        file(&json!({"type": "codex", "access_token": "a", "id_token": jwt(&claims)})).settings;
    assert_eq!(settings.email.as_deref(), Some("m@x.example"));
    assert_eq!(settings.account_id.as_deref(), Some("acc"));
    assert_eq!(settings.plan.as_deref(), Some("team"));
    let by_access = file(&json!({"type": "codex", "access_token": jwt(&claims)})).settings;
    assert_eq!(by_access.account_id.as_deref(), Some("acc"));
}

#[test]
fn projects_are_listed_once() {
    let projects = |value: Value| file(&value).settings.projects;
    let gemini = |key: &str, value: Value| {
        let mut content = json!({"type": "gemini", "access_token": "a"});
        content[key] = value;
        content
    };
    assert_eq!(
        projects(gemini("project_id", json!("p1, p2,p1,"))),
        ["p1", "p2"]
    );
    assert_eq!(projects(gemini("project", json!("p"))), ["p"]);
    assert!(projects(gemini("project_id", json!(""))).is_empty());
    let mut vertex = json!({"type": "vertex", "service_account": key_file()});
    assert_eq!(projects(vertex.clone()), ["demo-project"]);
    vertex["project_id"] = json!("other");
    assert_eq!(projects(vertex), ["other"]);
}

#[test]
fn regions_are_parts_of_host_names() {
    let why = |location: &Value| {
        let content =
            json!({"type": "vertex", "service_account": key_file(), "location": location});
        file(&content).settings.unusable
    };
    let longest = "r".repeat(52);
    for usable in [
        "global",
        "us-central1",
        "EU-West4",
        "",
        " global ",
        &longest,
    ] {
        assert_eq!(why(&json!(usable)), None, "{usable:?}");
    }
    let longer = "r".repeat(53);
    for unusable in [
        "evil.example/",
        "a.b",
        "a b",
        "a/b",
        "a@b",
        "-a",
        "ü",
        "us_central1",
        "a:1",
        &longer,
    ] {
        assert_eq!(
            why(&json!(unusable)),
            Some("`location` is not a region"),
            "{unusable:?}"
        );
    }
    // Only Vertex AI has regions.
    let other = json!({"type": "gemini", "access_token": "a", "location": "a b"});
    assert_eq!(file(&other).settings.unusable, None);
}

#[test]
fn service_accounts_sign_what_google_verifies() {
    let wrapped = file(&json!({"type": "vertex", "service_account": key_file()}));
    let bare = read("key.json", KEY_FILE.as_bytes()).unwrap();
    assert_eq!(bare.channel(), Some(Channel::Vertex));
    let mut variants = vec![wrapped, bare];
    let pem = key_file()["private_key"].as_str().unwrap().to_owned();
    for damaged in [
        PKCS1.to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace('\n', " "),
        pem.replace('\n', "\u{1b}[0m\n"),
    ] {
        let mut account = key_file();
        account.insert("private_key".to_owned(), json!(damaged));
        variants.push(file(&json!({"type": "vertex", "service_account": account})));
    }
    let der = base64::prelude::BASE64_STANDARD
        .decode(
            PKCS1
                .lines()
                .filter(|line| !line.starts_with('-'))
                .collect::<String>(),
        )
        .unwrap();
    let key = RsaKeyPair::from_der(&der).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for variant in variants {
        let account = variant.tokens.service_account.expect("a service account");
        let assertion = account.assertion("https://t.example/token", now).unwrap();
        let (signed, signature) = assertion.reveal().rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        public.verify(signed.as_bytes(), &signature).unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let read = |part: &str| -> Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(
            read(header),
            json!({"alg": "RS256", "typ": "JWT", "kid": "demo-key-1"})
        );
        let claims = read(claims);
        assert_eq!(claims["aud"], "https://t.example/token");
        assert_eq!(claims["iss"], "gateway@demo-project.iam.example");
        assert_eq!(
            claims["scope"],
            "https://www.googleapis.com/auth/cloud-platform"
        );
        assert_eq!(
            (&claims["iat"], &claims["exp"]),
            (&json!(1_700_000_000), &json!(1_700_003_600))
        );
    }
}

#[test]
fn what_is_no_credential_is_told_apart() {
    for (content, expected) in [
        ("", Unreadable::Empty),
        (" \n", Unreadable::Empty),
        ("[]", Unreadable::NotAnObject),
        ("{", Unreadable::NotAnObject),
        ("null", Unreadable::NotAnObject),
        ("{}", Unreadable::NoType),
        (r#"{"type": " "}"#, Unreadable::NoType),
        (r#"{"type": 5}"#, Unreadable::NoType),
    ] {
        assert_eq!(
            read("a.json", content.as_bytes()),
            Err(expected),
            "{content}"
        );
    }
    let other = file(&json!({"type": "qwen"}));
    assert_eq!(other.kind, FileKind::Other("qwen".to_owned()));
    let marked = read(
        "a.json",
        b"\xef\xbb\xbf{\"type\": \"kimi\", \"access_token\": \"a\"}",
    );
    assert_eq!(marked.unwrap().channel(), Some(Channel::Kimi));
}

#[test]
fn secrets_are_not_shown() {
    let content = json!({
        "type": "vertex",
        "access_token": "secret-a",
        "refresh_token": "secret-r",
        "id_token": "secret-i",
        "api_key": "secret-k",
        "cookie": "secret-c",
        "client_secret": "secret-s",
        "headers": {"X-Key": "secret-h"},
        "proxy_url": "http://user:secret-p@h:1",
        "service_account": key_file(),
    });
    let shown = format!("{:?}", file(&content));
    assert!(
        !shown.contains("secret-") && !shown.contains("PRIVATE"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn any_content_is_read_without_a_panic(
        kind in prop::sample::select(vec!["claude", "codex", "gemini", "vertex", "service_account", "antigravity", "kimi", "iflow", "x"]),
        members in prop::collection::vec(
            (
                prop::sample::select(vec!["access_token", "refresh_token", "expired", "expires_in", "timestamp", "token", "project_id", "headers", "priority", "weight", "service_account", "private_key", "proxy_url", "base_url", "excluded_models", "refresh_interval", "disabled", "id_token"]),
                prop_oneof![
                    "\\PC{0,12}".prop_map(Value::from),
                    any::<i64>().prop_map(Value::from),
                    any::<f64>().prop_map(Value::from),
                    any::<bool>().prop_map(Value::from),
                    Just(Value::Null),
                    Just(json!({"access_token": 5, "expiry": [], "X": "y"})),
                    Just(json!(["a", 5, null])),
                ],
            ),
            0..8,
        ),
    ) {
        let mut content = Map::new();
        content.insert("type".to_owned(), json!(kind));
        content.extend(members.into_iter().map(|(key, value)| (key.to_owned(), value)));
        let file = file(&Value::from(content));
        let _ = (file.tokens.is_expired(SystemTime::now(), Duration::MAX), file.tokens.bearer());
    }
}
