//! Answers from every dialect to every dialect: no panic, and at most one end, which is an error or a good one.

#![no_main]

use holdfast::unversioned::translate::{
    self, Form, State, Stream, TranslationContext, TranslationInput,
};
use holdfast::unversioned::wire::Dialect;
use libfuzzer_sys::fuzz_target;

fn context(client: Dialect, upstream: Dialect) -> TranslationContext {
    let ask = TranslationInput {
        client,
        form: Form::Usual,
        upstream,
        body: b"{}",
        model: "client",
        upstream_model: "upstream",
        stream: true,
        suffix: None,
        support: None,
        seed: "seed",
        now: 1,
    };
    translate::request(&ask)
        .expect("nothing can be said anywhere")
        .context
}

fuzz_target!(|input: &[u8]| {
    let Some((first, data)) = input.split_first() else {
        return;
    };
    let client = Dialect::ALL[usize::from(first & 3)];
    let upstream = Dialect::ALL[usize::from(first >> 2 & 3)];
    let is_array = client == Dialect::Gemini && first & 16 != 0;
    let mut stream = Stream::new(context(client, upstream), is_array);
    let mut out = Vec::new();
    for line in data.split(|byte| *byte == b'\n') {
        let line = line.strip_prefix(b"data: ").unwrap_or(line);
        stream.read(line, &mut out);
        let _ = translate::whole(line, context(client, upstream));
    }
    if *stream.state() == State::Running {
        stream.fail(502, "cut", &mut out);
    }
    stream.end(&mut out);
    let text = std::str::from_utf8(&out).expect("text");
    if is_array {
        serde_json::from_str::<Vec<serde_json::Value>>(text).expect("one JSON array");
        return;
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("data: ")) {
        if line != "[DONE]" {
            serde_json::from_str::<serde_json::Value>(line).expect("each event is JSON");
        }
    }
    let ends = match client {
        Dialect::Chat => ["data: [DONE]", "data: {\"error\""],
        Dialect::Responses => [
            "event: response.completed\nevent",
            "event: response.failed\n",
        ],
        Dialect::Messages => ["event: message_stop\n", "event: error\n"],
        Dialect::Gemini => ["\"finishReason\":\"STOP\",\"never\"", "event: error\n"],
    };
    let count: usize = ends.iter().map(|end| text.matches(end).count()).sum();
    assert!(count <= 1, "{text}");
});
