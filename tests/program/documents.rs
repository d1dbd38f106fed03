//! README.md and docs/: their commands run, their links lead somewhere, their keys and settings exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::harness::{Folder, NO_WAY_OUT, Program, command, outcome};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path from the root, and text.
fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = vec![
        PathBuf::from("README.md"),
        PathBuf::from("packaging/README.md"),
    ];
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = Path::new("docs").join(entry.unwrap().file_name());
        if path.extension().is_some_and(|kind| kind == "md") {
            paths.push(path);
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// The blocks of code in one language.
fn blocks<'t>(text: &'t str, language: &str) -> Vec<&'t str> {
    let fence = format!("```{language}\n");
    let ended = |block: &'t str| block.split("```").next().unwrap();
    text.split(&*fence).skip(1).map(ended).collect()
}

#[cfg(feature = "demo")]
#[test]
fn every_command_runs() {
    let upstreams = holdfast::unversioned::demo::Upstreams::start().unwrap();
    let config = format!(
        "host: 127.0.0.1\nport: 0\napi-keys: [k]\nclaude-api-key: [{{api-key: k, base-url: 'http://{}'}}]\n",
        upstreams.address()
    );
    let (mut ran, mut served) = (0, 0);
    for (path, text) in documents() {
        for line in blocks(&text, "sh").into_iter().flat_map(str::lines) {
            let word = line.split_whitespace().next().unwrap_or_default();
            let place = format!("{}: {line}", path.display());
            match word {
                "holdfast" => {}
                // Others' programs, and what builds this one.
                "cargo" | "rustup" | "export" | "claude" | "codex" | "gemini" => continue,
                _ if word.starts_with("packaging/") => {
                    assert!(root().join(word).is_file(), "{place}");
                    continue;
                }
                _ => panic!("{place}: neither run nor known"),
            }
            ran += 1;
            let folder = Folder::new();
            if !line.contains(" init ") {
                folder.write("config.yaml", &config);
            }
            folder.write("body.json", r#"{"model":"m","messages":[]}"#);
            if line.ends_with(" serve") {
                served += 1;
                let path = folder.path().join("config.yaml");
                let program = Program::start(&["serve", path.to_str().unwrap()]);
                program.address();
                continue;
            }
            let binary = Path::new(env!("CARGO_BIN_EXE_holdfast"));
            let path_of_program = binary.parent().unwrap();
            let status = Command::new("sh")
                .args(["-c", &format!("echo sk-key | {line}")])
                .current_dir(folder.path())
                .env_clear()
                .env(NO_WAY_OUT.0, NO_WAY_OUT.1)
                .env("WRITABLE_PATH", folder.path())
                .env(
                    "PATH",
                    format!("{}:/usr/bin:/bin", path_of_program.display()),
                )
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert!(status.success(), "{place}");
        }
    }
    assert!(ran >= 4 && served >= 1, "{ran} {served}");
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let anchor = |heading: &str| {
        let letters = heading.to_lowercase().replace(' ', "-");
        letters.replace(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'), "")
    };
    let mut count = 0;
    for (path, text) in documents() {
        for rest in text.split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            count += 1;
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let found = match file {
                "" => root().join(&path),
                file => root().join(path.parent().unwrap()).join(file),
            };
            assert!(found.exists(), "{}: {target}", path.display());
            if heading.is_empty() {
                continue;
            }
            let text = fs::read_to_string(found).unwrap();
            let mut headings = text.lines().filter_map(|line| line.strip_prefix('#'));
            let is_there =
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
            assert!(is_there, "{}: {target}", path.display());
        }
    }
    assert!(count > 20, "{count}");
}

/// First cells of tables whose heading is `key`.
#[test]
fn every_key_in_a_table_is_one() {
    let mut count = 0;
    for (path, text) in documents() {
        let mut lines = text.lines();
        let mut prefix = "";
        while let Some(line) = lines.next() {
            if line.starts_with("## ") {
                prefix = if line.contains("`routing:`") {
                    "routing."
                } else {
                    ""
                };
            }
            if !line.starts_with("| key |") {
                continue;
            }
            for row in lines
                .by_ref()
                .skip(1)
                .take_while(|row| row.starts_with('|'))
            {
                let key = row.split('`').nth(1).unwrap();
                let mut known = holdfast::config::keys::all().iter();
                let wanted = format!("{prefix}{key}");
                assert!(
                    known.any(|known| known.path == wanted),
                    "{}: {wanted}",
                    path.display()
                );
                count += 1;
            }
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn the_settings_of_clients_are_those_that_init_prints() {
    let text = fs::read_to_string(root().join("docs/clients.md")).unwrap();
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for client in [
        "claude-code",
        "codex",
        "gemini-cli",
        "opencode",
        "openai-sdk",
        "anthropic-sdk",
        "google-sdk",
        "vercel-ai-sdk",
    ] {
        let folder = Folder::new();
        let line = [
            "init",
            "--provider",
            "claude",
            "--key-env",
            "K",
            "--client",
            client,
        ];
        let (code, out, err) = outcome(command(&line).current_dir(folder.path()));
        assert_eq!(code, Some(0), "{err}");
        let written = fs::read_to_string(folder.path().join("config.yaml")).unwrap();
        let key = written
            .lines()
            .find_map(|line| line.trim().strip_prefix("- hf-"));
        let key = format!("hf-{}", key.unwrap());
        let (_, settings) = out.split_once("Configure the client:\n\n").unwrap();
        for line in settings.replace(&key, "KEY").lines() {
            let line = line.trim().trim_start_matches("export ");
            let is_said = line.is_empty() || line.starts_with('#') || text.contains(line);
            assert!(is_said, "{client}: {line} is not in docs/clients.md");
            if let Some((variable, _)) = line.split_once("=http") {
                assert!(
                    readme.contains(variable),
                    "{client}: {variable} is not in README.md"
                );
            }
        }
    }
}

#[test]
fn configurations_in_documents_are_in_order() {
    let mut count = 0;
    for (path, text) in documents() {
        for block in blocks(&text, "yaml") {
            let loaded = holdfast::config::load(block, "doc");
            let is_placeholder = |problem: &String| problem.contains("placeholder");
            let problems: Vec<String> = loaded.problems.iter().map(|p| p.to_string()).collect();
            assert!(loaded.config.is_some(), "{}: {problems:?}", path.display());
            assert!(problems.iter().all(is_placeholder), "{problems:?}");
            count += 1;
        }
        for block in blocks(&text, "json") {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(block);
            assert!(parsed.is_ok(), "{}: {block}", path.display());
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let minimal = fs::read_to_string(root().join("config.minimal.yaml")).unwrap();
    assert_eq!(blocks(&readme, "yaml"), [minimal]);
}

/// What is written in front of a base URL, and what the client appends to it.
#[cfg(feature = "demo")]
const APPENDED: &[(&str, &str)] = &[
    ("ANTHROPIC_BASE_URL=", "/v1/messages"),
    ("OPENAI_BASE_URL=", "/chat/completions"),
    ("OPENAI_BASE_URL=", "/responses"),
    (
        "GOOGLE_GEMINI_BASE_URL=",
        "/v1beta/models/demo-gemini:generateContent",
    ),
    // Codex with `wire_api = "responses"`.
    ("base_url = \"", "/responses"),
    // OpenCode with @ai-sdk/openai-compatible.
    ("\"baseURL\": \"", "/chat/completions"),
    ("createOpenAI({ baseURL: \"", "/responses"),
    ("createAnthropic({ baseURL: \"", "/messages"),
    (
        "createGoogleGenerativeAI({ baseURL: \"",
        "/models/demo-gemini:generateContent",
    ),
];

#[cfg(feature = "demo")]
#[test]
fn every_address_for_clients_leads_to_an_answer() {
    use serde_json::json;

    use super::harness::call;

    let demo = Program::start(&["demo", "--port", "0"]);
    let said = json!([{"role": "user", "content": "hi"}]);
    let mut count = 0;
    for (path, text) in documents() {
        for (before, appended) in APPENDED {
            for rest in text.split(before).skip(1) {
                let Some(rest) = rest.strip_prefix("http://127.0.0.1:8317") else {
                    continue;
                };
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '/'))
                    .unwrap();
                let target = format!("{}{appended}", &rest[..end]);
                let body = match appended.rsplit('/').next() {
                    Some("messages") => {
                        json!({"model": "demo-messages", "max_tokens": 9, "messages": said})
                    }
                    Some("completions") => json!({"model": "demo-chat", "messages": said}),
                    Some("responses") => json!({"model": "demo-responses", "input": "hi"}),
                    _ => json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
                };
                let body = body.to_string();
                let (status, answer) = call(demo.address(), "POST", &target, "demo-key", &body);
                assert_eq!(
                    status,
                    200,
                    "{}: {before} {target} {answer}",
                    path.display()
                );
                count += 1;
            }
        }
    }
    assert!(count >= 12, "{count}");
}

/// The long options in a text.
fn options(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '_');
    let starts = text.match_indices("--").filter(|(start, _)| {
        let before = text[..*start].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '-')
    });
    starts
        .map(|(start, _)| {
            let rest = &text[start..];
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            rest[..end].trim_end_matches('-').to_owned()
        })
        .filter(|option| option.len() > 3)
        .collect()
}

#[test]
fn every_option_is_in_the_manual_and_the_completions_and_those_of_documents_exist() {
    let print = |arguments: &[&str]| outcome(&mut command(arguments)).1;
    let help = print(&["help"]);
    let list = help.split("Commands:\n").nth(1).unwrap();
    let list = list.split("\n\n").next().unwrap();
    let names = list.lines().map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.map(Option::unwrap).collect();
    assert!(names.len() > 8, "{names:?}");
    let mut known = options(help.split("Not implemented:").next().unwrap());
    for name in &names {
        let help = print(&["help", name]);
        known.extend(options(help.split("Not implemented:").next().unwrap()));
    }
    let manual = print(&["man"]).replace("\\fB", " ").replace("\\fR", " ");
    let manual = options(&manual.replace('\\', ""));
    for option in &known {
        assert!(manual.contains(option), "{option} is not in the manual");
        for (shell, form) in [
            ("bash", option.clone()),
            ("zsh", option.clone()),
            ("fish", format!("-l {}", option.trim_start_matches('-'))),
        ] {
            let script = print(&["completions", shell]);
            assert!(
                script.contains(&form),
                "{option} is not completed in {shell}"
            );
        }
    }
    // Options of cargo.
    let others = [
        "--release",
        "--path",
        "--test",
        "--locked",
        "--target",
        "--bench",
        "--bin",
    ];
    let mut count = 0;
    for (path, text) in documents() {
        for option in options(&text) {
            count += 1;
            let is_known = manual.contains(&option) || others.contains(&option.as_str());
            // Options of curl.
            let is_known = is_known || option == "--header";
            assert!(is_known, "{}: {option}", path.display());
        }
    }
    assert!(count > 5, "{count}");
}
