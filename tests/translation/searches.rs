//! What was searched on the web, and what is cited of it, reaches the client; how to search reaches the upstream.

use holdfast::unversioned::translate;
use holdfast::unversioned::translate::neutral::answer::{Answer, Block};
use holdfast::unversioned::translate::neutral::{ToolChoice, WebSearch};
use holdfast::unversioned::wire::Dialect;
use serde_json::{Value, json};

use super::answers::{context, data_of, streamed, understood};
use super::fixtures::{of_kind, translated};
use super::requests::read;

#[derive(Debug, Default, PartialEq)]
struct Searched {
    queries: Vec<String>,
    pages: Vec<String>,
    /// URL and the words that it is cited for.
    cited: Vec<(String, String)>,
}

fn searched(answer: &Answer) -> Searched {
    let mut searched = Searched::default();
    let blocks = answer.choices.values().take(1);
    for block in blocks.flat_map(|choice| choice.blocks.values()) {
        match block {
            Block::Search(search) => {
                searched.queries.push(search.query.clone());
                let urls = search.found.iter().map(|found| found.url.clone());
                searched.pages.extend(urls);
            }
            Block::Text { text, citations } => {
                searched.cited.extend(citations.iter().map(|citation| {
                    let (start, end) = citation.range.unwrap_or_default();
                    let words = text.chars().skip(start as usize);
                    let words = words.take((end - start) as usize);
                    (citation.url.clone(), words.collect())
                }));
            }
            _ => {}
        }
    }
    searched.pages.sort();
    searched.pages.dedup();
    searched
}

/// What of it a dialect can say.
fn sayable(client: Dialect, upstream: &Searched) -> Searched {
    let Searched {
        queries,
        pages,
        cited,
    } = upstream;
    let mut all: Vec<String> = pages.clone();
    if client == Dialect::Gemini {
        all.extend(cited.iter().map(|(url, _)| url.clone()));
        all.sort();
        all.dedup();
    }
    match client {
        Dialect::Chat => Searched {
            cited: cited.clone(),
            ..Searched::default()
        },
        _ => Searched {
            queries: queries.clone(),
            pages: all,
            cited: cited.clone(),
        },
    }
}

fn compare(client: Dialect, got: &Answer, expected: &Answer, what: &str) -> bool {
    let mut got = searched(got);
    let expected = searched(expected);
    let mut sayable = sayable(client, &expected);
    if client == Dialect::Gemini && sayable.queries.is_empty() && !sayable.pages.is_empty() {
        // Nothing is known of the search that has brought the page.
        sayable.queries.push(String::new());
    }
    if client == Dialect::Messages {
        // What is cited there are whole texts.
        for (_, words) in sayable.cited.iter_mut().chain(&mut got.cited) {
            words.clear();
        }
    }
    assert_eq!(got, sayable, "{what}");
    expected != Searched::default()
}

#[test]
fn searches_and_citations_reach_every_client() {
    let mut found = 0;
    for fixture in of_kind("stream") {
        let data = fixture.data();
        let (expected, _) = understood(fixture.dialect, data.iter().map(String::as_str));
        for client in Dialect::ALL {
            let what = format!("{} for {}", fixture.name, client.name());
            let (mut stream, mut out) = streamed(&fixture, client, usize::MAX);
            stream.end(&mut out);
            let data = data_of(&out);
            let (got, _) = understood(client, data.iter().map(String::as_str));
            found += usize::from(compare(client, &got, &expected, &what));
        }
    }
    for fixture in of_kind("response") {
        let body = fixture.body();
        let text = String::from_utf8(body.clone()).unwrap();
        let (expected, _) = understood(fixture.dialect, [text.as_str()].into_iter());
        for client in Dialect::ALL {
            let what = format!("{} for {}", fixture.name, client.name());
            let (whole, _) = translate::whole(&body, context(client, fixture.dialect)).unwrap();
            let whole = String::from_utf8(whole).unwrap();
            let (got, _) = understood(client, [whole.as_str()].into_iter());
            found += usize::from(compare(client, &got, &expected, &what));
        }
    }
    assert_eq!(found, 24, "six answers for four clients");
}

#[test]
fn searches_are_counted_where_they_are_paid_for() {
    for (name, expected) in [
        ("messages-response-02-web-search-error", 2),
        ("gemini-response-01-candidates-grounding", 1),
    ] {
        let fixtures = of_kind("response");
        let fixture = fixtures.iter().find(|known| known.name == name).unwrap();
        let context = context(Dialect::Messages, fixture.dialect);
        let (whole, _) = translate::whole(&fixture.body(), context).unwrap();
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        let counted = &whole["usage"]["server_tool_use"]["web_search_requests"];
        assert_eq!(*counted, expected, "{name}");
    }
}

#[test]
fn the_tool_reaches_every_upstream() {
    let mut found = 0;
    let fixtures = of_kind("request");
    let about_this = fixtures
        .iter()
        .filter(|known| known.name.contains("search"));
    for fixture in about_this {
        let asked = read(fixture.dialect, &fixture.body());
        let Some(search) = asked.web_search else {
            continue;
        };
        found += 1;
        for upstream in Dialect::ALL {
            let what = format!("{} to {}", fixture.name, upstream.name());
            let translated = translated(fixture.dialect, upstream, &fixture.body()).unwrap();
            let sent = read(upstream, &translated.body);
            let search = search.clone();
            let expected = match upstream {
                Dialect::Chat => WebSearch {
                    location: search.location,
                    context_size: search.context_size,
                    ..WebSearch::default()
                },
                Dialect::Responses => WebSearch {
                    blocked_domains: Vec::new(),
                    max_uses: None,
                    ..search
                },
                Dialect::Messages => WebSearch {
                    context_size: None,
                    ..search
                },
                Dialect::Gemini => WebSearch::default(),
            };
            assert_eq!(sent.web_search, Some(expected), "{what}");
            let is_forced = asked.tool_choice == Some(ToolChoice::WebSearch)
                && matches!(upstream, Dialect::Responses | Dialect::Messages);
            assert_eq!(
                sent.tool_choice == Some(ToolChoice::WebSearch),
                is_forced,
                "{what}"
            );
            let text = String::from_utf8(translated.body).unwrap();
            for left in ["srvtoolu_", "web_search_call", "annotations", "citations"] {
                assert!(!text.contains(left), "{what}: {left} in {text}");
            }
            assert!(text.contains("About 1.14 million."), "{what}");
        }
    }
    assert_eq!(found, 4);
}

#[test]
fn functions_come_before_searches() {
    let body = json!({"messages": [{"role": "user", "content": "x"}],
        "web_search_options": {}, "tools": [{"type": "function", "function": {"name": "f"}}]});
    let body = body.to_string();
    let sent = translated(Dialect::Chat, Dialect::Gemini, body.as_bytes()).unwrap();
    let sent: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(sent["tools"].as_array().map(Vec::len), Some(1));
    assert_eq!(sent["tools"][0]["functionDeclarations"][0]["name"], "f");
}
