//! The end of a failed stream for Codex, which ignores `error` events and waits for `response.failed`.

use serde_json::json;

use super::envelope::failed;
use crate::translate::neutral::answer::Head;
use crate::wire::problem::{self, Problem};

/// What is known of a failed answer.
#[derive(Clone, Copy, Debug)]
pub struct FailedAnswer<'a> {
    pub id: &'a str,
    /// As the client named it.
    pub model: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    /// That of the event.
    pub sequence_number: u64,
}

/// The whole event.
pub fn event(problem: &Problem, known: FailedAnswer<'_>) -> Vec<u8> {
    let (kind, code, message) = problem::stream_words(problem);
    let head = Head {
        id: known.id.to_owned(),
        model: known.model.to_owned(),
        created: known.created,
        ..Head::default()
    };
    let status = problem.status.code();
    let mut response = failed(&head, Vec::new(), (status, &code), &message);
    response["error"]["type"] = kind.into();
    let event = json!({
        "type": "response.failed",
        "sequence_number": known.sequence_number,
        "response": response,
    });
    // The previous event may have ended within a line.
    format!("\nevent: response.failed\ndata: {event}\n\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_whole() {
        let known = FailedAnswer {
            id: "resp_1",
            model: "m",
            created: 5,
            sequence_number: 7,
        };
        let event = String::from_utf8(event(&Problem::broken_stream(), known)).unwrap();
        let data = event
            .strip_prefix("\nevent: response.failed\ndata: ")
            .unwrap();
        let data: serde_json::Value = serde_json::from_str(data.trim_end()).unwrap();
        assert_eq!(data["sequence_number"], 7);
        let response = &data["response"];
        assert_eq!(response["status"], "failed");
        assert_eq!(
            (&response["id"], &response["model"]),
            (&"resp_1".into(), &"m".into())
        );
        assert_eq!(response["error"]["code"], "server_error");
        assert_eq!(response["error"]["type"], "server_error");
        assert_eq!(response["completed_at"], serde_json::Value::Null);
        assert_eq!(response["output"], json!([]));
    }
}
