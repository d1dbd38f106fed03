//! Logins that the vendors' own programs have made, with the demo's authorization server as the vendor. They need the
//! programs that `tests/clients/agents/run` installs: `HOLDFAST_AGENTS` names the folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use holdfast::unversioned::credential::file;
use holdfast::unversioned::demo::{Bearer, Person, Vendor};

use super::harness::Program;
use super::vendor::{Vendors, get};

fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("HOLDFAST_AGENTS").expect("HOLDFAST_AGENTS is not set");
    PathBuf::from(folder).join("node_modules/.bin").join(name)
}

/// A call of the program with a home of its own.
fn call(vendors: &Vendors, name: &str) -> Command {
    let mut command = Command::new(program(name));
    command
        .env_clear()
        .env("HOME", vendors.folder.path())
        .env("PATH", std::env::var_os("PATH").unwrap());
    command
}

fn import(vendors: &Vendors, name: &str) {
    let mut command = vendors.command(&["import", name]);
    let command = command.env("HOME", vendors.folder.path());
    vendors.of(Program::spawn(command)).succeeds();
}

#[test]
#[ignore = "needs the programs of tests/clients/agents"]
fn codex_signs_in_and_its_login_is_copied() {
    let vendors = Vendors::start();
    vendors.sign_in(Vendor::Codex, Person::new("a@example.com"));
    let origin = vendors.server.origin();
    // Its sign-in with a browser has no other issuer than OpenAI.
    let mut codex = call(&vendors, "codex");
    codex.args(["login", "--device-auth", "--experimental_issuer", origin]);
    codex.args(["--experimental_client-id", Vendor::Codex.client().0]);
    let mut login = vendors.of(Program::spawn(&mut codex));
    login.expect("DEMO-");
    let printed = login.printed();
    let (_, code) = printed.split_once("DEMO-").unwrap();
    let end = code.find(|c: char| !c.is_ascii_digit()).unwrap();
    let page = format!("{origin}/codex/device?user_code=DEMO-{}", &code[..end]);
    assert_eq!(get(&page).unwrap().0, 200);
    login.ends_well();
    import(&vendors, "codex");
    let path = vendors.written("codex-a@example.com-plus.json");
    let file = file::read("x.json", &fs::read(path).unwrap()).unwrap();
    let account = file.settings.account_id;
    assert_eq!(account, Some(Person::new("a@example.com").id));
    assert!(file.tokens.refresh.is_some() && file.tokens.expiry.is_some());
    let bearer = vendors.server.bearer(file.tokens.access.unwrap().reveal());
    assert!(matches!(bearer, Some(Bearer::Valid(_))));
}
