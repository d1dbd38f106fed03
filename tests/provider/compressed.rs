//! Answers that are compressed without `Accept-Encoding`.

use crate::*;

fn encoded(encodings: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{encodings}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn an_unknown_encoding_is_an_error() {
    let server = Server::answering(encoded("Content-Encoding: compress\r\n", b"?"));
    let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(failure.kind, FailureKind::Broken);
    assert_eq!(
        failure.message,
        "the upstream's answer has an unsupported Content-Encoding"
    );
}

#[test]
fn identity_is_no_encoding() {
    let server = Server::answering(encoded("Content-Encoding: identity\r\n", b"{}"));
    let answer = upstream().call(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(text(answer.unwrap()), "{}");
}

#[cfg(not(feature = "compression"))]
#[test]
fn without_the_feature_every_encoding_is_unknown() {
    let server = Server::answering(encoded("Content-Encoding: gzip\r\n", b"?"));
    let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
    assert_eq!(failure.kind, FailureKind::Broken, "{failure}");
}

#[cfg(feature = "compression")]
mod built {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    const PLAIN: &str = r#"{"id":"1","choices":[{"message":{"content":"hello"}}]}"#;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(plain: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(plain: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(plain: &[u8]) -> Vec<u8> {
        compress_to_vec(plain, CompressionLevel::Fastest)
    }

    /// One uncompressed meta-block (RFC 7932 9.2), for want of an encoder.
    fn brotli(plain: &[u8]) -> Vec<u8> {
        let length = u32::try_from(plain.len() - 1).unwrap();
        let header = (length << 3 | 1 << 19) << 1;
        let mut encoded = header.to_le_bytes()[..3].to_vec();
        encoded.extend_from_slice(plain);
        encoded.push(0b11);
        encoded
    }

    fn answer(encodings: &str, body: &[u8]) -> Result<Answer, Failure> {
        let server = Server::answering(encoded(encodings, body));
        upstream().call(&call(UpstreamKind::Compat, &server.base(), BODY))
    }

    /// Accepts any JSON.
    fn count() -> ExpectedAnswer<'static> {
        ExpectedAnswer {
            is_generation: false,
            ..asked(Dialect::Chat, MAX_EVENT)
        }
    }

    #[test]
    fn every_encoding_is_decoded() {
        let plain = PLAIN.as_bytes();
        for (encodings, body) in [
            ("gzip", gzip(plain)),
            ("X-Gzip", gzip(plain)),
            ("deflate", zlib(plain)),
            ("deflate", deflate(plain)),
            ("br", brotli(plain)),
            ("zstd", zstd(plain)),
            ("zstd", [zstd(&plain[..9]), zstd(&plain[9..])].concat()),
            ("gzip, identity, br", brotli(&gzip(plain))),
            ("gzip\r\nContent-Encoding: zstd", zstd(&gzip(plain))),
        ] {
            let answer = answer(&format!("Content-Encoding: {encodings}\r\n"), &body).unwrap();
            assert_eq!(answer.headers.get("content-encoding"), None);
            assert_eq!(
                answer.length(),
                None,
                "that of the encoded form is of no use"
            );
            assert_eq!(text(answer), PLAIN, "{encodings}");
        }
    }

    #[test]
    fn undeclared_encodings_are_detected() {
        for body in [
            gzip(PLAIN.as_bytes()),
            zlib(PLAIN.as_bytes()),
            zstd(PLAIN.as_bytes()),
        ] {
            let whole = whole::open(answer("", &body).unwrap(), &count(), None).unwrap();
            assert_eq!(whole.length(), Some(PLAIN.len() as u64));
            assert_eq!(whole.held(), PLAIN.as_bytes());
        }
    }

    #[test]
    fn truncated_or_wrongly_declared_bodies_are_failures() {
        let torn = gzip(PLAIN.as_bytes());
        for (encodings, body) in [
            ("gzip", &torn[..torn.len() - 5]),
            ("gzip", PLAIN.as_bytes()),
            ("zstd", &zstd(PLAIN.as_bytes())[..20]),
            ("br", b"\x11"),
            ("deflate", b"\xff\xff\xff"),
        ] {
            let answer = answer(&format!("Content-Encoding: {encodings}\r\n"), body).unwrap();
            let failure = whole::open(answer, &count(), None).err().unwrap();
            assert_eq!(failure.kind, FailureKind::Broken, "{encodings}");
        }
    }

    #[test]
    fn compressed_errors_are_decoded() {
        let body = br#"{"error":{"message":"no"}}"#;
        for (encodings, body, expected) in [
            ("Content-Encoding: gzip\r\n", gzip(body), &body[..]),
            ("", gzip(body), &body[..]),
            ("Content-Encoding: compress\r\n", b"?".to_vec(), b""),
        ] {
            let answer = encoded(encodings, &body);
            let answer = String::from_utf8_lossy(&answer[..12]).replace("200", "429");
            let rest = encoded(encodings, &body).split_off(12);
            let server = Server::answering([answer.as_bytes(), &rest].concat());
            let failure = failed(&call(UpstreamKind::Compat, &server.base(), BODY));
            assert_eq!(failure.status, Some(429));
            assert_eq!(failure.body, expected, "{encodings}");
        }
    }

    #[test]
    fn a_decompression_bomb_is_limited() {
        let zeros = gzip(&vec![b' '; 80 << 20]);
        assert!(zeros.len() < 1 << 20);
        let answer = answer("Content-Encoding: gzip\r\n", &zeros).unwrap();
        let failure = whole::open_all(answer, &count()).err().unwrap();
        assert_eq!(failure.message, "the answer is too long to be translated");
    }

    #[test]
    fn compressed_events_are_not_delayed() {
        let (go, gone) = mpsc::channel::<()>();
        let gone = std::sync::Mutex::new(gone);
        let server = Server::start(move |_, stream| {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
            let mut encoder = GzEncoder::new(stream, Compression::fast());
            let _ = encoder.get_mut().write_all(head.as_bytes());
            let _ = encoder.write_all(PART.as_bytes());
            let _ = encoder.flush();
            let _ = gone.lock().unwrap().recv();
            let _ = encoder.write_all(format!("{FINISH}{DONE}").as_bytes());
            let _ = encoder.finish();
            false
        });
        let upstream = upstream();
        let base = server.base();
        // It is open with the first event in hand, while the upstream waits to be let go on.
        let primed = opened(upstream.call(&streaming(&base)).unwrap(), Dialect::Chat);
        go.send(()).unwrap();
        let mut lane = Vec::new();
        let relayed = primed.pump(Chunks::new(&mut lane), STYLE, &mut |_| {});
        assert_eq!(relayed.ended, Ended::Terminal);
        assert_eq!(dechunk(&lane).unwrap(), format!("{PART}{FINISH}{DONE}"));
    }
}
