//! HTTP framing: no panic, the same result however the bytes are split, and what goes to a lane is one message that
//! reads the same again.

#![no_main]

use holdfast::edge::framing::chunked::Decoder;
use holdfast::edge::framing::request::{HeadLimits, parse};
use holdfast::edge::framing::{Body, response};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 8 * 1024,
    headers: 64,
};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (cut, bytes) = input;
    let read = |bytes: &[u8], scanned: &mut usize| parse(bytes, scanned, LIMITS, |_, _| false);

    let whole = read(&bytes, &mut 0);
    let cut = usize::from(cut).min(bytes.len());
    let mut scanned = 0;
    let split = match read(&bytes[..cut], &mut scanned) {
        Ok(None) => read(&bytes, &mut scanned),
        done => done,
    };
    assert_eq!(whole.is_ok(), split.is_ok());
    if let (Ok(Some(head)), Ok(Some(same))) = (&whole, &split) {
        assert_eq!(head, same);
        let sent = head.for_lane.as_bytes();
        assert_eq!(
            sent.windows(4).filter(|four| four == b"\r\n\r\n").count(),
            1
        );
        assert!(sent.ends_with(b"\r\n\r\n"));
        // Framing is the envelope's: none of the client's own may get behind it.
        assert_eq!(count(sent, b"content-length:"), 0);
        assert_eq!(count(sent, b"transfer-encoding:"), 0);
        let again = read(sent, &mut 0);
        if !head.is_http10 {
            let again = again.expect("it was fine before").expect("it is whole");
            assert_eq!(again.body, Body::None);
            assert_eq!(again.for_lane, head.for_lane);
        }
    }

    let _ = response::parse(&bytes, false, false);

    let decoded = decode(&[&bytes]);
    let split = decode(&[&bytes[..cut], &bytes[cut..]]);
    assert_eq!(decoded.is_some(), split.is_some());
    if let (Some(decoded), Some(split)) = (decoded, split) {
        assert_eq!(decoded, split);
    }
    let mut encoded = Vec::new();
    for piece in bytes.chunks(cut.max(1)) {
        encoded.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        encoded.extend_from_slice(piece);
        encoded.extend_from_slice(b"\r\n");
    }
    encoded.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(decode(&[&encoded]), Some((bytes, true)));
});

fn count(bytes: &[u8], name: &[u8]) -> usize {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name))
        .count()
}

fn decode(pieces: &[&[u8]]) -> Option<(Vec<u8>, bool)> {
    let mut decoder = Decoder::default();
    let mut payload = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let step = decoder.step(rest).ok()?;
            payload.extend_from_slice(step.payload);
            rest = &rest[step.taken..];
            if step.taken == 0 {
                break;
            }
        }
    }
    Some((payload, decoder.is_done()))
}
