//! Fetching lists of models: pages, limits, credentials.

use holdfast::unversioned::provider::models::{List, has_list};

use crate::*;

fn target<'a>(kind: UpstreamKind, base: &'a str, headers: &'a [(&'a str, &'a str)]) -> Target<'a> {
    Target {
        headers,
        ..call(kind, base, "").target
    }
}

fn fetch(kind: UpstreamKind, base: &str) -> Result<List, Failure> {
    upstream().models(target(kind, base, &[]), alone())
}

/// An upstream that gives each request the next of `pages`, then the last again and again.
fn paged(pages: &[&str]) -> Server {
    let pages: Vec<String> = pages.iter().map(|page| json_answer(page)).collect();
    let asked = AtomicUsize::new(0);
    Server::start(move |_, stream| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        let page = pages.get(number).or(pages.last()).unwrap();
        stream.write_all(page.as_bytes()).is_ok()
    })
}

fn names(list: &List) -> Vec<&str> {
    list.models.iter().map(|model| model.id.as_str()).collect()
}

#[test]
fn pages_are_joined() {
    for (kind, pages, lines) in [
        (
            UpstreamKind::Claude,
            [
                r#"{"data":[{"id":"a"},{"id":"b"}],"has_more":true,"last_id":"b"}"#,
                r#"{"data":[{"id":"B"},{"id":"c"}],"has_more":false,"last_id":"c"}"#,
            ],
            [
                "GET /v1/models?limit=1000 HTTP/1.1",
                "GET /v1/models?limit=1000&after_id=b HTTP/1.1",
            ],
        ),
        (
            UpstreamKind::Gemini,
            [
                r#"{"models":[{"name":"models/a","supportedGenerationMethods":["generateContent"]},{"name":"models/b","supportedGenerationMethods":["generateContent"]}],"nextPageToken":"t/1"}"#,
                r#"{"models":[{"name":"models/no","supportedGenerationMethods":["embedContent"]},{"name":"models/c","supportedGenerationMethods":["generateContent"]}]}"#,
            ],
            [
                "GET /v1beta/models?pageSize=1000 HTTP/1.1",
                "GET /v1beta/models?pageSize=1000&pageToken=t%2F1 HTTP/1.1",
            ],
        ),
    ] {
        let server = paged(&pages);
        let list = fetch(kind, &server.base()).unwrap();
        // A name that came before, in whatever case, is not taken twice.
        assert_eq!(names(&list), ["a", "b", "c"], "{kind:?}");
        for line in lines {
            assert_eq!(server.next().line(), line);
        }
        assert!(server.seen.try_recv().is_err(), "{kind:?}");
    }
}

#[test]
fn an_endless_list_is_limited() {
    let turning = Server::start({
        let asked = AtomicUsize::new(0);
        move |_, stream| {
            let number = asked.fetch_add(1, Ordering::Relaxed);
            let page = format!(
                r#"{{"data":[{{"id":"m{number}"}}],"has_more":true,"last_id":"m{number}"}}"#
            );
            stream.write_all(json_answer(&page).as_bytes()).is_ok()
        }
    });
    assert_eq!(
        fetch(UpstreamKind::Claude, &turning.base())
            .unwrap()
            .models
            .len(),
        20
    );
    // A repeated page ends the list.
    let stuck = paged(&[r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}"#]);
    assert_eq!(
        names(&fetch(UpstreamKind::Claude, &stuck.base()).unwrap()),
        ["a"]
    );
    assert_eq!(stuck.seen.try_iter().count(), 2);
    let rows: Vec<String> = (0..5000).map(|n| format!(r#"{{"id":"m{n}"}}"#)).collect();
    let many = paged(&[&format!(r#"{{"data":[{}]}}"#, rows.join(","))]);
    assert_eq!(
        fetch(UpstreamKind::Compat, &many.base())
            .unwrap()
            .models
            .len(),
        4096
    );
    let long = format!(r#"{{"data":[{{"id":"{}"}}]}}"#, "x".repeat(5 << 20));
    let failure = fetch(UpstreamKind::Compat, &paged(&[&long]).base()).unwrap_err();
    assert_eq!(failure.message, "the list of models is too long");
}

#[test]
fn invalid_names_are_skipped() {
    let long = "x".repeat(257);
    let page = format!(
        r#"{{"data":[{{"id":""}},{{"id":"a b"}},{{"id":"a\nb"}},{{"id":"{long}"}},{{"name":"x"}},{{"id":"good"}}]}}"#
    );
    let list = fetch(UpstreamKind::Compat, &paged(&[&page]).base()).unwrap();
    assert_eq!(names(&list), ["good"]);
}

#[test]
fn a_list_is_fetched_with_the_settings_of_the_credential() {
    let own = [("X-Team", "blue")];
    for (kind, header, value) in [
        (UpstreamKind::Claude, "authorization", "Bearer k-123"),
        (UpstreamKind::Codex, "authorization", "Bearer k-123"),
        (UpstreamKind::Compat, "authorization", "Bearer k-123"),
        (UpstreamKind::Gemini, "x-goog-api-key", "k-123"),
    ] {
        let server = Server::answering(
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 23\r\n\r\n\
             {\"data\":[],\"models\":[]}",
        );
        let base = server.base();
        let list = upstream()
            .models(target(kind, &base, &own), alone())
            .unwrap();
        assert_eq!(
            list.date,
            Some(std::time::UNIX_EPOCH + Duration::from_secs(784_111_777))
        );
        let seen = server.next();
        assert_eq!(seen.header(header), Some(value), "{kind:?}");
        assert_eq!(seen.header("x-team"), Some("blue"));
        assert_eq!(seen.header("content-length"), None);
        assert_eq!(seen.header("content-type"), None);
    }
}

#[test]
fn failures_contain_no_secret() {
    let server = Server::answering(
        "HTTP/1.1 401 Unauthorized\r\nX-Key: k-123\r\nContent-Length: 20\r\n\r\n{\"error\":\"bad k-123\"}",
    );
    let failure = fetch(UpstreamKind::Compat, &server.base()).unwrap_err();
    assert_eq!(failure.status, Some(401));
    let told = format!("{failure:?}{}", String::from_utf8_lossy(&failure.body));
    assert!(!told.contains("k-123"), "{told}");
    let page = Server::answering("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>");
    let failure = fetch(UpstreamKind::Claude, &page.base()).unwrap_err();
    assert_eq!(failure.message, "the answer is not a list of models");
    assert_eq!(
        fetch(UpstreamKind::Vertex, &page.base()).unwrap_err().kind,
        FailureKind::Unsupported
    );
}

#[test]
fn some_upstreams_have_no_list() {
    for (kind, base, expected) in [
        (UpstreamKind::Claude, "", true),
        (UpstreamKind::Codex, "https://api.openai.com/v1", true),
        (
            UpstreamKind::Codex,
            "https://chatgpt.com/backend-api/codex",
            false,
        ),
        (UpstreamKind::Vertex, "", false),
    ] {
        assert_eq!(has_list(kind, base), expected, "{kind:?} {base}");
    }
}
