//! Secrets in hostile texts: nothing panics, nothing takes long, and whatever was hidden does not come out,
//! however the text was cut.

#![no_main]

use std::io::Write;

use holdfast::unversioned::redaction::Redaction;
use libfuzzer_sys::fuzz_target;

/// How a secret is put into the text.
fn encoded(secret: &str, how: u8) -> String {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.get(1..json.len() - 1).unwrap_or_default();
    match how % 6 {
        0 => secret.to_owned(),
        1 => json.to_owned(),
        2 => {
            let twice = serde_json::to_string(json).unwrap_or_default();
            twice.get(1..twice.len() - 1).unwrap_or_default().to_owned()
        }
        3 => secret
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect(),
        4 => secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        _ => secret.bytes().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[how, cut, length], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let (secret, text) = rest
        .split_at_checked(usize::from(length))
        .unwrap_or((rest, b""));
    let secret = String::from_utf8_lossy(secret);
    let secret = secret.trim();
    let mut redaction = Redaction::default();
    redaction.add(secret);
    redaction.add("second-secret");
    let hidden = encoded(secret, how);
    // Behind what does not belong to it.
    let all = [text, b" <", hidden.as_bytes(), b"> ", text].concat();
    let whole = redaction.bytes(&all);
    let mut writer = redaction.writer(Vec::new());
    for piece in all.chunks(usize::from(cut).max(1)) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), &*whole);
    // A mask may not be part of what is looked for, and escapes within a secret are read in many ways.
    let is_plain = secret
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_/\" .".contains(&byte));
    if secret.len() >= 6 && is_plain && !"[redacted]".contains(secret) {
        let found = whole
            .windows(hidden.len())
            .any(|window| window == hidden.as_bytes());
        assert!(!found, "{secret} is in {}", String::from_utf8_lossy(&whole));
    }
});
