//! `holdfast identify`.

use std::io::Write;
use std::process::{Command, Stdio};

fn identify(arguments: &[&str], body: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_holdfast"))
        .arg("identify")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It need not read what it refuses.
    let _ = child.stdin.take().unwrap().write_all(body.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

const BODY: &str = r#"{"messages":[{"role":"user","content":"Hello world"},{"role":"assistant","content":"Hi! How can I help?"}]}"#;

#[test]
fn it_prints_both_ids() {
    let (code, out, _) = identify(&[], BODY);
    assert_eq!(code, Some(0));
    assert_eq!(
        out,
        "primary  msg:0964de51a03c0514\nfallback msg:6f3af82650710693\n"
    );
    let (_, out, _) = identify(&["--json", "--header", "X-Session-ID: abc"], BODY);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"primary": "header:abc", "fallback": ""})
    );
}

#[test]
fn it_tells_what_is_wrong() {
    let (code, _, err) = identify(&[], "{\"a\":");
    assert_eq!(code, Some(1));
    assert!(err.contains("not JSON"), "{err}");
    assert_eq!(identify(&["--header", "nonsense"], "{}").0, Some(1));
    assert_eq!(identify(&["--bogus"], "{}").0, Some(2));
}
