//! What the service manager is told.

use std::os::unix::net::UnixDatagram;

use super::harness::{Folder, PATIENCE, Program, command};

const PLAIN: &str = "host: 127.0.0.1\nport: 0\n";

/// The next message, by its lines.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut message = [0; 4096];
    let length = socket.recv(&mut message).unwrap();
    let message = std::str::from_utf8(&message[..length]).unwrap();
    message.lines().map(str::to_owned).collect()
}

fn follow(socket: &UnixDatagram, name: &str) {
    let folder = Folder::new();
    let path = folder.write("config.yaml", PLAIN);
    let mut command = command(&["--config", path.to_str().unwrap()]);
    let mut program = Program::spawn(command.env("NOTIFY_SOCKET", name));
    let status = format!("STATUS=listening on http://{}", program.address());
    assert_eq!(heard(socket), ["READY=1", &status]);

    let reload = || {
        program.signal("HUP");
        let reloading = heard(socket);
        assert_eq!(reloading[0], "RELOADING=1");
        let time = reloading[1].strip_prefix("MONOTONIC_USEC=").unwrap();
        (time.parse::<u64>().unwrap(), heard(socket))
    };
    let (first, ready) = reload();
    assert_eq!(ready, ["READY=1", &status]);
    folder.write("config.yaml", "port: many\n");
    let (second, ready) = reload();
    assert!(second > first);
    assert_eq!(ready[0], "READY=1");
    assert!(ready[1].ends_with("an older one is in use"), "{ready:?}");

    program.signal("TERM");
    // Whoever watches the file may have it read once more before that.
    let mut last = heard(socket);
    while last[0] != "STOPPING=1" {
        last = heard(socket);
    }
    assert_eq!(last[1], "STATUS=0 requests in progress");
    assert_eq!(program.wait().code(), Some(0));
}

#[test]
fn it_follows_the_life_of_the_program() {
    let folder = Folder::new();
    let path = folder.path().join("notify");
    follow(&UnixDatagram::bind(&path).unwrap(), path.to_str().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn its_socket_may_have_no_path() {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("holdfast-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    follow(
        &UnixDatagram::bind_addr(&address).unwrap(),
        &format!("@{name}"),
    );
}

#[test]
fn nobody_has_to_listen() {
    let folder = Folder::new();
    let path = folder.write("config.yaml", PLAIN);
    let mut command = command(&["--config", path.to_str().unwrap()]);
    let mut program = Program::spawn(command.env("NOTIFY_SOCKET", "/no/such/socket"));
    program.address();
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
}
