//! Waits for the readiness of sockets on many threads. Each registration reports once and must be armed again, so that one
//! thread at a time handles a socket.
//!
//! On Linux the threads wait in `epoll_wait(2)`, which wakes the one that began to wait last. Elsewhere they take turns
//! with one `mio::Poll`, which costs a hand-over per event.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod turns;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub use epoll::Poller;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use turns::Poller;

/// The readiness to wait for. Errors are always reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Readable, or at its end.
    Read,
    /// Writable.
    Write,
    /// The other side was shut down. Where the system cannot report that alone, also readable.
    End,
    /// Errors only.
    Broken,
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use super::Interest;

    const LONG: Duration = Duration::from_secs(20);

    macro_rules! behaves {
        ($name:ident, $poller:ty) => {
            #[test]
            fn $name() {
                let poller = <$poller>::new().unwrap();
                let (near, mut far) = UnixStream::pair().unwrap();
                near.set_nonblocking(true).unwrap();
                poller.add(near.as_fd(), 7, Interest::Read).unwrap();
                assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), None);
                far.write_all(b"x").unwrap();
                assert_eq!(poller.wait(Some(LONG)).unwrap(), Some(7));
                assert_eq!(
                    poller.wait(Some(Duration::from_millis(1))).unwrap(),
                    None,
                    "once only"
                );
                // Armed again, it reports what is still there.
                poller.arm(near.as_fd(), 7, Interest::Read).unwrap();
                assert_eq!(poller.wait(Some(LONG)).unwrap(), Some(7));
                poller.arm(near.as_fd(), 7, Interest::Write).unwrap();
                assert_eq!(poller.wait(Some(LONG)).unwrap(), Some(7));
                drop(far);
                poller.arm(near.as_fd(), 7, Interest::Broken).unwrap();
                assert_eq!(poller.wait(Some(LONG)).unwrap(), Some(7));
            }
        };
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    behaves!(epoll_reports_once, super::epoll::Poller);
    behaves!(turns_report_once, super::turns::Poller);

    #[test]
    fn every_event_finds_one_thread() {
        let poller = super::turns::Poller::new().unwrap();
        let pairs: Vec<_> = (0..50).map(|_| UnixStream::pair().unwrap()).collect();
        for (key, (near, _)) in pairs.iter().enumerate() {
            poller
                .add(near.as_fd(), key as u64, Interest::Read)
                .unwrap();
        }
        let mut seen: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut seen = Vec::new();
                        while let Some(key) = poller.wait(Some(Duration::from_secs(1))).unwrap() {
                            seen.push(key);
                        }
                        seen
                    })
                })
                .collect();
            for (_, far) in &pairs {
                (&*far).write_all(b"x").unwrap();
            }
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        seen.sort_unstable();
        assert_eq!(seen, (0..50).collect::<Vec<u64>>());
    }
}
