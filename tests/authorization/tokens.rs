//! Codes, devices, refresh tokens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use holdfast::unversioned::demo::{
    Authorization, Bearer, Gate, Person, TokenScript, TokenStep, Upstreams, Vendor,
};
use serde_json::{Value, json};

use super::client::{
    FORM, JSON, PATIENCE, WITH_BROWSER, ask, authorize, code, exchange, refresh, token,
};

#[test]
fn codes_are_exchanged_once_by_who_asked_for_them() {
    let server = Authorization::start().unwrap();
    for vendor in WITH_BROWSER {
        let issued = code(&server, vendor);
        let answer = exchange(&server, vendor, &issued, ("", ""));
        assert_eq!(answer.status, 200, "{vendor:?} {}", answer.body);
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        let Some(Bearer::Valid(person)) = server.bearer(&access) else {
            panic!("{vendor:?}");
        };
        assert_eq!(person.email, "a@example.com");
        assert_eq!(
            exchange(&server, vendor, &issued, ("", "")).status,
            400,
            "{vendor:?}"
        );
        for change in [
            ("redirect_uri", "http://localhost:1/other"),
            (
                "code_verifier",
                "another-verifier-of-more-than-forty-three-chars",
            ),
        ] {
            let issued = code(&server, vendor);
            let answer = exchange(&server, vendor, &issued, change);
            assert_eq!(answer.status, 400, "{vendor:?} {change:?}");
            assert_eq!(answer.json()["error"], "invalid_grant");
        }
        let issued = code(&server, vendor);
        let other = exchange(&server, vendor, &issued, ("state", "another"));
        assert_eq!(other.status == 200, vendor != Vendor::Claude, "{vendor:?}");
    }
}

#[test]
fn the_browser_is_sent_back_to_the_client_only() {
    let server = Authorization::start().unwrap();
    for vendor in WITH_BROWSER {
        server.sign_in(vendor, Person::new("a@example.com"));
        let place = match vendor {
            Vendor::Iflow => "redirect",
            _ => "redirect_uri",
        };
        for uri in [
            "https://evil.example/callback",
            "http://localhost.evil.example:1/callback",
            "",
        ] {
            assert_eq!(
                authorize(&server, vendor, &[(place, uri)]).status,
                400,
                "{vendor:?} {uri}"
            );
        }
        assert_eq!(
            authorize(&server, vendor, &[("client_id", "nobody")]).status,
            400
        );
        let weak = [("code_challenge_method", "plain")];
        assert_eq!(
            authorize(&server, vendor, &weak).sent_back()["error"],
            "invalid_request"
        );
    }
    server.refuse_consent();
    for vendor in WITH_BROWSER {
        let sent_back = authorize(&server, vendor, &[]).sent_back();
        assert_eq!(sent_back["error"], "access_denied");
        assert_eq!(sent_back["state"], "a state");
    }
}

#[test]
fn refresh_tokens_rotate_where_the_vendor_rotates_them() {
    let server = Authorization::start().unwrap();
    for vendor in Vendor::ALL {
        let person = Person::new("a@example.com");
        let tokens = server.issue(vendor, vendor.client().0, person, None);
        let first = refresh(&server, vendor, &tokens.refresh);
        assert_eq!(first.status, 200, "{vendor:?} {}", first.body);
        let access = first.json()["access_token"].as_str().unwrap().to_owned();
        assert_ne!(access, tokens.access);
        assert!(matches!(server.bearer(&access), Some(Bearer::Valid(_))));
        let again = refresh(&server, vendor, &tokens.refresh);
        match first.json()["refresh_token"].as_str() {
            None => {
                assert_eq!(vendor, Vendor::Google);
                assert_eq!(again.status, 200);
            }
            Some(new) => {
                assert!(matches!(again.status, 400 | 401), "{vendor:?}");
                let known = ["invalid_grant", "refresh_token_reused"];
                assert!(
                    known.iter().any(|word| again.body.contains(word)),
                    "{}",
                    again.body
                );
                assert_eq!(refresh(&server, vendor, new).status, 200, "{vendor:?}");
            }
        }
        server.revoke("a@example.com");
        assert!(matches!(server.bearer(&access), Some(Bearer::Revoked(_))));
    }
    let calls = server.calls();
    assert!(calls.iter().all(|call| call.account == "a@example.com"));
    assert!(
        calls
            .iter()
            .all(|call| call.grant == "refresh_token" && call.status.is_some())
    );
    assert_eq!(server.most_at_once(), 1);
}

#[test]
fn clients_and_forms_are_checked() {
    let server = Authorization::start().unwrap();
    for vendor in Vendor::ALL {
        let person = Person::new("a@example.com");
        server.register(vendor, "other", None);
        let tokens = server.issue(vendor, "other", person, None);
        let answer = refresh(&server, vendor, &tokens.refresh);
        assert!(
            matches!(answer.status, 400 | 401),
            "{vendor:?} of another client"
        );
        let path = vendor.token_path();
        let headers = [("Content-Type", "text/plain"), ("X-Msh-Device-Id", "d")];
        let answer = ask(
            server.origin(),
            "POST",
            path,
            &headers,
            "client_id=demo-kimi",
        );
        assert_eq!(answer.status, 401, "{vendor:?}");
    }
    for vendor in [Vendor::Google, Vendor::Iflow] {
        let headers = [("Content-Type", FORM)];
        let body = format!("grant_type=refresh_token&client_id={}", vendor.client().0);
        let answer = ask(
            server.origin(),
            "POST",
            vendor.token_path(),
            &headers,
            &body,
        );
        assert_eq!(
            answer.json()["error"],
            "invalid_client",
            "{vendor:?} without its secret"
        );
    }
}

#[test]
fn scripts_delay_fail_and_shorten() {
    let server = Authorization::start().unwrap();
    let issue = |email| {
        let client = Vendor::Codex.client().0;
        server
            .issue(Vendor::Codex, client, Person::new(email), None)
            .refresh
    };
    let (a, b) = (issue("a@example.com"), issue("b@example.com"));
    let gate = Gate::default();
    server.script("a@example.com", TokenScript::once(TokenStep::held(&gate)));
    thread::scope(|scope| {
        let held = scope.spawn(|| refresh(&server, Vendor::Codex, &a));
        assert!(server.wait_for(PATIENCE, |calls| calls.len() == 1));
        assert_eq!(refresh(&server, Vendor::Codex, &b).status, 200);
        assert_eq!(server.calls()[0].status, None);
        gate.open();
        assert_eq!(held.join().unwrap().status, 200);
    });
    assert_eq!(server.most_at_once(), 2);
    let c = issue("c@example.com");
    let unwell = TokenStep::status(503, "{}").header("Retry-After", "7");
    let script = TokenScript::once(unwell)
        .then(TokenStep::lifetime(5))
        .then(TokenStep::without(&["expires_in", "id_token"]))
        .then(TokenStep::status(502, "").after_issue());
    server.script("", script);
    let answer = refresh(&server, Vendor::Codex, &c);
    assert_eq!((answer.status, &*answer.headers["retry-after"]), (503, "7"));
    let answer = refresh(&server, Vendor::Codex, &c).json();
    assert_eq!(answer["expires_in"], 5);
    let answer = refresh(
        &server,
        Vendor::Codex,
        answer["refresh_token"].as_str().unwrap(),
    )
    .json();
    assert_eq!(
        (&answer["expires_in"], &answer["id_token"]),
        (&Value::Null, &Value::Null)
    );
    let last = answer["refresh_token"].as_str().unwrap();
    assert_eq!(refresh(&server, Vendor::Codex, last).status, 502);
    let answer = refresh(&server, Vendor::Codex, last);
    assert_eq!(answer.json()["error"]["code"], "refresh_token_reused");
}

#[test]
fn devices_wait_for_their_users() {
    for is_refused in [false, true] {
        let server = Authorization::start().unwrap();
        if is_refused {
            server.refuse_consent();
        }
        server.sign_in(Vendor::Kimi, Person::new("a@example.com"));
        let path = "/api/oauth/device_authorization";
        let headers = [("Content-Type", FORM), ("X-Msh-Device-Id", "device")];
        let device = ask(
            server.origin(),
            "POST",
            path,
            &headers,
            "client_id=demo-kimi",
        )
        .json();
        let parameters = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("device_code", device["device_code"].as_str().unwrap()),
        ];
        let poll = || token(&server, Vendor::Kimi, &parameters);
        let pending = poll();
        assert_eq!(
            (pending.status, &pending.json()["error"]),
            (200, &json!("authorization_pending"))
        );
        let page = device["verification_uri_complete"].as_str().unwrap();
        let target = page.strip_prefix(server.origin()).unwrap();
        assert_eq!(ask(server.origin(), "GET", target, &[], "").status, 200);
        let decided = poll().json();
        match is_refused {
            true => assert_eq!(decided["error"], "access_denied"),
            false => assert!(
                server
                    .bearer(decided["access_token"].as_str().unwrap())
                    .is_some()
            ),
        }
        assert_eq!(poll().json()["error"] == "expired_token", !is_refused);

        server.sign_in(Vendor::Codex, Person::new("a@example.com"));
        let headers = [("Content-Type", JSON)];
        let post = |path: &str, body: &Value| {
            ask(server.origin(), "POST", path, &headers, &body.to_string())
        };
        let folder = "/api/accounts/deviceauth";
        let device = post(
            &format!("{folder}/usercode"),
            &json!({"client_id": "demo-codex"}),
        )
        .json();
        let user_code = device["user_code"].as_str().unwrap();
        let question = json!({"device_auth_id": device["device_auth_id"], "user_code": user_code});
        let poll = || post(&format!("{folder}/token"), &question);
        assert_eq!(poll().status, 403);
        let target = format!("/codex/device?user_code={user_code}");
        assert_eq!(ask(server.origin(), "GET", &target, &[], "").status, 200);
        let decided = poll();
        if is_refused {
            assert_eq!(decided.status, 400);
            continue;
        }
        let decided = decided.json();
        let redirect = format!("{}/deviceauth/callback", server.origin());
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", decided["authorization_code"].as_str().unwrap()),
            ("code_verifier", decided["code_verifier"].as_str().unwrap()),
            ("redirect_uri", &redirect),
        ];
        assert_eq!(token(&server, Vendor::Codex, &parameters).status, 200);
    }
}

#[test]
fn iflow_has_keys_for_tokens_and_for_cookies() {
    let server = Authorization::start().unwrap();
    let person = Person::new("a@example.com");
    let tokens = server.issue(Vendor::Iflow, "demo-iflow", person.clone(), None);
    let target = format!("/api/oauth/getUserInfo?accessToken={}", tokens.access);
    let answer = ask(server.origin(), "GET", &target, &[], "").json();
    assert!(
        server
            .bearer(answer["data"]["apiKey"].as_str().unwrap())
            .is_some()
    );
    server.cookie("session", person);
    let path = "/api/openapi/apikey";
    for (cookie, is_known) in [("BXAuth=session; other=1", true), ("BXAuth=else", false)] {
        let headers = [("Cookie", cookie), ("Content-Type", JSON)];
        let answer = ask(server.origin(), "GET", path, &headers, "");
        assert_eq!(answer.json()["success"], is_known);
        let body = r#"{"name":"a@example.com"}"#;
        let answer = ask(server.origin(), "POST", path, &headers, body).json();
        let key = answer["data"]["apiKey"].as_str().unwrap_or_default();
        assert_eq!(server.bearer(key).is_some(), is_known);
    }
}

#[test]
fn upstreams_take_its_tokens_while_they_are_valid() {
    let server = Authorization::start().unwrap();
    let upstreams = Upstreams::start().unwrap();
    upstreams.require_tokens(server.tokenry());
    let tokens = server.issue(
        Vendor::Claude,
        "demo-claude",
        Person::new("a@example.com"),
        None,
    );
    let bearer = format!("Bearer {}", tokens.access);
    let message =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let origin = format!("http://{}", upstreams.address());
    let call = |bearer: &str| {
        let headers = [
            ("Authorization", bearer),
            ("anthropic-version", "2023-06-01"),
            ("Content-Type", JSON),
        ];
        // The demo's upstreams keep connections open, so that their length ends an answer.
        let address = origin.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let body = message.to_string();
        let mut head = format!(
            "POST /v1/messages HTTP/1.1\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        stream
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    assert!(call(&bearer).starts_with("HTTP/1.1 200"));
    assert!(call("Bearer a-key").starts_with("HTTP/1.1 200"));
    server.expire("a@example.com");
    assert!(call(&bearer).contains("OAuth token has expired"));
    server.revoke_access("a@example.com");
    assert!(call(&bearer).starts_with("HTTP/1.1 403"));
    let keys: Vec<String> = upstreams
        .records()
        .into_iter()
        .map(|record| record.key)
        .collect();
    assert_eq!(
        keys,
        ["a@example.com", "a-key", "a@example.com", "a@example.com"]
    );
}
