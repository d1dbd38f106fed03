use std::collections::VecDeque;

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// A body that comes in pieces.
struct Pieces(VecDeque<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        let Some(piece) = self.0.front_mut() else {
            return Ok(0);
        };
        let count = piece.len().min(room.len());
        room[..count].copy_from_slice(&piece[..count]);
        piece.drain(..count);
        if piece.is_empty() {
            self.0.pop_front();
        }
        Ok(count)
    }
}

fn read_in(pieces: &[&[u8]]) -> io::Result<String> {
    let pieces = pieces.iter().filter(|piece| !piece.is_empty());
    let pieces = pieces.map(|piece| piece.to_vec()).collect();
    let mut text = String::new();
    Unwrapped::new(Pieces(pieces)).read_to_string(&mut text)?;
    Ok(text)
}

/// The body read at once, and in two pieces for each place, and byte by byte: always the same.
fn read(body: &str) -> String {
    let whole = read_in(&[body.as_bytes()]).unwrap();
    for at in 0..body.len() {
        let (one, two) = body.as_bytes().split_at(at);
        assert_eq!(read_in(&[one, two]).unwrap(), whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    assert_eq!(read_in(&bytes).unwrap(), whole, "byte by byte");
    whole
}

#[test]
fn whole_bodies_lose_their_envelope() {
    for (body, expected) in [
        (r#"{"response":{"a":1}}"#, r#"{"a":1}"#),
        (
            " {\n \"traceId\" : \"a}\\\"b\" , \"response\" : { \"a\" : [ {} ] } , \"x\" : 1 }\n",
            " { \"a\" : [ {} ] }",
        ),
        (
            r#"{"n":-1.5e3,"t":true,"l":[1,{"response":{}}],"response":{"s":"}\\"}}"#,
            r#"{"s":"}\\"}"#,
        ),
    ] {
        assert_eq!(read(body), expected);
    }
}

#[test]
fn other_bodies_pass_unchanged() {
    for body in [
        "",
        " \n",
        r#"{"error":{"code":429,"message":"response"}}"#,
        r#"{"totalTokens":7}"#,
        r#"{"response":null}"#,
        r#"{"response":[1]}"#,
        r#"{"responses":{"a":1},"respons":{},"resp\u006fnse":{}}"#,
        r#"[{"error":{"code":1}}]"#,
        "<html>response</html>",
        "null",
        "{",
        r#"{"trace"#,
        "data: [DONE]\n\n",
        "data:\n\n",
        ": comment\r\n\r\nevent: x\r\ndata: {\"error\":{}}\r\n\r\n",
        "data: {\"error\":{}}",
    ] {
        assert_eq!(read(body), body);
    }
}

#[test]
fn events_lose_their_envelope() {
    for (body, expected) in [
        (
            "data: {\"response\":{\"a\":1},\"traceId\":\"t\"}\n\ndata: {\"traceId\":\"t\",\"response\":{\"b\":2}}\n\n",
            "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n",
        ),
        (
            "data:{\"response\":{}}\r\n\r\n: {\"response\":{}}\r\n\r\ndata: {\"error\":{}}\r\n\r\n",
            "data:{}\r\n\r\n: {\"response\":{}}\r\n\r\ndata: {\"error\":{}}\r\n\r\n",
        ),
        (
            "id: 1\ndata: {\ndata: \"response\": {\"a\":\ndata: 1}}\n\n",
            "id: 1\ndata: {\"a\":\ndata: 1}\n\n",
        ),
        ("data: {\"response\":{\"a\":1}}", "data: {\"a\":1}"),
        (
            "\u{feff}data: {\"response\":{}}\r\rdata: {\"response\":{\"a\":1}}\r\r",
            "data: {}\r\rdata: {\"a\":1}\r\r",
        ),
    ] {
        assert_eq!(read(body), expected);
    }
}

#[test]
fn an_answer_that_ends_within_its_envelope_is_cut() {
    assert!(read_in(&[br#"{"response":{"a":1}"#]).is_err());
    assert!(read_in(&[br#"{"response":{"a":1},"traceId":"x"#]).is_err());
    let cut = read_in(&[br#"{"response":{"a":"#]).unwrap();
    assert_eq!(cut, r#"{"a":"#);
}

#[test]
fn long_beginnings_are_not_held() {
    let long = format!(
        r#"{{"x":"{}","response":{{}}}}"#,
        "y".repeat(2 * LONGEST_LEAD)
    );
    assert_eq!(read_in(&[long.as_bytes()]).unwrap(), long);
    let mut unwrapper = Unwrapper::default();
    let mut out = Vec::new();
    unwrapper.take(br#"{"x":""#, &mut out);
    for _ in 0..1000 {
        unwrapper.take(&[b'y'; 1024], &mut out);
        assert!(unwrapper.object.lead.len() <= LONGEST_LEAD);
    }
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~\\n\"\\\\]{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z\"\\\\{}]{0,9}|response", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// What a parser makes of an answer.
fn expected(body: &Json) -> Json {
    match body.get("response") {
        Some(response @ Json::Object(_)) => response.clone(),
        _ => body.clone(),
    }
}

fn cut_at(body: &str, cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    let pieces = places
        .windows(2)
        .map(|pair| body.as_bytes()[pair[0]..pair[1]].to_vec());
    pieces.collect()
}

proptest! {
    #[test]
    fn it_agrees_with_a_parser(
        bodies in prop::collection::vec(json(), 1..4),
        in_events: bool,
        is_pretty: bool,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let told = |body: &Json| match is_pretty && !in_events {
            true => serde_json::to_string_pretty(body).unwrap(),
            false => body.to_string(),
        };
        let body = match in_events {
            true => bodies.iter().map(|body| format!("data: {}\r\n\r\n", told(body))).collect(),
            false => told(&bodies[0]),
        };
        let pieces = cut_at(&body, &cuts);
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let read = read_in(&pieces).unwrap();
        match in_events {
            true => {
                let events: Vec<Json> = read
                    .split("\r\n\r\n")
                    .filter(|event| !event.is_empty())
                    .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
                    .collect();
                prop_assert_eq!(events, bodies.iter().map(expected).collect::<Vec<_>>());
            }
            false => {
                let read: Json = serde_json::from_str(&read).unwrap();
                prop_assert_eq!(read, expected(&bodies[0]));
            }
        }
    }

    #[test]
    fn nothing_it_reads_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let pieces: Vec<&[u8]> = bytes.chunks(7).collect();
        let pieces: VecDeque<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let mut out = Vec::new();
        let _ = Unwrapped::new(Pieces(pieces)).read_to_end(&mut out);
        prop_assert!(out.len() <= bytes.len());
    }
}
