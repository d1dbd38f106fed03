//! Assertions of service accounts.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use holdfast::unversioned::demo::{Authorization, Bearer, Vendor};
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::client::{FORM, ask, encoded};

/// A PKCS#8 key made for this test.
const KEY: &str = include_str!("../fixtures/service_account.pem");

fn assertion(key: &RsaKeyPair, change: &[(&str, Value)], audience: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims = json!({
        "iss": "robot@demo.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": audience,
        "iat": now,
        "exp": now + 3600,
    });
    for (name, value) in change {
        claims[*name] = value.clone();
    }
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": "key"});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn service_accounts_sign_what_they_ask_for() {
    let server = Authorization::start().unwrap();
    let pem: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(pem).unwrap()).unwrap();
    let email = "robot@demo.iam.gserviceaccount.com";
    let uri = server.token_uri(Vendor::Google);
    let present = |assertion: &str| {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let body = encoded(&[("grant_type", grant), ("assertion", assertion)]);
        let headers = [("Content-Type", FORM)];
        ask(server.origin(), "POST", "/token", &headers, &body)
    };
    assert_eq!(
        present(&assertion(&key, &[], &uri)).status,
        400,
        "before it is known"
    );
    server.service_account(email, key.public().as_ref());
    let answer = present(&assertion(&key, &[], &uri));
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["refresh_token"], Value::Null);
    let access = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert!(matches!(server.bearer(&access), Some(Bearer::Valid(person)) if person.email == email));
    for change in [
        ("aud", json!("https://oauth2.googleapis.com/token")),
        ("scope", json!("openid")),
        ("exp", json!(1)),
        ("exp", json!(4_000_000_000_u64)),
        ("iat", json!(4_000_000_000_u64)),
        ("iss", json!("other@demo.iam.gserviceaccount.com")),
    ] {
        let answer = present(&assertion(&key, std::slice::from_ref(&change), &uri));
        assert_eq!(answer.json()["error"], "invalid_grant", "{change:?}");
    }
    let valid = assertion(&key, &[], &uri);
    let (signed, _) = valid.rsplit_once('.').unwrap();
    assert_eq!(present(&format!("{signed}.AAAA")).status, 400);
}
