//! The lanes between edge and server: where they are, and who sits at their other end.
//!
//! Every request that the edge hands on names the exchange on the lane that it is. That proves that it came
//! through the edge, and lets a worker ask at any time whether its client is still there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::rand::{SecureRandom, SystemRandom};

/// One exchange on one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    pub lane: usize,
    pub exchange: u64,
}

/// Which exchanges have lost their client. Shared by the edge, which knows, and the workers, who ask.
#[derive(Debug)]
pub struct Presence {
    token: String,
    /// Per lane, the newest exchange whose client has gone. Exchanges of a lane are numbered upwards
    /// from 1 and run one after another, so everything up to it is over as well.
    gone_through: Box<[AtomicU64]>,
}

impl Presence {
    /// A table for `lanes` lanes with a fresh secret token.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(lanes: usize) -> io::Result<Arc<Self>> {
        let token = random_hex()?;
        let gone_through = (0..lanes).map(|_| AtomicU64::new(0)).collect();
        Ok(Arc::new(Self {
            token,
            gone_through,
        }))
    }

    /// What proves that a request belongs to `seat`: `<32 hex digits>-<lane>-<exchange>`.
    pub fn seal(&self, seat: Seat) -> String {
        format!("{}-{}-{}", self.token, seat.lane, seat.exchange)
    }

    /// Reads a seal; `None` for anything that was not made here.
    pub fn verify(&self, value: &str) -> Option<Seat> {
        let mut parts = value.splitn(3, '-');
        let token = parts.next()?;
        let lane = parts.next()?.parse().ok()?;
        let exchange = parts.next()?.parse().ok()?;
        let genuine = bool::from(subtle::ConstantTimeEq::ct_eq(
            token.as_bytes(),
            self.token.as_bytes(),
        ));
        (genuine && lane < self.gone_through.len()).then_some(Seat { lane, exchange })
    }

    /// Called by the edge when the client of `seat` has hung up.
    pub fn mark_gone(&self, seat: Seat) {
        if let Some(gone) = self.gone_through.get(seat.lane) {
            gone.fetch_max(seat.exchange, Ordering::Release);
        }
    }

    /// Whether the client of `seat` has hung up.
    pub fn is_gone(&self, seat: Seat) -> bool {
        self.gone_through
            .get(seat.lane)
            .is_none_or(|gone| gone.load(Ordering::Acquire) >= seat.exchange)
    }
}

/// Where the server listens for lanes: a Unix socket in a folder that only this user can enter. The folder
/// goes with the value.
///
/// A name without a file would be simpler, but tiny_http cannot be dropped when it listens on one.
#[derive(Debug)]
pub struct LaneAddress {
    folder: PathBuf,
}

impl LaneAddress {
    /// Listens in a fresh folder: in `$XDG_RUNTIME_DIR`, the folder for temporary files, or wherever else one
    /// can be made on a host that has neither.
    ///
    /// # Errors
    /// When no folder can be made, or the system refuses the socket.
    pub fn bind() -> io::Result<(UnixListener, Self)> {
        let name = format!("holdfast-{}", random_hex()?);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let places = [
            std::env::temp_dir(),
            PathBuf::from("/dev/shm"),
            PathBuf::from("/run"),
            PathBuf::from("."),
        ];
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for place in runtime.into_iter().chain(places) {
            match Self::bind_in(&place.join(&name)) {
                Ok(bound) => return Ok(bound),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn bind_in(folder: &Path) -> io::Result<(UnixListener, Self)> {
        DirBuilder::new().mode(0o700).create(folder)?;
        let address = Self {
            folder: folder.to_owned(),
        };
        Ok((UnixListener::bind(address.socket())?, address))
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("lanes")
    }

    /// Opens a lane.
    ///
    /// # Errors
    /// When the server does not listen any more.
    pub fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(self.socket())
    }
}

impl Drop for LaneAddress {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn random_hex() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("no system randomness"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_read_back_and_nothing_else() {
        let presence = Presence::new(3).unwrap();
        let seat = Seat {
            lane: 2,
            exchange: 7,
        };
        let value = presence.seal(seat);
        assert_eq!(presence.verify(&value), Some(seat));
        let stranger = Presence::new(3).unwrap();
        assert_eq!(stranger.verify(&value), None);
        for forged in ["", "-", "x-2-7", &value[1..], &format!("{value}x")] {
            assert_eq!(presence.verify(forged), None, "{forged}");
        }
        let beyond = Seat { lane: 3, ..seat };
        assert_eq!(presence.verify(&presence.seal(beyond)), None);
    }

    #[test]
    fn only_the_client_that_left_is_gone() {
        let presence = Presence::new(2).unwrap();
        let seat = |lane, exchange| Seat { lane, exchange };
        presence.mark_gone(seat(0, 5));
        assert!(presence.is_gone(seat(0, 5)));
        assert!(presence.is_gone(seat(0, 4)));
        assert!(!presence.is_gone(seat(0, 6)));
        assert!(!presence.is_gone(seat(1, 5)));
        presence.mark_gone(seat(0, 3));
        assert!(presence.is_gone(seat(0, 5)));
    }

    #[test]
    fn the_folder_is_private_and_goes_away() {
        use std::os::unix::fs::PermissionsExt;

        let (listener, address) = LaneAddress::bind().unwrap();
        let mode = fs::metadata(&address.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let lane = address.connect().unwrap();
        listener.accept().unwrap();
        drop(lane);
        let folder = address.folder.clone();
        drop(address);
        assert!(!folder.exists());
    }
}
