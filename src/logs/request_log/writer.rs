//! Writes the file of one request.

use std::fs;
use std::io::{self, BufWriter, Write, copy};
use std::path::Path;
use std::time::SystemTime;

use parking_lot::Mutex;

use super::buffer::Buffer;
use super::policy::Policy;
use super::sections::{self, END, Info};
use super::tee::CapturedResponse;
use super::upstream_log::UpstreamLog;
use crate::config::Logs;
use crate::logs::request_id::RequestId;
use crate::logs::warn_once::WarnOnce;
use crate::logs::{files, folder, mask};
use crate::redaction::Redaction;
use crate::time::Timestamp;

/// The lowest status of an error.
const FAILED: u16 = 400;
/// The largest body that the log of a failure shows, bytes.
const BODY: usize = 1024 * 1024;

static WRITES: WarnOnce = WarnOnce::new("request logs");

/// What is known of a finished request.
pub struct LoggedRequest<'a> {
    pub id: RequestId,
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: RequestBody<'a>,
    pub arrived: SystemTime,
    /// The final status. A stream may fail after its status was sent.
    pub status: u16,
    /// Why it failed, if the response does not say.
    pub failure: Option<&'a str>,
    pub upstream: Option<UpstreamLog>,
    pub response: CapturedResponse,
}

/// The body of a request.
pub enum RequestBody<'a> {
    Plain(&'a [u8]),
    /// The body is not available, and why.
    Missing(String),
}

/// Writes the log that `policy` asks for. A failure to write is logged once and never fails the request.
pub fn write(folder: &Path, logs: &Logs, policy: Policy, request: LoggedRequest<'_>) {
    let is_error = match policy {
        Policy::Off => return,
        Policy::ErrorsOnly if request.status < FAILED => return,
        Policy::ErrorsOnly => true,
        Policy::Full => false,
    };
    let most = logs.error_files.filter(|_| is_error);
    match put(folder, is_error, most, request) {
        Ok(()) => WRITES.succeeded(),
        Err(error) => WRITES.failed(&error),
    }
}

/// Of error logs at most `most` are left.
fn put(
    folder: &Path,
    is_error: bool,
    most: Option<usize>,
    request: LoggedRequest<'_>,
) -> io::Result<()> {
    /// Held while a file takes its place, so that there are never more than there may be.
    static PLACES: Mutex<()> = Mutex::new(());

    let local = Timestamp::local(SystemTime::now());
    let id = request.id;
    let name = files::of_request(request.target, &local, id.as_str(), is_error);
    // The file takes its name only when it is complete.
    let unfinished = format!(".{name}");
    let file = folder::create(folder, &unfinished)?;
    let unfinished = folder.join(unfinished);
    let written = write_sections(is_error, request, BufWriter::new(file)).and_then(|()| {
        let _place = PLACES.lock();
        if let Some(most) = most {
            folder::keep_errors(folder, most.saturating_sub(1))?;
        }
        fs::rename(&unfinished, folder.join(name))
    });
    if written.is_err() {
        // The disk may be full: half a file only takes space.
        let _ = fs::remove_file(unfinished);
    }
    written
}

fn write_sections(is_error: bool, request: LoggedRequest<'_>, out: impl Write) -> io::Result<()> {
    let LoggedRequest {
        headers, target, ..
    } = request;
    let (upstream, mut redaction) = match request.upstream {
        Some(upstream) => (Some(upstream.sections), upstream.redaction),
        None => (None, Redaction::default()),
    };
    mask::hide_request(&mut redaction, headers.iter().copied(), target);
    let mut out = redaction.writer(out);
    let info = sections::info(&Info {
        url: &mask::url(target),
        method: request.method,
        has_upstream: upstream.as_ref().is_some_and(|kept| !kept.is_empty()),
        time: request.arrived,
    });
    out.write_all(info.as_bytes())?;
    out.write_all(sections::headers(headers.iter().copied()).as_bytes())?;
    match request.body {
        RequestBody::Plain(body) if body.is_empty() || (is_error && !is_shown(headers, body)) => {}
        RequestBody::Plain(body) => {
            out.write_all(b"=== REQUEST BODY ===\n")?;
            out.write_all(body)?;
            out.write_all(END.as_bytes())?;
        }
        RequestBody::Missing(why) => write!(
            out,
            "=== REQUEST BODY ===\n[DECOMPRESSION ERROR: {why}]{END}"
        )?,
    }
    if let Some(sections) = upstream {
        copy_buffer(sections, &mut out, |from, out| copy(from, out).map(drop))?;
    }
    match (
        request.response.status,
        request.response.contents.is_empty(),
    ) {
        (Some(_), false) => copy_buffer(request.response.contents, &mut out, |from, out| {
            sections::response(from, out)
        })?,
        (Some(status), true) => {
            let bytes = request.response.length;
            write!(
                out,
                "=== RESPONSE ===\nStatus: {status}\n\n[{bytes} bytes, not kept]"
            )?;
        }
        (None, _) => write!(out, "=== RESPONSE ===\n[no answer: {}]", request.status)?,
    }
    if let Some(failure) = request.failure {
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

fn copy_buffer(
    buffer: Buffer,
    out: &mut dyn Write,
    copy: impl FnOnce(&mut dyn io::BufRead, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let (mut from, lost) = buffer.read()?;
    copy(&mut *from, out)?;
    match lost {
        0 => Ok(()),
        lost => write!(out, "\n[{lost} more bytes could not be kept]\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::tee::ResponseCapture;
    use super::super::{CallIdentity, current, upstream};
    use super::*;
    use crate::config::Secret;
    use crate::logs::folder::tests::Temporary;

    const BODY: &[u8] = br#"{"model":"m"}"#;

    /// The one file that a request leaves behind.
    fn written(policy: Policy, answer: &str, body: RequestBody<'_>) -> Option<(String, String)> {
        let folder = Temporary::new();
        let shared = folder.0.as_path().into();
        let id = RequestId::fresh();
        let current = current::enter(id, policy, &shared);
        let key = Secret::new("upstream-key-1");
        upstream::attempt(&CallIdentity {
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
        let mut from = upstream::response(200, [("set-cookie", "abcdefghi")].into_iter(), from);
        copy(&mut from, &mut io::sink()).unwrap();
        drop(from);
        upstream::failure(
            Some(401),
            "no pass-word, no upstream-key-1, no sk-0123456789abc",
        );
        let mut out = Vec::new();
        let capture = ResponseCapture::new(policy, shared);
        capture.tee(&mut out).write_all(answer.as_bytes()).unwrap();
        let response = capture.take();
        let request = LoggedRequest {
            id,
            method: "POST",
            target: "/v1/messages?key=client-key-1",
            headers: &[("X-Api-Key", "client-key-1"), ("Host", "h")],
            body,
            arrived: SystemTime::now(),
            status: response.status.unwrap_or(502),
            failure: None,
            upstream: current.upstream(),
            response,
        };
        write(&folder.0, &Logs::default(), policy, request);
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
        let (name, text) = written(Policy::Full, answer, RequestBody::Plain(BODY)).unwrap();
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
        let (name, text) = written(Policy::ErrorsOnly, answer, RequestBody::Plain(BODY)).unwrap();
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
        assert_eq!(
            written(Policy::ErrorsOnly, answer, RequestBody::Plain(BODY)),
            None
        );
        assert_eq!(
            written(
                Policy::Off,
                "HTTP/1.1 500 Oh\r\n\r\n",
                RequestBody::Plain(BODY)
            ),
            None
        );
    }

    #[test]
    fn bodies_are_left_out_or_explained() {
        let answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
        let large = vec![b'x'; super::BODY + 1];
        let (_, text) = written(Policy::ErrorsOnly, answer, RequestBody::Plain(&large)).unwrap();
        assert!(!text.contains("=== REQUEST BODY ==="));
        let (_, text) = written(Policy::Full, answer, RequestBody::Plain(&large)).unwrap();
        assert!(text.contains("=== REQUEST BODY ===\nxxx"));
        let why = RequestBody::Missing("the body is not valid gzip".to_owned());
        let (_, text) = written(Policy::ErrorsOnly, answer, why).unwrap();
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
            let capture = ResponseCapture::new(Policy::ErrorsOnly, folder.0.as_path().into());
            let request = LoggedRequest {
                id,
                method: "POST",
                target: "/v1/messages",
                headers: &[],
                body: RequestBody::Plain(BODY),
                arrived: SystemTime::now(),
                status: 502,
                failure: None,
                upstream: None,
                response: capture.take(),
            };
            write(&folder.0, &logs, Policy::ErrorsOnly, request);
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
