//! Killing the program while it renews tokens.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use holdfast::unversioned::demo::{Authorization, Bearer, Person, Upstreams, Vendor};
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
fn renew(address: std::net::SocketAddr, authorization: &Authorization, count: usize) {
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
                    assert_eq!(status, 200, "{answer}");
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
    let mut lost = 0;
    for kill in 0..KILLS {
        let mut call = command(&["--config", config.to_str().unwrap(), "--local-model"]);
        let program = Program::spawn(&mut call);
        let address = program.address();
        renew(address, &authorization, RENEWALS - 1);
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
        for account in 0..ACCOUNTS {
            let path = accounts.join(format!("{account}.json"));
            let content = fs::read_to_string(&path).unwrap();
            let content: Value = serde_json::from_str(&content)
                .unwrap_or_else(|error| panic!("kill {kill}: {error} in {content:?}"));
            assert_eq!(content["prefix"], format!("account-{account}"));
            let access = content["access_token"].as_str().unwrap();
            let is_known = matches!(
                authorization.bearer(access),
                Some(Bearer::Valid(_) | Bearer::Revoked(_) | Bearer::Expired(_))
            );
            assert!(is_known, "kill {kill}: {access} was never issued");
            // Tokens whose answer was on its way are lost with the process; nobody can have used them.
            let refresh = content["refresh_token"].as_str().unwrap();
            if !authorization.accepts(refresh) {
                lost += 1;
                login(&accounts, &authorization, &upstreams, account);
            }
        }
    }
    assert!(authorization.calls().len() >= KILLS * (RENEWALS - 1));
    assert!(lost <= KILLS * ACCOUNTS / 2, "{lost} logins were lost");
}
