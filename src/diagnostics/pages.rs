//! The pages of the debug server.

use std::fmt::Write;
use std::fs;

/// A response of the debug server.
pub struct Page {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Page {
    /// A page of plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: text.into(),
        }
    }

    fn html(text: &str) -> Self {
        Self {
            content_type: "text/html; charset=utf-8",
            ..Self::text(200, text)
        }
    }
}

const INDEX: &str = "<!doctype html><title>holdfast</title><h1>holdfast</h1><ul>\
<li><a href=\"/debug/pprof/cmdline\">cmdline</a>: how it was started\
<li><a href=\"/debug/pprof/threads\">threads</a>: state and time on the CPU\
<li><a href=\"/debug/pprof/heap\">heap</a>: memory\
</ul>";

/// The page at a request target.
pub fn page(target: &str) -> Page {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    match path.strip_prefix("/debug/pprof") {
        Some("" | "/") => Page::html(INDEX),
        Some("/cmdline") => {
            let arguments = std::env::args_os();
            let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
            Page::text(200, command_line(arguments))
        }
        Some("/threads") => available(threads()),
        Some("/heap") => available(memory()),
        Some(
            "/profile" | "/trace" | "/symbol" | "/goroutine" | "/allocs" | "/block" | "/mutex"
            | "/threadcreate",
        ) => Page::text(
            501,
            format!(
                "there is no profiler inside: use `perf record -g -p {}`\n",
                std::process::id()
            ),
        ),
        _ => Page::text(404, "see /debug/pprof/\n"),
    }
}

fn available(text: Option<String>) -> Page {
    let missing = || "not available on this system\n".to_owned();
    Page::text(200, text.unwrap_or_else(missing))
}

/// The arguments without secrets, separated by NUL as in Go's `net/http/pprof`.
fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut hides_next = false;
    for argument in arguments {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument.as_str(), None),
        };
        let is_secret = name.starts_with('-')
            && ["password", "secret", "token", "key"]
                .iter()
                .any(|word| name.to_ascii_lowercase().contains(word));
        shown.push(match value {
            _ if hides_next => "***".to_owned(),
            Some(_) if is_secret => format!("{name}=***"),
            _ => without_login(&argument),
        });
        hides_next = !hides_next && is_secret && value.is_none();
    }
    shown.join("\0")
}

/// `scheme://user:password@host` without user and password.
fn without_login(argument: &str) -> String {
    let parts = argument.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some((scheme, host))
    });
    parts.map_or_else(
        || argument.to_owned(),
        |(scheme, host)| format!("{scheme}://***@{host}"),
    )
}

/// One line per thread, from proc(5).
fn threads() -> Option<String> {
    let mut text = format!("{:>9} {:5} {:>12} name\n", "id", "state", "CPU ms");
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let read = |name| fs::read_to_string(task.path().join(name)).ok();
        // The thread may have ended.
        let (Some(stat), Some(name)) = (read("stat"), read("comm")) else {
            continue;
        };
        let state = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next())
            .unwrap_or('?');
        let time = read("schedstat")
            .and_then(|line| line.split(' ').next()?.parse::<u64>().ok())
            .map_or("-".to_owned(), |nanoseconds| {
                (nanoseconds / 1_000_000).to_string()
            });
        let id = task.file_name();
        let _ = writeln!(
            text,
            "{:>9} {state:5} {time:>12} {}",
            id.to_string_lossy(),
            name.trim_end()
        );
    }
    Some(text)
}

/// The memory of the process, from proc(5).
fn memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let known = status
        .lines()
        .filter(|line| {
            ["Vm", "Rss", "Threads"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect::<Vec<_>>();
    Some(format!(
        "{}\n\nThe allocator is the system's and keeps no statistics.\n",
        known.join("\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_on_the_command_line_are_hidden() {
        for (given, shown) in [
            ("h -password x -c a.yaml", "h -password *** -c a.yaml"),
            ("h --password=x=y serve", "h --password=*** serve"),
            ("h -management-token -x y", "h -management-token *** y"),
            ("h -password -password x", "h -password *** x"),
            ("h -proxy http://u:p@h:1/", "h -proxy http://***@h:1/"),
            ("h -proxy=http://u:p@h", "h -proxy=http://***@h"),
            ("h --config=a.yaml", "h --config=a.yaml"),
        ] {
            let arguments = given.split(' ').map(str::to_owned);
            assert_eq!(command_line(arguments).replace('\0', " "), shown);
        }
    }
}
