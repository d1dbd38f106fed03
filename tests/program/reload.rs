//! Every way in which a configuration file changes under a running program.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::harness::{Folder, Program, call, eventually};

fn text(key: &str) -> String {
    format!("host: 127.0.0.1\nport: 0\napi-keys: [{key}]\n")
}

/// Waits until `key` is the one that counts.
fn expect_key(program: &Program, address: SocketAddr, key: &str) {
    let status = || call(address, "GET", "/v1/models", key, "").0;
    eventually(
        || status() == 200,
        || format!("{key} is not taken up\n{}", program.printed()),
    );
}

fn serving(path: &Path) -> Program {
    Program::start(&["--config", path.to_str().unwrap()])
}

#[test]
fn a_file_is_taken_up_however_it_changes() {
    let folder = Folder::new();
    let path = folder.write("config.yaml", &text("first"));
    let program = serving(&path);
    let address = program.address();
    expect_key(&program, address, "first");

    fs::write(&path, text("in-place")).unwrap();
    expect_key(&program, address, "in-place");

    fs::rename(folder.write("beside", &text("renamed")), &path).unwrap();
    expect_key(&program, address, "renamed");

    fs::remove_file(&path).unwrap();
    program.expect("cannot be read");
    fs::write(&path, text("recreated")).unwrap();
    expect_key(&program, address, "recreated");

    // As mounted volumes do it: the folder behind a link is another one.
    let (old, new) = (
        folder.write("old", &text("old")),
        folder.write("new", &text("new")),
    );
    fs::remove_file(&path).unwrap();
    symlink(&old, &path).unwrap();
    expect_key(&program, address, "old");
    let link = path.with_file_name("link");
    symlink(&new, &link).unwrap();
    fs::rename(&link, &path).unwrap();
    expect_key(&program, address, "new");
    fs::write(&new, text("behind")).unwrap();
    expect_key(&program, address, "behind");
}

#[test]
fn a_file_that_is_named_counts_too() {
    let folder = Folder::new();
    let keys = folder.write("keys", "one\n");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "host: 127.0.0.1\nport: 0\napi-keys-file: {}\n",
        keys.display()
    );
    let program = serving(&folder.write("config.yaml", &text));
    let address = program.address();
    expect_key(&program, address, "one");
    fs::write(&keys, "two\n").unwrap();
    expect_key(&program, address, "two");
}

#[test]
fn a_broken_file_changes_nothing_until_it_is_mended() {
    let folder = Folder::new();
    let path = folder.write("config.yaml", &text("first"));
    let program = serving(&path);
    let address = program.address();
    fs::write(
        &path,
        "api-keys: [second]\nproxy-url: ftp://x\nrequest-retry: many\n",
    )
    .unwrap();
    program.expect("is invalid; the previous");
    program.expect("config.yaml:2:12 error proxy-url");
    program.expect("config.yaml:3:16 error request-retry");
    expect_key(&program, address, "first");
    fs::write(&path, text("third")).unwrap();
    expect_key(&program, address, "third");
}

#[test]
fn what_has_changed_is_told_and_what_waits_for_a_restart() {
    let folder = Folder::new();
    let path = folder.write(
        "config.yaml",
        &(text("first-secret") + "claude-api-key: [{api-key: upstream-secret-1}]\n"),
    );
    let program = serving(&path);
    let address = program.address();
    let after = text("second-secret").replace("port: 0", "port: 1")
        + "debug: true\nlimits: {workers: 3}\nclaude-api-key: [{api-key: upstream-secret-1, priority: 2}, {api-key: upstream-secret-2}]\n";
    fs::write(&path, after).unwrap();
    expect_key(&program, address, "second-secret");
    program.expect("port changed; a restart is required");
    program.expect("limits.workers changed; a restart is required");
    program.expect("config: changed: port, api-keys, limits.workers, debug");
    program.expect("changed\n");
    let printed = program.printed();
    assert_eq!(
        printed.matches("config: credential claude:apikey:").count(),
        2,
        "{printed}"
    );
    assert!(!printed.contains("secret"), "{printed}");
}

#[test]
fn a_plain_management_key_is_replaced_and_nothing_else() {
    let folder = Folder::new();
    let before = text("k") + "# ours\nremote-management:\n  secret-key: 'plain'   # to be hashed\n";
    let path = folder.write("config.yaml", &before);
    let program = serving(&path);
    program.address();
    let now = fs::read_to_string(&path).unwrap();
    let (start, rest) = now.split_once("secret-key: \"").unwrap();
    let (hash, end) = rest.split_once('"').unwrap();
    assert!(hash.starts_with("$2b$10$") && hash.len() == 60, "{hash}");
    assert_eq!(format!("{start}secret-key: 'plain'{end}"), before);
    // Its own writing is no change to be taken up.
    fs::write(&path, now.replace("[k]", "[other]")).unwrap();
    expect_key(&program, program.address(), "other");
    program.expect(" reloaded");
    let printed = program.printed();
    assert_eq!(printed.matches(" reloaded").count(), 1, "{printed}");
}
