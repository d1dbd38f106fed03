//! What an upstream says in two ways in one frame is told once.

use holdfast::unversioned::translate::Stream;
use holdfast::unversioned::wire::Dialect;

use super::answers::{context, data_of, essence, understood};

#[test]
fn text_beside_a_delta_is_told_once() {
    let frame = |text: &str, finish: &str| {
        format!(
            r#"{{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{{"index":0,
            "text":"{text}","finish_reason":{finish},"delta":{{"role":"assistant","content":"{text}"}}}}]}}"#
        )
    };
    for client in Dialect::ALL {
        let mut stream = Stream::new(context(client, Dialect::Chat), false);
        let mut out = Vec::new();
        let frames = [frame("Hello ", "null"), frame("world", r#""stop""#)];
        for data in frames.iter().map(String::as_str).chain(["[DONE]"]) {
            stream.read(data.as_bytes(), &mut out);
        }
        stream.end(&mut out);
        let data = data_of(&out);
        let (answer, _) = understood(client, data.iter().map(String::as_str));
        assert_eq!(essence(&answer).0, "Helloworld", "{}", client.name());
    }
}
