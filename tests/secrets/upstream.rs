//! An upstream that repeats the headers that it is sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::forms::forms;

/// Where the upstream repeats the headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// In an error with this status.
    Status(u16),
    /// In an error with this status that is not JSON.
    Text(u16),
    /// In an error that is the first event of a stream.
    FirstEvent,
    /// In an error during a stream.
    LaterEvent,
    /// In an error with status 200.
    ErrorInside,
    /// In a header of an answer.
    Header,
    /// In an answer.
    Success,
}

#[derive(Default)]
struct State {
    echo: Option<Echo>,
    is_chunked: bool,
    shown: String,
    said: Vec<u8>,
}

pub struct Upstream {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Upstream {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &shared));
            }
        });
        Self { address, state }
    }

    /// Sets where the headers are repeated, in one piece or in chunks with arbitrary boundaries.
    pub fn repeat_in(&self, echo: Echo, is_chunked: bool) {
        *self.state.lock().unwrap() = State {
            echo: Some(echo),
            is_chunked,
            ..State::default()
        };
    }

    /// The headers of the last request.
    pub fn shown(&self) -> String {
        self.state.lock().unwrap().shown.clone()
    }

    /// The body of the last answer.
    pub fn said(&self) -> Vec<u8> {
        self.state.lock().unwrap().said.clone()
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head: Vec<String> = Vec::new();
        loop {
            let mut line = Vec::new();
            match stream.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let value = |name: &str| {
            let pairs = head.iter().filter_map(|line| line.split_once(": "));
            let mut values = pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name));
            values.next().map(|(_, value)| value.to_owned())
        };
        let length = value("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let key = value("authorization").or_else(|| value("x-goog-api-key"));
        let key = key.unwrap_or_default();
        let key = key.strip_prefix("Bearer ").unwrap_or(&key);
        let mut told = forms(key);
        told.extend(value("x-tenant"));
        let mut state = state.lock().unwrap();
        let is_stream = String::from_utf8_lossy(&body).contains("\"stream\":true")
            || head[0].contains("streamGenerateContent");
        let Some(echo) = state.echo else { return };
        let (head_of_answer, said) = answer(echo, is_stream, &head[0], &told);
        state.shown = head.join("\n");
        state.said = said.clone();
        let is_chunked = state.is_chunked;
        drop(state);
        let stream = stream.get_mut();
        let written = match is_chunked {
            true => write_chunked(stream, &head_of_answer, &said),
            false => {
                let length = format!("Content-Length: {}\r\n\r\n", said.len());
                let all = [head_of_answer.as_bytes(), length.as_bytes(), &said].concat();
                stream.write_all(&all)
            }
        };
        if written.is_err() {
            return;
        }
    }
}

fn write_chunked(stream: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
    for chunk in body.chunks(body.len() / 61 + 1) {
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        stream.write_all(&bytes)?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// The head of an answer without framing and without its last line, and the body.
fn answer(echo: Echo, is_stream: bool, line: &str, told: &[String]) -> (String, Vec<u8>) {
    let text = told.join(" | ");
    let message = serde_json::Value::from(format!("not with {text}!")).to_string();
    let (error, event) = if line.contains("/v1/messages") {
        let error = format!(
            r#"{{"type":"error","error":{{"type":"api_error","message":{message},"echo":{message}}}}}"#
        );
        let event = format!("event: error\ndata: {error}\n\n");
        (error, event)
    } else if line.contains("/responses") {
        let error = format!(
            r#"{{"error":{{"message":{message},"type":"server_error","param":null,"code":null}}}}"#
        );
        let event = format!(
            "event: response.failed\ndata: {{\"type\":\"response.failed\",\"sequence_number\":3,\"response\":{{\"id\":\"resp_1\",\"status\":\"failed\",\"error\":{{\"code\":\"server_error\",\"message\":{message}}}}}}}\n\n"
        );
        (error, event)
    } else if line.contains("/v1beta") {
        let error = format!(
            r#"{{"error":{{"code":500,"message":{message},"status":"INTERNAL","details":[{message}]}}}}"#
        );
        let event = format!("data: {error}\n\n");
        (error, event)
    } else {
        let error = format!(
            r#"{{"error":{{"message":{message},"type":"server_error","param":null,"code":null}}}}"#
        );
        let event = format!("data: {error}\n\n");
        (error, event)
    };
    let hello = match echo {
        Echo::Success => serde_json::Value::from(text.as_str()).to_string(),
        _ => "\"hello\"".to_owned(),
    };
    let (whole, events, end) = if line.contains("/v1/messages") {
        (
            format!(
                r#"{{"id":"msg_1","type":"message","role":"assistant","model":"claude","content":[{{"type":"text","text":{hello}}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{{"input_tokens":1,"output_tokens":1}}}}"#
            ),
            format!(
                "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{{\"input_tokens\":1,\"output_tokens\":1}}}}}}\n\nevent: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\nevent: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{hello}}}}}\n\n"
            ),
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".to_owned(),
        )
    } else if line.contains("/responses") {
        let item = format!(
            r#"{{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{{"type":"output_text","text":{hello},"annotations":[]}}]}}"#
        );
        let response = format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"codex","output":[{item}]}}"#
        );
        (
            response.clone(),
            format!(
                "event: response.created\ndata: {{\"type\":\"response.created\",\"sequence_number\":0,\"response\":{{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}}}\n\nevent: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":{hello}}}\n\n"
            ),
            format!(
                "event: response.completed\ndata: {{\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{response}}}\n\n"
            ),
        )
    } else if line.contains("/v1beta") {
        (
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"text":{hello}}}],"role":"model"}},"finishReason":"STOP"}}]}}"#
            ),
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":{hello}}}],\"role\":\"model\"}}}}]}}\n\n"
            ),
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"finishReason\":\"STOP\"}]}\n\n".to_owned(),
        )
    } else {
        (
            format!(
                r#"{{"id":"c","object":"chat.completion","created":1,"model":"chat","choices":[{{"index":0,"message":{{"role":"assistant","content":{hello}}},"finish_reason":"stop"}}]}}"#
            ),
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"chat\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":{hello}}}}}]}}\n\n"
            ),
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"chat\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n".to_owned(),
        )
    };
    let (json, stream) = ("application/json", "text/event-stream");
    let success = match is_stream {
        true => (stream, events.clone() + &end),
        false => (json, whole),
    };
    let (status, kind, body) = match echo {
        Echo::Status(status) => (status, json, error),
        Echo::Text(status) => (status, "text/plain", format!("not with {text}!")),
        Echo::FirstEvent => (200, stream, event),
        Echo::LaterEvent => (200, stream, events + &event),
        Echo::ErrorInside => (200, json, error),
        Echo::Header | Echo::Success => (200, success.0, success.1),
    };
    let headers: String = match echo {
        Echo::Success => String::new(),
        _ => told
            .iter()
            .filter(|form| form.is_ascii())
            .enumerate()
            .map(|(n, form)| format!("X-Echo-{n}: {form}\r\n"))
            .collect(),
    };
    // All forms of the longest key are more than the head of an answer may have.
    let headers = match headers.len() > 32 * 1024 {
        true => headers
            .lines()
            .take(4)
            .map(|line| format!("{line}\r\n"))
            .collect(),
        false => headers,
    };
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{headers}");
    (head, body.into_bytes())
}
