//! `DEPLOY=cloud`: a configuration that comes later.

use super::harness::{Folder, Program, call, command, eventually};

fn waiting(folder: &Folder) -> Program {
    let mut command = command(&[]);
    command
        .current_dir(folder.path())
        .env("HOME", folder.path());
    Program::spawn(command.env("DEPLOY", "cloud"))
}

#[test]
fn a_configuration_is_waited_for_until_it_works() {
    let folder = Folder::new();
    let mut program = waiting(&folder);
    program.expect("waiting for config.yaml");
    for broken in ["port: many\n", "", "host: [x]\n"] {
        let told = program.printed().matches("waiting for").count();
        folder.write("config.yaml", broken);
        eventually(
            || program.printed().matches("waiting for").count() > told,
            || format!("{broken:?} was not looked at\n{}", program.printed()),
        );
    }
    program.expect("config.yaml:1:7 error port ");
    program.expect("config.yaml:1:1 error host ");
    assert!(program.is_running());
    folder.write("config.yaml", "host: 127.0.0.1\nport: 0\n");
    assert_eq!(call(program.address(), "GET", "/healthz", "", "").0, 200);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn waiting_can_be_ended() {
    for signal in ["TERM", "INT"] {
        let folder = Folder::new();
        let mut program = waiting(&folder);
        program.expect("waiting for");
        program.signal(signal);
        assert_eq!(program.wait().code(), Some(0), "{signal}");
    }
}

#[test]
fn elsewhere_nothing_is_waited_for() {
    let folder = Folder::new();
    let mut command = command(&[]);
    command
        .current_dir(folder.path())
        .env("HOME", folder.path());
    let mut program = Program::spawn(command.env("DEPLOY", "home"));
    assert_eq!(program.wait().code(), Some(1));
}
