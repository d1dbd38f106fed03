//! What a person gets who makes a mistake: each file in `golden/` is a session at a terminal, typed anew.
//!
//! Lines that begin with `$ ` are typed, the others are what comes of them, until an empty line:
//!
//! Empty lines of what is printed are left out.
//!
//! - `$ cat > FILE` writes a file: it holds the lines that follow.
//! - `$ holdfast …`, with `< FILE` or `| grep WORD` at its end: what it prints, then its exit code unless it is 0.
//!   `grep` keeps the advice below a line, too.
//! - `$ holdfast serve FILE &` goes on running; `$ curl …` asks it; `$ log` shows what it has said since, from
//!   warnings on.
//!
//! `TAKEN` is a port that another program has. `UPSTREAM` is the address of an upstream that refuses keys with the word `refused` in them; `GATEWAY` is that of the
//! gateway. `HOLDFAST_GOLDEN=write cargo test --test program golden` writes what comes of it into the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use holdfast::unversioned::demo::{Listing, Script, Step, Upstreams};

use super::harness::{Folder, Program, call_with, command, eventually};

const REFUSED: &str = "sk-refused-0123456789";

#[test]
fn mistakes_are_answered_as_the_files_say() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/golden");
    let is_written = std::env::var("HOLDFAST_GOLDEN").is_ok_and(|value| value == "write");
    let mut files: Vec<PathBuf> = fs::read_dir(golden)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let expected = fs::read_to_string(&file).unwrap();
        let found = Session::new().replay(&expected);
        if is_written {
            fs::write(&file, found).unwrap();
            continue;
        }
        assert_eq!(found, expected, "{}", file.display());
    }
}

struct Session {
    folder: Folder,
    upstreams: Upstreams,
    gateway: Option<Program>,
    /// Bytes of what it has printed that have been shown.
    shown: usize,
}

impl Session {
    fn new() -> Self {
        let upstreams = Upstreams::start().unwrap();
        upstreams.script(REFUSED, Script::always(Step::status(401)));
        upstreams.list(REFUSED, Listing::Refused(401));
        Self {
            folder: Folder::new(),
            upstreams,
            gateway: None,
            shown: 0,
        }
    }

    /// The same session with what comes of it now.
    fn replay(&mut self, text: &str) -> String {
        let mut found = String::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            found += line;
            found.push('\n');
            let Some(typed) = line.strip_prefix("$ ") else {
                continue;
            };
            let mut below = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.is_empty()) {
                below.push(line);
            }
            if let Some(name) = typed.strip_prefix("cat > ") {
                let content = below.join("\n") + "\n";
                let upstream = self.upstreams.address();
                let port = upstream.port().to_string();
                let written = content.replace("UPSTREAM", &upstream.to_string());
                self.folder.write(name, &written.replace("TAKEN", &port));
                found += &content;
                continue;
            }
            found += &self.type_in(typed);
        }
        found
    }

    fn type_in(&mut self, typed: &str) -> String {
        let output = match words(typed).as_slice() {
            [program, arguments @ .., end] if program == "holdfast" && end == "&" => {
                self.serve(arguments)
            }
            [program, arguments @ ..] if program == "holdfast" => self.run(arguments),
            [program, arguments @ ..] if program == "curl" => self.curl(arguments),
            [program] if program == "log" => self.log(),
            _ => panic!("{typed}"),
        };
        self.without_chance(&output)
    }

    /// What it says at its start.
    fn serve(&mut self, arguments: &[String]) -> String {
        let mut command = command(&[]);
        command.args(arguments).current_dir(self.folder.path());
        let gateway = Program::spawn(&mut command);
        gateway.expect("try: ");
        let printed = gateway.printed();
        let end = printed.find("try: ").unwrap();
        let end = end + printed[end..].find('\n').unwrap() + 1;
        self.shown = end;
        self.gateway = Some(gateway);
        printed[..end].to_owned()
    }

    fn run(&self, arguments: &[String]) -> String {
        let at = |word: &str| arguments.iter().position(|argument| argument == word);
        let end = at("<").or(at("|")).unwrap_or(arguments.len());
        let mut command = command(&[]);
        command
            .args(&arguments[..end])
            .current_dir(self.folder.path());
        // Where it would write, if it did.
        command.env("WRITABLE_PATH", self.folder.path());
        if let Some(at) = at("<") {
            let file = fs::File::open(self.folder.path().join(&arguments[at + 1])).unwrap();
            command.stdin(Stdio::from(file));
        }
        let output = command.output().unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text += &String::from_utf8(output.stderr).unwrap();
        if at("|").is_some() {
            let word = arguments.last().unwrap().as_str();
            let mut is_kept = false;
            text = text
                .lines()
                .filter(|line| {
                    let is_advice = line.trim_start().starts_with('→');
                    is_kept = line.contains(word) || (is_advice && is_kept);
                    is_kept
                })
                .map(|line| format!("{line}\n"))
                .collect();
        }
        match output.status.code() {
            Some(0) => text,
            code => format!("{text}(exit {})\n", code.unwrap()),
        }
    }

    /// `curl [-X METHOD] GATEWAY/PATH [-H HEADER]… [-d BODY]`: status and body.
    fn curl(&self, arguments: &[String]) -> String {
        let (mut method, mut path, mut headers, mut body) = ("", "", String::new(), "");
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap();
            match argument.as_str() {
                "-X" => method = value(),
                "-H" => headers += &format!("{}\r\n", value()),
                "-d" => body = value(),
                url => path = url.strip_prefix("GATEWAY").unwrap(),
            }
        }
        let method = match (method, body) {
            ("", "") => "GET",
            ("", _) => "POST",
            (method, _) => method,
        };
        let address = self.gateway.as_ref().unwrap().address();
        let (status, answer) = call_with(address, method, path, "", &headers, body);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        // Whole answers have a length; what is sent in chunks is not among mistakes.
        format!("HTTP {status}\n{}\n", body.trim_end())
    }

    fn log(&mut self) -> String {
        let gateway = self.gateway.as_ref().unwrap();
        let rest = || gateway.printed()[self.shown..].to_owned();
        // The line of a request comes behind its answer.
        eventually(
            || rest().contains("[warn ]") && rest().contains(" | "),
            rest,
        );
        let printed = rest();
        self.shown += printed.len();
        let is_told = |line: &&str| {
            ["[warn ]", "[error]"]
                .iter()
                .any(|level| line.contains(level))
        };
        // That of the request itself tells how long it took.
        let told = printed
            .lines()
            .filter(is_told)
            .filter(|line| !line.contains(" | "));
        told.map(|line| format!("{line}\n")).collect()
    }

    /// Without what is another each time.
    fn without_chance(&self, text: &str) -> String {
        let upstream = self.upstreams.address().to_string();
        let mut text = text.replace(&upstream, "UPSTREAM");
        let port = self.upstreams.address().port().to_string();
        text = text.replace(&format!(":{port}"), ":TAKEN");
        if let Some(gateway) = &self.gateway {
            let writable = gateway.writable().display().to_string();
            text = text.replace(&writable, "STATE");
            text = text.replace(&gateway.address().to_string(), "GATEWAY");
        }
        let folder = self.folder.path().display().to_string();
        text = text.replace(&folder, "FOLDER");
        let version = concat!("holdfast ", env!("CARGO_PKG_VERSION"));
        text = text.replace(version, "holdfast VERSION");
        // Time and request of a log line.
        // The proxy is the harness's.
        let is_shown =
            |line: &&str| !line.is_empty() && !line.contains("proxy from the environment");
        let lines = text.lines().filter(is_shown).map(|line| {
            let level = line.find("] [").map(|at| (at, line[at + 3..].find("] [")));
            match level {
                Some((at, Some(next))) if line.starts_with("[2") => &line[at + 3 + next + 2..],
                _ => line,
            }
        });
        text = lines.map(|line| format!("{line}\n")).collect();
        // Systems number them differently.
        for number in 1..200 {
            text = text.replace(&format!(" (os error {number})"), "");
        }
        // Milliseconds.
        let mut pieces = text.split(" ms").peekable();
        let mut found = String::new();
        while let Some(piece) = pieces.next() {
            match pieces.peek() {
                Some(_) => {
                    found += piece.trim_end_matches(|c: char| c.is_ascii_digit());
                    found += "N ms";
                }
                None => found += piece,
            }
        }
        found
    }
}

/// The words of a line, with quotes as a shell takes them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (' ', None) => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
