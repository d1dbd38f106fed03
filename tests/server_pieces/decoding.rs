//! Request bodies with a content encoding.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use holdfast::unversioned::budget::Budget;
use holdfast::unversioned::generation::decoding::{self, DecodeError};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const JSON: &[u8] = br#"{"model":"gpt-5","stream":true,"input":"hello hello hello hello"}"#;
/// [`JSON`] encoded with the reference implementations, brotli 1.1 and zstd 1.5.
const BROTLI: &[u8] = b"\x1b\x40\x00\xe8\x8d\xd4\x62\xcd\x19\xee\x84\x38\x38\xf2\xf1\xc3\x90\xd3\x20\xab\x74\xfa\x60\x03\x4e\x00\xb2\xc3\xcd\x66\x1e\x36\xe0\x30\xa4\xb6\x69\xde\xa7\x0f\xb3\x57\x2d\xaa\x32\x1a\x71\x71\xb8\x4d\x04";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd\x04\x58\xbd\x01\x00\x04\x03\x7b\x22\x6d\x6f\x64\x65\x6c\x22\x3a\x22\x67\x70\x74\x2d\x35\x22\x2c\x22\x73\x74\x72\x65\x61\x6d\x22\x3a\x74\x72\x75\x65\x2c\x22\x69\x6e\x70\x75\x74\x22\x3a\x22\x68\x65\x6c\x6c\x6f\x20\x22\x7d\x01\x00\xce\x5c\xca\xc6\x95\xee\x9f";
const LIMIT: u64 = 1 << 20;

fn written<W: Write>(
    mut encoder: W,
    plain: &[u8],
    finish: fn(W) -> std::io::Result<Vec<u8>>,
) -> Vec<u8> {
    encoder.write_all(plain).expect("memory takes it");
    finish(encoder).expect("memory takes it")
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    written(
        GzEncoder::new(Vec::new(), Compression::fast()),
        plain,
        GzEncoder::finish,
    )
}

fn zlib(plain: &[u8]) -> Vec<u8> {
    written(
        ZlibEncoder::new(Vec::new(), Compression::fast()),
        plain,
        ZlibEncoder::finish,
    )
}

fn raw_deflate(plain: &[u8]) -> Vec<u8> {
    written(
        DeflateEncoder::new(Vec::new(), Compression::fast()),
        plain,
        DeflateEncoder::finish,
    )
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    compress_to_vec(plain, CompressionLevel::Fastest)
}

/// Uncompressed meta-blocks (RFC 7932 9.2), as there is no encoder.
fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    let mut window_bits = 1; // one bit, 0: a window of 64 KiB
    for chunk in plain.chunks(1 << 16) {
        let length = u32::try_from(chunk.len() - 1).expect("16 bits");
        let header = (length << 3 | 1 << 19) << window_bits;
        coded.extend_from_slice(&header.to_le_bytes()[..3]);
        coded.extend_from_slice(chunk);
        window_bits = 0;
    }
    coded.push(0b11 << window_bits);
    coded
}

/// Decodes with an unlimited budget.
fn decode(
    header: &str,
    coded: Vec<u8>,
    limit: u64,
    is_json: impl FnOnce(&[u8]) -> bool,
) -> Result<Vec<u8>, DecodeError> {
    let decoded = decoding::decode(header, coded, limit, &Budget::unlimited(), is_json);
    decoded.map(|decoded| decoded.body)
}

fn never(_: &[u8]) -> bool {
    false
}

#[test]
fn each_encoding_is_decoded() {
    for (header, coded) in [
        ("", JSON.to_vec()),
        ("identity", JSON.to_vec()),
        ("gzip", gzip(JSON)),
        ("X-GZIP", gzip(JSON)),
        ("deflate", zlib(JSON)),
        ("deflate", raw_deflate(JSON)),
        ("br", BROTLI.to_vec()),
        ("br", brotli(JSON)),
        ("zstd", ZSTD.to_vec()),
        (" identity , zstd ,", ZSTD.to_vec()),
    ] {
        assert_eq!(
            decode(header, coded, LIMIT, never).as_deref(),
            Ok(JSON),
            "{header}"
        );
    }
}

#[test]
fn several_encodings_are_decoded_last_first() {
    let coded = zstd(&gzip(&zlib(JSON)));
    assert_eq!(
        decode("deflate, gzip,zstd", coded.clone(), LIMIT, never).as_deref(),
        Ok(JSON)
    );
    assert_eq!(
        decode("zstd, gzip, deflate", coded, LIMIT, never),
        Err(DecodeError::Corrupt {
            encoding: "deflate"
        })
    );
    let five = decode("gzip,gzip,gzip,gzip,gzip", Vec::new(), LIMIT, never);
    assert_eq!(five, Err(DecodeError::TooMany));
}

#[test]
fn several_members_and_frames_are_one_body() {
    let (head, tail) = JSON.split_at(20);
    let members = [gzip(head), gzip(tail)].concat();
    assert_eq!(decode("gzip", members, LIMIT, never).as_deref(), Ok(JSON));
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let frames = [skippable.clone(), zstd(head), skippable, zstd(tail)].concat();
    assert_eq!(decode("zstd", frames, LIMIT, never).as_deref(), Ok(JSON));
}

#[test]
fn decompression_bombs_stop_at_the_limit() {
    let zeros = vec![0; 3 << 20];
    for (header, coded) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", brotli(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip,gzip", gzip(&gzip(&zeros))),
    ] {
        let bomb = decode(header, coded, LIMIT, |_| true);
        assert_eq!(
            bomb,
            Err(DecodeError::TooLarge { limit: LIMIT }),
            "{header}"
        );
    }
    assert_eq!(
        decode("gzip", gzip(JSON), JSON.len() as u64, never).as_deref(),
        Ok(JSON)
    );
    assert!(decode("gzip", gzip(JSON), JSON.len() as u64 - 1, never).is_err());
}

#[test]
fn decoded_bodies_are_reserved_from_the_budget() {
    const MOST: usize = 16 << 20;
    let plain = b"some words that are said again and again ".repeat(50_000);
    for (header, coded) in [
        ("", plain.clone()),
        ("gzip", gzip(&plain)),
        ("deflate", zlib(&plain)),
        ("br", brotli(&plain)),
        ("zstd", zstd(&plain)),
        ("gzip,zstd", zstd(&gzip(&plain))),
    ] {
        let budget = Budget::new(MOST);
        let limit = plain.len() as u64;
        let decoded = decoding::decode(header, coded, limit, &budget, never).unwrap();
        assert_eq!(decoded.body, plain, "{header}");
        let taken = match header {
            "" => 0,
            _ => decoded.body.capacity(),
        };
        assert_eq!(budget.used(), taken, "{header}");
        assert!(taken <= plain.len() * 9 / 8, "{header}: {taken}");
        drop(decoded);
        assert_eq!(budget.used(), 0, "{header}");
    }
}

#[test]
fn decompression_bombs_stop_when_the_budget_is_used_up() {
    const LEFT: usize = 5 << 20;
    let zeros = vec![0; 16 << 20];
    for (header, coded) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("br", brotli(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip,gzip", gzip(&gzip(&zeros))),
    ] {
        let budget = Budget::new(LEFT);
        let bomb = decoding::decode(header, coded, u64::MAX, &budget, |_| true);
        assert_eq!(bomb.unwrap_err(), DecodeError::NoMemory, "{header}");
        assert_eq!(budget.used(), 0, "{header}");
    }
    let problem = DecodeError::NoMemory.problem();
    assert_eq!(problem.status.code(), 503);
    assert_eq!(problem.retry_after, Some(Duration::from_secs(1)));
}

#[test]
fn oversized_windows_are_refused() {
    // A brotli header with a window of 1 GiB, and a zstd frame with one of 64 MiB.
    for (header, coded) in [
        ("br", vec![0x11, 0x1e, 0xff, 0xff, 0xff, 0xff]),
        (
            "zstd",
            vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x80, 0x01, 0x00, 0x00],
        ),
    ] {
        assert!(matches!(
            decode(header, coded, LIMIT, never),
            Err(DecodeError::Corrupt { .. })
        ));
    }
}

#[test]
fn json_with_a_wrong_encoding_is_used_unchanged() {
    for header in ["gzip", "deflate", "br", "zstd", "aws-chunked", "gzip,zstd"] {
        let body = decode(header, JSON.to_vec(), LIMIT, |bytes| bytes == JSON);
        assert_eq!(body.as_deref(), Ok(JSON), "{header}");
        assert!(
            decode(header, JSON.to_vec(), LIMIT, never).is_err(),
            "{header}"
        );
    }
}

#[test]
fn truncated_bodies_are_refused() {
    for (header, coded) in [
        ("gzip", gzip(JSON)),
        ("deflate", zlib(JSON)),
        ("br", BROTLI.to_vec()),
        ("zstd", zstd(JSON)),
    ] {
        for end in 0..coded.len() {
            let body = decode(header, coded[..end].to_vec(), LIMIT, never);
            // Checksums at the end may be missing, content must not.
            assert!(
                !matches!(&body, Ok(plain) if plain != JSON),
                "{header} {end}: {body:?}"
            );
        }
    }
}

#[test]
fn a_small_stack_is_enough() {
    let coded = [gzip(JSON), zlib(JSON), brotli(JSON), zstd(JSON)];
    std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(move || {
            for (header, coded) in ["gzip", "deflate", "br", "zstd"].into_iter().zip(coded) {
                assert_eq!(decode(header, coded, LIMIT, never).as_deref(), Ok(JSON));
            }
        })
        .expect("a thread")
        .join()
        .expect("no overflow");
}

proptest! {
    #[test]
    fn encoded_bodies_are_decoded(plain in prop::collection::vec(any::<u8>(), 0..5000), repeat in 1..40_usize) {
        let plain = plain.repeat(repeat);
        for (header, coded) in [
            ("gzip", gzip(&plain)),
            ("deflate", zlib(&plain)),
            ("br", brotli(&plain)),
            ("zstd", zstd(&plain)),
        ] {
            prop_assert_eq!(decode(header, coded, LIMIT, never), Ok(plain.clone()));
        }
    }

    #[test]
    fn noise_is_refused(noise in prop::collection::vec(any::<u8>(), 0..300)) {
        for header in ["gzip", "deflate", "br", "zstd"] {
            if let Ok(plain) = decode(header, noise.clone(), LIMIT, never) {
                prop_assert!(plain.len() as u64 <= LIMIT);
            }
        }
    }
}
