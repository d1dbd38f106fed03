//! Calls the authorization server.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use holdfast::unversioned::demo::{Authorization, Person, Vendor};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const FORM: &str = "application/x-www-form-urlencoded";
pub const JSON: &str = "application/json";
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// The parameters with which the browser is sent back.
    pub fn sent_back(&self) -> HashMap<String, String> {
        let location = &self.headers["location"];
        let (_, query) = location.split_once('?').unwrap();
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded.unwrap().into_owned()
        };
        pairs
            .map(|(name, value)| (name.to_owned(), decode(value)))
            .collect()
    }
}

pub fn ask(
    origin: &str,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let address = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{head}\r\n{body}").as_bytes())
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    Answer {
        status: status.parse().unwrap(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

pub fn encoded(parameters: &[(&str, &str)]) -> String {
    let encode =
        |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let pairs = parameters.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.join("&")
}

/// Calls the token endpoint in the form of the vendor, with the client that is known from the start.
pub fn token(server: &Authorization, vendor: Vendor, parameters: &[(&str, &str)]) -> Answer {
    let (client, secret) = vendor.client();
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{client}:{}", secret.unwrap_or_default()))
    );
    let mut all = parameters.to_vec();
    all.push(("client_id", client));
    all.extend(secret.map(|secret| ("client_secret", secret)));
    let (kind, body) = match vendor {
        Vendor::Claude => {
            let members: HashMap<&str, &str> = all.into_iter().collect();
            (JSON, json!(members).to_string())
        }
        _ => (FORM, encoded(&all)),
    };
    let mut headers = vec![("Content-Type", kind)];
    match vendor {
        Vendor::Iflow => headers.push(("Authorization", &*basic)),
        Vendor::Kimi => headers.push(("X-Msh-Device-Id", "device")),
        _ => {}
    }
    ask(
        server.origin(),
        "POST",
        vendor.token_path(),
        &headers,
        &body,
    )
}

pub fn refresh(server: &Authorization, vendor: Vendor, refresh_token: &str) -> Answer {
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
    ];
    token(server, vendor, &parameters)
}

pub fn redirect(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Claude => "http://localhost:54545/callback",
        Vendor::Codex => "http://localhost:1455/auth/callback",
        Vendor::Google => "http://localhost:8085/oauth2callback",
        _ => "http://localhost:11451/oauth2callback",
    }
}

pub const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters";

pub fn authorize(server: &Authorization, vendor: Vendor, change: &[(&str, &str)]) -> Answer {
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()));
    let place = match vendor {
        Vendor::Iflow => "redirect",
        _ => "redirect_uri",
    };
    let mut parameters = vec![
        ("client_id", vendor.client().0),
        ("response_type", "code"),
        (place, redirect(vendor)),
        ("state", "a state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in change {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    let path = vendor.authorization_paths()[0];
    let target = format!("{path}?{}", encoded(&parameters));
    ask(server.origin(), "GET", &target, &[], "")
}

/// A code that the browser of `a@example.com` brings back.
pub fn code(server: &Authorization, vendor: Vendor) -> String {
    server.sign_in(vendor, Person::new("a@example.com"));
    let sent_back = authorize(server, vendor, &[]).sent_back();
    assert_eq!(sent_back["state"], "a state");
    sent_back["code"].clone()
}

pub const WITH_BROWSER: [Vendor; 4] =
    [Vendor::Claude, Vendor::Codex, Vendor::Google, Vendor::Iflow];

pub fn exchange(
    server: &Authorization,
    vendor: Vendor,
    code: &str,
    change: (&str, &str),
) -> Answer {
    let mut parameters = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect(vendor)),
        ("code_verifier", VERIFIER),
        ("state", "a state"),
    ];
    parameters.retain(|(name, _)| *name != change.0);
    parameters.push(change);
    token(server, vendor, &parameters)
}
