//! Killing the program while it renews tokens.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdfast::unversioned::demo::{Authorization, Person, Upstreams, Vendor};
use serde_json::{Value, json};

use crate::harness::{Folder, Program, call, command};

/// How often it is killed, and how many renewals there are each time.
const KILLS: usize = 25;
const RENEWALS: usize = 20;
const ACCOUNTS: usize = 5;

fn email(account: usize) -> String {
    format!("{account}@demo.example")
}

fn login(folder: &Path, authorization: &Authorization, upstreams: &Upstreams, account: usize) {
    let person = Person::new(&email(account));
    let tokens = authorization.issue(Vendor::Claude, "demo-claude", person, None);
    let content = json!({
        "type": "claude",
        "email": email(account),
        "access_token": tokens.access,
        "refresh_token": tokens.refresh,
        "expired": "2099-01-01T00:00:00Z",
        "client_id": "demo-claude",
        "token_uri": authorization.token_uri(Vendor::Claude),
        "base_url": format!("http://{}", upstreams.address()),
        "prefix": format!("account-{account}"),
    });
    let path = folder.join(format!("{account}.json"));
    fs::write(path, serde_json::to_string_pretty(&content).unwrap()).unwrap();
}

/// Sends requests until `count` more renewals have begun. Each finds a token that has just been revoked.
fn renew(program: &Program, authorization: &Authorization, count: usize) {
    let address = program.address();
    let begun = authorization.calls().len();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for account in 0..ACCOUNTS {
            let next = &next;
            scope.spawn(move || {
                while authorization.calls().len() < begun + count {
                    authorization.revoke_access(&email(account));
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let body = json!({
                        "model": format!("account-{account}/claude-sonnet-4-6"),
                        "max_tokens": 20,
                        "messages": [{"role": "user", "content": format!("question {number}")}],
                    });
                    let (status, answer) = call(
                        address,
                        "POST",
                        "/v1/messages",
                        "client-key",
                        &body.to_string(),
                    );
                    assert_eq!(status, 200, "{answer}\n{}", program.printed());
                }
            });
        }
    });
}

#[test]
fn a_kill_leaves_every_file_whole_and_as_new_as_its_use() {
    let upstreams = Upstreams::start().unwrap();
    let authorization = Authorization::start().unwrap();
    upstreams.require_tokens(authorization.tokenry());
    let folder = Folder::new();
    let accounts = folder.path().join("accounts");
    fs::create_dir(&accounts).unwrap();
    for account in 0..ACCOUNTS {
        login(&accounts, &authorization, &upstreams, account);
    }
    let config = folder.write(
        "config.yaml",
        &format!(
            "host: 127.0.0.1\nport: 0\napi-keys: [client-key]\nauth-dir: {}\nforce-model-prefix: true\n",
            accounts.display()
        ),
    );
    for kill in 0..KILLS {
        upstreams.clear_records();
        let before: Vec<String> = (0..ACCOUNTS)
            .map(|account| access(&accounts, account))
            .collect();
        let mut call = command(&["--config", config.to_str().unwrap(), "--local-model"]);
        let program = Program::spawn(&mut call);
        let address = program.address();
        renew(&program, &authorization, RENEWALS - 1);
        // The last renewal of each account is under way when the program is killed.
        thread::scope(|scope| {
            for account in 0..ACCOUNTS {
                let authorization = &authorization;
                scope.spawn(move || {
                    authorization.revoke_access(&email(account));
                    let body = json!({
                        "model": format!("account-{account}/claude-sonnet-4-6"),
                        "max_tokens": 20,
                        "messages": [{"role": "user", "content": "last"}],
                    });
                    let request = format!(
                        "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer client-key\r\nContent-Length: {}\r\n\r\n{body}",
                        body.to_string().len()
                    );
                    let Ok(mut stream) = std::net::TcpStream::connect(address) else {
                        return;
                    };
                    // The program may be gone before it answers.
                    let _ = std::io::Write::write_all(&mut stream, request.as_bytes());
                    let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
                });
            }
            // At another moment each time.
            let begun = authorization.calls().len();
            let wanted = begun + kill % ACCOUNTS;
            while authorization.calls().len() < wanted {
                thread::yield_now();
            }
            drop(program);
        });
        for (account, before) in before.iter().enumerate() {
            let access = access(&accounts, account);
            let used = used(&upstreams, account);
            let is_newest = match used.iter().position(|token| *token == access) {
                Some(place) => place + 1 == used.len(),
                // It was never used, so it is the newest one or that of the beginning.
                None => access != *before || used.is_empty(),
            };
            assert!(is_newest, "kill {kill}: {access} of {used:?}");
            // New tokens that were on their way are lost with the process. Nobody has used them.
            let content = read(&accounts, account);
            if !authorization.accepts(content["refresh_token"].as_str().unwrap()) {
                login(&accounts, &authorization, &upstreams, account);
            }
        }
    }
    assert!(authorization.calls().len() >= KILLS * (RENEWALS - 1));
}

fn read(accounts: &Path, account: usize) -> Value {
    let content = fs::read_to_string(accounts.join(format!("{account}.json"))).unwrap();
    let content: Value =
        serde_json::from_str(&content).unwrap_or_else(|error| panic!("{error} in {content:?}"));
    assert_eq!(content["prefix"], format!("account-{account}"));
    content
}

/// The access token in a file.
fn access(accounts: &Path, account: usize) -> String {
    let content = read(accounts, account);
    content["access_token"].as_str().unwrap().to_owned()
}

/// The access tokens that the upstream got for an account, in the order of their first use.
fn used(upstreams: &Upstreams, account: usize) -> Vec<String> {
    let mut used: Vec<String> = Vec::new();
    for record in upstreams.records() {
        let authorization = record
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let token = authorization.and_then(|(_, value)| value.strip_prefix("Bearer "));
        if let Some(token) = token.filter(|token| {
            record.key == email(account) && !used.iter().any(|known| known == token)
        }) {
            used.push(token.to_owned());
        }
    }
    used
}
