//! Keys that ask to pass one client off as another. holdfast does not; it says so (`spec/config.md` 1.4).

use super::pending::asks;
use super::reader::{Field, Mapping};

fn warn_if(asked: bool, field: &Field<'_>) {
    if asked {
        field.warn("has no effect in holdfast");
    }
}

/// A switch that asks for a disguise when on.
fn switch(block: &mut Mapping<'_>, key: &'static str) {
    let field = block.field(key);
    warn_if(field.flag() == Some(true), &field);
}

/// A switch that forbids a disguise when on, and so asks for one when off.
fn veto(block: &mut Mapping<'_>, key: &'static str) {
    let field = block.field(key);
    warn_if(field.flag() == Some(false), &field);
}

/// Keys of one `claude-api-key` entry.
pub fn claude_entry(entry: &mut Mapping<'_>) {
    let mut cloak = entry.field("cloak").mapping();
    let mode = cloak.field("mode");
    match mode
        .filled()
        .map(|mode| mode.to_ascii_lowercase())
        .as_deref()
    {
        None | Some("never") => {}
        Some("auto" | "always") => warn_if(true, &mode),
        Some(_) => mode.warn("must be auto, always or never, and has no effect in holdfast"),
    }
    switch(&mut cloak, "strict-mode");
    let words = cloak.field("sensitive-words");
    warn_if(!words.texts().is_empty(), &words);
    switch(&mut cloak, "cache-user-id");
    cloak.finish();
    switch(entry, "experimental-cch-signing");
}

/// Keys at the top of the file, of later versions of the format.
pub fn top(root: &mut Mapping<'_>) {
    veto(root, "disable-claude-cloak-mode");
    for key in ["claude-code", "fingerprint-profile"] {
        let field = root.field(key);
        warn_if(asks(&field, &["", "false"]), &field);
    }
    let mut antigravity = root.field("antigravity").mapping();
    let words = antigravity.field("sensitive-words");
    warn_if(!words.texts().is_empty(), &words);
    antigravity.finish();
    let mut codex = root.field("codex").mapping();
    switch(&mut codex, "identity-confuse");
    veto(&mut codex, "disable-codex-cloaking");
    codex.finish();
}

/// Keys of `claude-header-defaults`.
pub fn claude_headers(block: &mut Mapping<'_>) {
    switch(block, "stabilize-device-profile");
}
