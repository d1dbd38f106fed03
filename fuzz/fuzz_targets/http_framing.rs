//! HTTP framing: no panic, the same result however the bytes are split, and what goes on is one message that reads
//! the same again.

#![no_main]

use holdfast::unversioned::chunked::Decoder;
use holdfast::unversioned::edge::framing::request::{HeadLimits, parse};
use holdfast::unversioned::edge::framing::{Body, response};
use libfuzzer_sys::fuzz_target;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 8 * 1024,
    headers: 64,
};

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (cut, bytes) = input;
    let read = |bytes: &[u8], scanned: &mut usize| parse(bytes, scanned, LIMITS);

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
        // Framing is the edge's: none of the client's own may get behind it.
        let headers = &head.head.headers;
        assert!(headers.get("content-length").is_none());
        assert!(headers.get("transfer-encoding").is_none());
        let mut sent = format!("{} {} HTTP/1.1\r\n", head.head.method, head.head.target);
        for (name, value) in headers.iter() {
            sent.push_str(&format!("{name}: {value}\r\n"));
        }
        sent.push_str("\r\n");
        assert_eq!(sent.matches("\r\n\r\n").count(), 1);
        if !head.is_http10 {
            let again = read(sent.as_bytes(), &mut 0);
            let again = again.expect("it was fine before").expect("it is whole");
            assert_eq!(again.body, Body::None);
            assert_eq!(again.head, head.head);
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
