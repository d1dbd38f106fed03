//! Reports the state to the service manager by datagrams to `$NOTIFY_SOCKET` (sd_notify(3)).

use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::{env, io};

use rustix::time::{ClockId, clock_gettime};

/// The service manager, if there is one.
pub struct Manager(Option<(UnixDatagram, SocketAddr)>);

impl Manager {
    /// The one that started this process.
    pub fn of_process() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        Self(socket.and_then(|name| {
            let address = address(name.as_bytes()).ok()?;
            Some((UnixDatagram::unbound().ok()?, address))
        }))
    }

    pub fn ready(&self, status: impl Display) {
        self.say(&format!("READY=1\nSTATUS={status}"));
    }

    /// Must be followed by [`ready`](Self::ready), whether the reload succeeds or not.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    pub fn stopping(&self, status: impl Display) {
        self.say(&format!("STOPPING=1\nSTATUS={status}"));
    }

    /// Errors are ignored: the gateway works without a manager.
    fn say(&self, state: &str) {
        if let Some((socket, address)) = &self.0 {
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

/// A path, or `@` and a name for Linux's abstract sockets.
fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name.strip_prefix(b"@") {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
        None => SocketAddr::from_pathname(Path::new(std::ffi::OsStr::from_bytes(name))),
    }
}
