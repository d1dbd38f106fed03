//! The format of a line of the log, that of CLIProxyAPI. Pure: time and request id are passed in.

use std::fmt::{self, Write};
use std::path::Path;

use log::kv::{self, Key, Value, VisitSource, VisitValue};
use log::{Level, Record};
use serde_json::Value as Json;

use super::request_id::{NONE, RequestId};
use crate::colour::{Colour, PLAIN};
use crate::config::LogFormat;
use crate::time::Timestamp;

/// The target of the access log. The message of such a line contains some of its fields already.
pub const ACCESS: &str = "holdfast::access";
const SHOWN: &[&str] = &["status", "latency_ms", "client", "method", "path", "error"];

/// What is the same for every line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub format: LogFormat,
    /// Whether a line of text says where in the code it was written. Lines of JSON always do.
    pub has_source: bool,
    pub has_colours: bool,
}

/// One line, with its end.
pub fn of(record: &Record<'_>, time: &Timestamp, id: Option<RequestId>, look: Look) -> String {
    let id = id.as_ref().map_or(NONE, RequestId::as_str);
    let mut line = match look.format {
        LogFormat::Text => text(record, time, id, look),
        LogFormat::Json => json(record, time, id),
    };
    line.push('\n');
    line
}

/// Bytes of most lines.
const LINE: usize = 384;

fn text(record: &Record<'_>, time: &Timestamp, id: &str, look: Look) -> String {
    let mut line = String::with_capacity(LINE);
    let (begin, end) = match look.has_colours {
        true => (Colour::Grey.code(), PLAIN),
        false => ("", ""),
    };
    // Writing to memory cannot fail.
    let _ = write!(line, "{begin}[{} {}] [", time.date(), time.clock(":"));
    for part in [id, "]", end, " ["] {
        line.push_str(part);
    }
    let (level, colour) = match record.level() {
        Level::Error => ("error", Colour::Red),
        Level::Warn => ("warn ", Colour::Yellow),
        Level::Info => ("info ", Colour::Green),
        Level::Debug => ("debug", Colour::Blue),
        Level::Trace => ("trace", Colour::Grey),
    };
    let colour = match look.has_colours {
        true => colour.code(),
        false => "",
    };
    for part in [colour, level, end, "] "] {
        line.push_str(part);
    }
    if look.has_source {
        let mut number = itoa::Buffer::new();
        let place = number.format(record.line().unwrap_or_default());
        for part in [begin, "[", file(record), ":", place, "]", end, " "] {
            line.push_str(part);
        }
    }
    let _ = fmt::write(&mut OneLine(&mut line), *record.args());
    let _ = record.key_values().visit(&mut Fields {
        line: &mut line,
        is_access: record.target() == ACCESS,
    });
    line
}

fn json(record: &Record<'_>, time: &Timestamp, id: &str) -> String {
    let mut object = serde_json::Map::new();
    let mut put = |name: &str, value: String| {
        object.insert(name.to_owned(), Json::String(value));
    };
    put("time", time.rfc3339());
    put("level", level(record.level()).to_owned());
    if id != NONE {
        put("request_id", id.to_owned());
    }
    put(
        "source",
        format!("{}:{}", file(record), record.line().unwrap_or_default()),
    );
    put("message", record.args().to_string());
    let _ = record.key_values().visit(&mut Members(&mut object));
    Json::Object(object).to_string()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

fn file<'r>(record: &Record<'r>) -> &'r str {
    match record.file() {
        Some(file) if Path::new(file).is_relative() => file.strip_prefix("src/").unwrap_or(file),
        // The sources of libraries lie in folders of the machine that built this.
        _ => record.target(),
    }
}

/// Escapes control characters, which could end the line or steer a terminal.
struct OneLine<'l>(&'l mut String);

impl OneLine<'_> {
    fn put(&mut self, text: &str) {
        // 0xc2 begins the control characters beyond ASCII, among others.
        if text
            .bytes()
            .all(|byte| byte >= b' ' && byte != 0x7f && byte != 0xc2)
        {
            self.0.push_str(text);
            return;
        }
        for c in text.chars() {
            match c.is_control() {
                true => self.0.extend(c.escape_default()),
                false => self.0.push(c),
            }
        }
    }
}

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        Ok(())
    }
}

/// Strings and numbers, which most values are, skip the formatting machinery.
impl VisitValue<'_> for OneLine<'_> {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), kv::Error> {
        Ok(write!(self, "{value}")?)
    }

    fn visit_str(&mut self, text: &str) -> Result<(), kv::Error> {
        self.put(text);
        Ok(())
    }

    fn visit_u64(&mut self, number: u64) -> Result<(), kv::Error> {
        self.0.push_str(itoa::Buffer::new().format(number));
        Ok(())
    }
}

struct Fields<'l> {
    line: &'l mut String,
    is_access: bool,
}

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        if !(self.is_access && SHOWN.contains(&key.as_str())) {
            let mut line = OneLine(self.line);
            line.0.push(' ');
            line.put(key.as_str());
            line.0.push('=');
            value.visit(line)?;
        }
        Ok(())
    }
}

struct Members<'o>(&'o mut serde_json::Map<String, Json>);

impl<'kvs> VisitSource<'kvs> for Members<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let json = match (value.to_u64(), value.to_bool()) {
            (Some(number), _) => Json::from(number),
            (None, Some(flag)) => Json::from(flag),
            (None, None) => Json::from(value.to_string()),
        };
        self.0.insert(key.to_string(), json);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const TEXT: Look = Look {
        format: LogFormat::Text,
        has_source: true,
        has_colours: false,
    };
    const JSON: Look = Look {
        format: LogFormat::Json,
        ..TEXT
    };

    fn shown(target: &str, message: &str, look: Look, id: Option<RequestId>) -> String {
        let time = Timestamp::ahead(UNIX_EPOCH + Duration::from_millis(1_766_517_244_123), 3600);
        let fields = [
            ("status", Value::from(200)),
            ("model", Value::from("m\n")),
            ("cached", Value::from(true)),
        ];
        let args = format_args!("{message}");
        let record = Record::builder()
            .args(args)
            .level(Level::Info)
            .target(target)
            .file(Some("src/server/access.rs"))
            .line(Some(7))
            .key_values(&fields)
            .build();
        // `record` cannot outlive the arguments it was built with.
        of(&record, &time, id, look)
    }

    #[test]
    fn a_line_of_text() {
        assert_eq!(
            shown("holdfast::x", "two\nlines\x1b[31m", TEXT, None),
            "[2025-12-23 20:14:04] [--------] [info ] [server/access.rs:7] two\\nlines\\u{1b}[31m status=200 model=m\\n cached=true\n"
        );
        let id = RequestId::fresh();
        assert_eq!(
            shown(ACCESS, " 200 |", TEXT, Some(id)),
            format!(
                "[2025-12-23 20:14:04] [{id}] [info ] [server/access.rs:7]  200 | model=m\\n cached=true\n"
            )
        );
    }

    #[test]
    fn the_source_is_shown_only_for_debugging() {
        let people = Look {
            has_source: false,
            ..TEXT
        };
        assert_eq!(
            shown("holdfast::x", "m", people, None),
            "[2025-12-23 20:14:04] [--------] [info ] m status=200 model=m\\n cached=true\n"
        );
        let terminal = Look {
            has_colours: true,
            ..people
        };
        assert_eq!(
            shown("holdfast::x", "\x1b[31m", terminal, None),
            "\x1b[90m[2025-12-23 20:14:04] [--------]\x1b[0m [\x1b[32minfo \x1b[0m] \\u{1b}[31m status=200 model=m\\n cached=true\n"
        );
    }

    #[test]
    fn a_line_of_json() {
        let id = RequestId::fresh();
        let line = shown(ACCESS, "a\nb", JSON, Some(id));
        assert_eq!(line.matches('\n').count(), 1);
        let json: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "time": "2025-12-23T20:14:04.123+01:00",
                "level": "info",
                "request_id": id.as_str(),
                "source": "server/access.rs:7",
                "message": "a\nb",
                "status": 200,
                "model": "m\n",
                "cached": true,
            })
        );
        let line = shown("x", "", JSON, None);
        assert!(!line.contains("request_id"), "{line}");
    }
}
