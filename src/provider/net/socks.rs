//! Connections through SOCKS 5 proxies: RFC 1928, and RFC 1929 for user name and password.

use std::io::{self, Read, Write};
use std::net::IpAddr;

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks the proxy at the other end of `wire` to connect to `host`, a name or an address without brackets. The proxy
/// resolves names.
///
/// # Errors
/// When the proxy refuses, violates the protocol or disconnects.
pub fn connect(
    wire: &mut (impl Read + Write),
    login: Option<(&str, &str)>,
    host: &str,
    port: u16,
) -> io::Result<()> {
    let offered: &[u8] = match login {
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        None => &[VERSION, 1, NO_AUTHENTICATION],
    };
    wire.write_all(offered)?;
    match (read(wire)?, login) {
        ([VERSION, NO_AUTHENTICATION], _) => {}
        ([VERSION, USER_AND_PASSWORD], Some((user, password))) => log_in(wire, user, password)?,
        ([VERSION, _], _) => {
            return Err(refused(
                "the SOCKS proxy requires another authentication method",
            ));
        }
        _ => return Err(refused("the proxy does not speak SOCKS 5")),
    }

    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(NAME);
            push_text(&mut request, host)?;
        }
    }
    request.extend(port.to_be_bytes());
    wire.write_all(&request)?;

    let [version, reply, _, kind] = read(wire)?;
    if version != VERSION {
        return Err(refused("the proxy does not speak SOCKS 5"));
    }
    if reply != 0 {
        return Err(refused(reason(reply)));
    }
    // The proxy's own address and port.
    match kind {
        IPV4 => drop(read::<6>(wire)?),
        IPV6 => drop(read::<18>(wire)?),
        NAME => {
            let [length] = read(wire)?;
            let mut rest = vec![0; usize::from(length) + 2];
            wire.read_exact(&mut rest)?;
        }
        _ => return Err(refused("the proxy does not speak SOCKS 5")),
    }
    Ok(())
}

fn log_in(wire: &mut (impl Read + Write), user: &str, password: &str) -> io::Result<()> {
    const LOGIN_VERSION: u8 = 1;
    let mut request = vec![LOGIN_VERSION];
    push_text(&mut request, user)?;
    push_text(&mut request, password)?;
    wire.write_all(&request)?;
    let [_, status] = read(wire)?;
    match status {
        0 => Ok(()),
        _ => Err(refused("the SOCKS proxy refused the login")),
    }
}

/// A string with its length in one byte.
fn push_text(request: &mut Vec<u8>, text: &str) -> io::Result<()> {
    let length = u8::try_from(text.len())
        .map_err(|_| refused("the name or password is too long for SOCKS 5"))?;
    request.push(length);
    request.extend_from_slice(text.as_bytes());
    Ok(())
}

fn read<const N: usize>(wire: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    wire.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn refused(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionRefused, reason)
}

/// RFC 1928, section 6.
fn reason(reply: u8) -> &'static str {
    match reply {
        2 => "the SOCKS proxy does not allow the connection",
        3 => "the SOCKS proxy cannot reach the network",
        4 => "the SOCKS proxy cannot reach the host",
        5 => "the upstream refused the SOCKS proxy's connection",
        6 => "the SOCKS proxy's connection expired",
        7 | 8 => "the SOCKS proxy does not support the request",
        _ => "the SOCKS proxy failed",
    }
}
