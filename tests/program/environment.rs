//! Variables, `.env`, and where the configuration is looked for.

use std::fs;
use std::process::Command;

use super::harness::{Folder, Program, call, command, outcome};

fn configuration(key: &str) -> String {
    format!("host: 127.0.0.1\nport: 0\napi-keys: ['{key}']\n")
}

/// A call in `folder`, which is the user's home as well.
fn at_home(folder: &Folder) -> Command {
    let mut command = command(&[]);
    command
        .current_dir(folder.path())
        .env("HOME", folder.path());
    command
}

fn accepts(program: &Program, key: &str) -> bool {
    call(program.address(), "GET", "/v1/models", key, "").0 == 200
}

#[test]
fn the_first_configuration_that_exists_is_taken() {
    let folder = Folder::new();
    let place = |name: &str, key: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, configuration(key)).unwrap();
        path
    };
    let (code, _, err) = outcome(&mut at_home(&folder));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("none of config.yaml, ") && err.contains("/etc/holdfast/config.yaml"),
        "{err}"
    );
    place(".config/holdfast/config.yaml", "of-home");
    assert!(accepts(&Program::spawn(&mut at_home(&folder)), "of-home"));
    place("xdg/holdfast/config.yaml", "of-xdg");
    let xdg = folder.path().join("xdg");
    let mut call = at_home(&folder);
    call.env("XDG_CONFIG_HOME", &xdg);
    assert!(accepts(&Program::spawn(&mut call), "of-xdg"));
    place("config.yaml", "of-here");
    assert!(accepts(&Program::spawn(&mut call), "of-here"));
    call.env("HOLDFAST_CONFIG", place("other.yaml", "of-variable"));
    assert!(accepts(&Program::spawn(&mut call), "of-variable"));
    call.arg("--config").arg(place("named.yaml", "of-flag"));
    assert!(accepts(&Program::spawn(&mut call), "of-flag"));
    // Services have no home.
    let mut call = at_home(&folder);
    let program = Program::spawn(call.env("HOME", "/dev/null"));
    assert!(accepts(&program, "of-here"));
    fs::remove_file(folder.path().join("config.yaml")).unwrap();
    let (code, _, err) = outcome(&mut call);
    assert_eq!(code, Some(1));
    assert!(err.contains("none of config.yaml, /dev/null/"), "{err}");
    let mut call = at_home(&folder);
    let (code, _, err) = outcome(call.env("HOLDFAST_CONFIG", "/no/such.yaml"));
    assert_eq!(code, Some(1));
    assert!(err.contains("/no/such.yaml"), "{err}");
}

#[test]
fn a_file_holds_variables_and_the_real_ones_count_first() {
    let folder = Folder::new();
    folder.write("other.yaml", &configuration("${CLIENT_KEY}"));
    folder.write(
        ".env",
        "# where it is\nexport HOLDFAST_CONFIG=other.yaml # here\nPART='from'\nCLIENT_KEY=\"${PART}-file\"\n",
    );
    assert!(accepts(&Program::spawn(&mut at_home(&folder)), "from-file"));
    let real = Program::spawn(at_home(&folder).env("CLIENT_KEY", "real"));
    assert!(accepts(&real, "real"));
    assert!(!accepts(&real, "from-file"));
}

#[test]
fn a_file_that_cannot_be_read_is_no_reason_to_stop() {
    let folder = Folder::new();
    folder.write("config.yaml", &configuration("k"));
    fs::create_dir(folder.path().join(".env")).unwrap();
    let program = Program::spawn(&mut at_home(&folder));
    assert!(accepts(&program, "k"));
    program.expect(".env: cannot be read");
    fs::remove_dir(folder.path().join(".env")).unwrap();
    folder.write(".env", "A=1\nsome-secret nonsense\n");
    let program = Program::spawn(&mut at_home(&folder));
    assert!(accepts(&program, "k"));
    program.expect(".env:2: is not KEY=value");
    assert!(!program.printed().contains("secret"));
}

#[test]
fn a_store_that_is_not_there_is_an_error() {
    let folder = Folder::new();
    folder.write("config.yaml", &configuration("k"));
    for name in ["PGSTORE_DSN", "objectstore_endpoint", "GITSTORE_GIT_URL"] {
        for flags in [&[][..], &["--check"]] {
            let (code, out, err) = outcome(at_home(&folder).args(flags).env(name, "a-secret"));
            assert_eq!(code, Some(1), "{name} {flags:?}");
            let told = out + &err;
            let expected = format!("environment error {} is set", name.to_uppercase());
            assert!(
                told.contains(&expected) && !told.contains("secret"),
                "{told}"
            );
        }
    }
}

#[test]
fn a_variable_without_effect_is_told() {
    let folder = Folder::new();
    folder.write("config.yaml", &configuration("k"));
    let mut call = at_home(&folder);
    let program = Program::spawn(call.env("MANAGEMENT_PASSWORD", "a-secret"));
    program.expect("MANAGEMENT_PASSWORD is not implemented and has no effect");
    assert!(!program.printed().contains("secret"));
}
