//! The file of one request.

use std::fs;
use std::io::{self, BufWriter, Write, copy};
use std::path::Path;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::complaint::Complaint;
use super::files;
use super::folder;
use super::keep::Keep;
use super::mask;
use super::request_id::RequestId;
use super::sections::{self, END, Info};
use super::spool::Spool;
use super::tee::Sent;
use super::upstream::Upstream;
use crate::config::Logs;
use crate::redaction::Redaction;
use crate::time::Timestamp;

/// The least status of a request that has failed.
const FAILED: u16 = 400;
/// The largest body that the log of a failure shows, bytes.
const BODY: usize = 1024 * 1024;

static RECORDING: Complaint = Complaint::about("request logs");

/// A request that is over.
pub struct Record<'a> {
    pub id: RequestId,
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Body<'a>,
    pub arrived: SystemTime,
    /// What it came to, which may be worse than what the client was told at first.
    pub status: u16,
    /// Why it failed, if the answer does not say.
    pub failure: Option<&'a str>,
    pub upstream: Option<Upstream>,
    pub sent: Sent,
}

/// The body of a request.
pub enum Body<'a> {
    Plain(&'a [u8]),
    /// It could not be decompressed, and why.
    Undecodable(String),
}

/// Writes down what `keep` asks for. What cannot be written is said once, and never ends a request.
pub fn write(folder: &Path, logs: &Logs, keep: Keep, record: Record<'_>) {
    let is_error = match keep {
        Keep::Nothing => return,
        Keep::Failures if record.status < FAILED => return,
        Keep::Failures => true,
        Keep::Everything => false,
    };
    let most = logs.error_files.filter(|_| is_error);
    match put(folder, is_error, most, record) {
        Ok(()) => RECORDING.withdraw(),
        Err(error) => RECORDING.make(&error),
    }
}

/// Of error logs there are `most` at most.
fn put(folder: &Path, is_error: bool, most: Option<usize>, record: Record<'_>) -> io::Result<()> {
    /// Held while a file takes its place, so that there are never more than there may be.
    static PLACES: Mutex<()> = Mutex::new(());

    let local = Timestamp::local(SystemTime::now());
    let id = record.id;
    let name = files::of_request(record.target, &local, id.as_str(), is_error);
    // Whoever looks sees it whole.
    let unfinished = format!(".{name}");
    let file = folder::create(folder, &unfinished)?;
    let unfinished = folder.join(unfinished);
    let written = all(is_error, record, BufWriter::new(file)).and_then(|()| {
        let _place = PLACES.lock();
        if let Some(most) = most {
            folder::keep_errors(folder, most.saturating_sub(1))?;
        }
        fs::rename(&unfinished, folder.join(name))
    });
    if written.is_err() {
        // The disk may be full: what was not written whole only takes room.
        let _ = fs::remove_file(unfinished);
    }
    written
}

fn all(is_error: bool, record: Record<'_>, out: impl Write) -> io::Result<()> {
    let Record {
        headers, target, ..
    } = record;
    let (upstream, mut redaction) = match record.upstream {
        Some(upstream) => (Some(upstream.sections), upstream.redaction),
        None => (None, Redaction::default()),
    };
    mask::hide_request(&mut redaction, headers.iter().copied(), target);
    let mut out = redaction.writer(out);
    let info = sections::info(&Info {
        url: &mask::url(target),
        method: record.method,
        has_upstream: upstream.as_ref().is_some_and(|kept| !kept.is_empty()),
        time: record.arrived,
    });
    out.write_all(info.as_bytes())?;
    out.write_all(sections::headers(headers.iter().copied()).as_bytes())?;
    match record.body {
        Body::Plain(body) if body.is_empty() || (is_error && !is_shown(headers, body)) => {}
        Body::Plain(body) => {
            out.write_all(b"=== REQUEST BODY ===\n")?;
            out.write_all(body)?;
            out.write_all(END.as_bytes())?;
        }
        Body::Undecodable(why) => write!(
            out,
            "=== REQUEST BODY ===\n[DECOMPRESSION ERROR: {why}]{END}"
        )?,
    }
    if let Some(sections) = upstream {
        pour(sections, &mut out, |from, out| copy(from, out).map(drop))?;
    }
    match (record.sent.status, record.sent.spool.is_empty()) {
        (Some(_), false) => pour(record.sent.spool, &mut out, |from, out| {
            sections::response(from, out)
        })?,
        (Some(status), true) => {
            let bytes = record.sent.bytes;
            write!(
                out,
                "=== RESPONSE ===\nStatus: {status}\n\n[{bytes} bytes, not kept]"
            )?;
        }
        (None, _) => write!(out, "=== RESPONSE ===\n[no answer: {}]", record.status)?,
    }
    if let Some(failure) = record.failure {
        write!(out, "\n[{failure}]")?;
    }
    out.write_all(b"\n")?;
    out.finish()?.flush()
}

/// Whether the log of a failure shows the body.
fn is_shown(headers: &[(&str, &str)], body: &[u8]) -> bool {
    let is_multipart = headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("content-type")
            && value.to_ascii_lowercase().starts_with("multipart/")
    });
    body.len() <= BODY && !is_multipart
}

fn pour(
    spool: Spool,
    out: &mut dyn Write,
    copy: impl FnOnce(&mut dyn io::BufRead, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let (mut from, lost) = spool.read()?;
    copy(&mut *from, out)?;
    match lost {
        0 => Ok(()),
        lost => write!(out, "\n[{lost} more bytes could not be kept]\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::current;
    use super::super::folder::tests::Temporary;
    use super::super::tee::Seen;
    use super::super::upstream::{self, Presented};
    use super::*;
    use crate::config::Secret;

    const BODY: &[u8] = br#"{"model":"m"}"#;

    /// The one file that a request leaves behind.
    fn written(keep: Keep, answer: &str, body: Body<'_>) -> Option<(String, String)> {
        let folder = Temporary::new();
        let shared = folder.0.as_path().into();
        let id = RequestId::fresh();
        let entered = current::enter(id, keep, &shared);
        let key = Secret::new("upstream-key-1");
        upstream::attempt(&Presented {
            provider: "claude",
            id: "claude:0123",
            label: "claude-apikey",
            key: Some(&key),
            headers: &[("X-Own", "tiny")],
            proxy: Some("http://user-name:pass-word@h:1"),
        });
        let headers = [
            ("x-own", "tiny"),
            ("authorization", "Bearer upstream-key-1"),
            ("accept", "*/*"),
        ];
        upstream::request(
            "POST",
            "http://u/v1?key=upstream-key-1",
            headers.into_iter(),
            &mut &BODY[..],
        );
        let from = Box::new(&b"data: upstream-key-1"[..]);
        let mut from = upstream::answer(200, [("set-cookie", "abcdefghi")].into_iter(), from);
        copy(&mut from, &mut io::sink()).unwrap();
        drop(from);
        upstream::failure(
            Some(401),
            "no pass-word, no upstream-key-1, no sk-0123456789abc",
        );
        let mut out = Vec::new();
        let seen = Seen::new(keep, shared);
        seen.tee(&mut out).write_all(answer.as_bytes()).unwrap();
        let sent = seen.sent();
        let record = Record {
            id,
            method: "POST",
            target: "/v1/messages?key=client-key-1",
            headers: &[("X-Api-Key", "client-key-1"), ("Host", "h")],
            body,
            arrived: SystemTime::now(),
            status: sent.status.unwrap_or(502),
            failure: None,
            upstream: entered.upstream(),
            sent,
        };
        write(&folder.0, &Logs::default(), keep, record);
        let name = folder.names().pop()?;
        let path = folder.0.join(&name);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(path).unwrap();
        assert!(name.ends_with(&format!("-{id}.log")));
        Some((name, text))
    }

    #[test]
    fn everything_has_its_section_and_no_secret() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\nfor client-key-1!";
        let (name, text) = written(Keep::Everything, answer, Body::Plain(BODY)).unwrap();
        assert!(name.starts_with("v1-messages-"), "{name}");
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("Timestamp: "))
            .collect();
        let version = concat!("Version: ", env!("CARGO_PKG_VERSION"));
        let expected = [
            "=== REQUEST INFO ===",
            version,
            "URL: /v1/messages?key=clie...ey-1",
            "Method: POST",
            "Downstream Transport: http",
            "Upstream Transport: http",
            "",
            "=== HEADERS ===",
            "X-Api-Key: clie...ey-1",
            "Host: h",
            "",
            "=== REQUEST BODY ===",
            r#"{"model":"m"}"#,
            "",
            "=== API REQUEST 1 ===",
            "Upstream URL: http://u/v1?key=upst...ey-1",
            "HTTP Method: POST",
            "Auth: provider=claude, auth_id=claude:0123, label=claude-apikey, type=api_key value=upst...ey-1",
            "",
            "Headers:",
            "accept: */*",
            "authorization: Bearer upst...ey-1",
            "x-own: t...y",
            "",
            "Body:",
            r#"{"model":"m"}"#,
            "",
            "=== API RESPONSE 1 ===",
            "Status: 200",
            "",
            "Headers:",
            "set-cookie: abcd...fghi",
            "",
            "Body:",
            "data: upst...ey-1",
            "",
            "=== API ERROR RESPONSE ===",
            "HTTP Status: 401",
            "no pass...word, no upst...ey-1, no sk-[redacted]",
            "",
            "=== RESPONSE ===",
            "Status: 200",
            "Content-Length: 17",
            "",
            "for clie...ey-1!",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn failures_leave_upstreams_out() {
        let answer = "HTTP/1.1 400 Bad Request\r\n\r\noh";
        let (name, text) = written(Keep::Failures, answer, Body::Plain(BODY)).unwrap();
        assert!(name.starts_with("error-v1-messages-"), "{name}");
        assert!(
            text.contains("=== REQUEST BODY ===\n{\"model\":\"m\"}"),
            "{text}"
        );
        assert!(
            text.contains("=== API ERROR RESPONSE ===\nHTTP Status: 401"),
            "{text}"
        );
        assert!(
            text.ends_with("=== RESPONSE ===\nStatus: 400\n\noh\n"),
            "{text}"
        );
        assert!(!text.contains("=== API RE"), "{text}");
        let answer = "HTTP/1.1 200 OK\r\n\r\noh";
        assert_eq!(written(Keep::Failures, answer, Body::Plain(BODY)), None);
        assert_eq!(
            written(Keep::Nothing, "HTTP/1.1 500 Oh\r\n\r\n", Body::Plain(BODY)),
            None
        );
    }

    #[test]
    fn bodies_are_left_out_or_explained() {
        let answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
        let large = vec![b'x'; super::BODY + 1];
        let (_, text) = written(Keep::Failures, answer, Body::Plain(&large)).unwrap();
        assert!(!text.contains("=== REQUEST BODY ==="));
        let (_, text) = written(Keep::Everything, answer, Body::Plain(&large)).unwrap();
        assert!(text.contains("=== REQUEST BODY ===\nxxx"));
        let why = Body::Undecodable("the body is not valid gzip".to_owned());
        let (_, text) = written(Keep::Failures, answer, why).unwrap();
        assert!(
            text.contains("[DECOMPRESSION ERROR: the body is not valid gzip]"),
            "{text}"
        );
        assert!(!is_shown(
            &[("Content-Type", "Multipart/form-data; boundary=x")],
            b"x"
        ));
    }

    #[test]
    fn there_are_never_more_error_logs_than_there_may_be() {
        let folder = Temporary::new();
        let logs = Logs {
            error_files: Some(3),
            ..Logs::default()
        };
        let write_one = || {
            let id = RequestId::fresh();
            let seen = Seen::new(Keep::Failures, folder.0.as_path().into());
            let record = Record {
                id,
                method: "POST",
                target: "/v1/messages",
                headers: &[],
                body: Body::Plain(BODY),
                arrived: SystemTime::now(),
                status: 502,
                failure: None,
                upstream: None,
                sent: seen.sent(),
            };
            write(&folder.0, &logs, Keep::Failures, record);
            let names = folder.names().into_iter();
            names.filter(|name| name.starts_with("error-")).count()
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        assert!(write_one() <= 3);
                    }
                });
            }
        });
        assert_eq!(folder.names().len(), 3);
    }
}
