//! The reference of all keys in `docs/configuration.md`, which is made from the table.

use std::fmt::Write;
use std::path::Path;

use holdfast::config::keys::{self, Change, Key, Kind, Standing};

const BEGIN: &str = "<!-- Made from the table of keys. HOLDFAST_WRITE_DOCS=1 cargo test --test config reference -->\n";
const END: &str = "<!-- End of what is made from the table of keys. -->\n";

#[test]
fn the_reference_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the first mark");
    let (written, after) = rest.split_once(END).expect("the last mark");
    let made = reference();
    if std::env::var_os("HOLDFAST_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    let differs = written.lines().zip(made.lines()).find(|(a, b)| a != b);
    assert!(
        written == made,
        "docs/configuration.md differs from the table of keys: {differs:#?}\nWrite it anew with\n  \
         HOLDFAST_WRITE_DOCS=1 cargo test --test config reference"
    );
}

fn reference() -> String {
    let mut out = String::new();
    for (title, keys) in keys::GROUPS {
        let keys: Vec<&Key> = keys.iter().filter(|key| is_listed(key)).collect();
        if keys.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n### {title}\n");
        table(
            &mut out,
            keys.iter().map(|key| &*key.path).flat_map(with_file),
        );
        if keys.iter().any(|key| key.path == "claude-api-key") {
            entries(&mut out);
        }
        if keys.iter().any(|key| key.path == "payload") {
            out.push_str("\nEach rule has these keys, in all sections:\n\n");
            table(&mut out, nested("payload.default"));
        }
    }
    out.push_str("\n### Old names\n\nThey are still read, with a warning.\n\n| old name | name |\n|---|---|\n");
    for key in keys::all() {
        if let Standing::Old(new) = key.standing {
            let _ = writeln!(out, "| `{}` | `{new}` |", key.path);
        }
    }
    out.push_str(
        "\n### Without effect\n\nFiles that have these keys load. A warning names those that ask for something. holdfast \
         does not pass one client off as another; the other keys are part of other versions of the format.\n\n",
    );
    for key in keys::all() {
        let is_of_one_block = !key.path.ends_with("].request-scoped-errors");
        let is_other = key.kind == Kind::Any || key.standing == Standing::Refused;
        if is_other && is_of_one_block && key.kind != Kind::Mapping {
            let _ = writeln!(out, "- `{}`", key.path);
        }
    }
    out
}

/// What the entries of the blocks of credentials have.
fn entries(out: &mut String) {
    let first = "claude-api-key";
    let name = |path: &&str| {
        path.split_once("[].")
            .map_or("", |(_, name)| name)
            .to_owned()
    };
    let known: Vec<String> = nested(first).iter().map(name).collect();
    out.push_str("\nEach entry is one credential, with these keys:\n\n");
    table(out, nested(first));
    for block in keys::CREDENTIALS.iter().filter(|block| **block != first) {
        let own = nested(block);
        let has: Vec<String> = own.iter().map(name).collect();
        let lacks: Vec<String> = known
            .iter()
            .filter(|name| !has.contains(name))
            .map(|name| format!("`{name}`"))
            .collect();
        let but = match &lacks[..] {
            [] => String::new(),
            lacks => format!(", except {}", lacks.join(", ")),
        };
        let _ = write!(out, "\nEntries of `{block}` have the same keys{but}");
        let more: Vec<&str> = own
            .into_iter()
            .filter(|path| !known.contains(&name(path)))
            .collect();
        if more.is_empty() {
            out.push_str(".\n");
        } else {
            out.push_str(", and:\n\n");
            table(out, more);
        }
    }
}

/// The keys of the entries of a list.
fn nested(list: &str) -> Vec<&'static str> {
    let start = format!("{list}[].");
    let keys = keys::all().iter();
    let keys = keys.filter(|key| key.path.starts_with(&start) && is_listed(key));
    keys.map(|key| &*key.path).collect()
}

/// A key, and the one that names a file in its place.
fn with_file(path: &str) -> Vec<&str> {
    let is_secret = keys::find(path).is_some_and(|key| key.kind == Kind::Secret);
    let is_secret = is_secret || path == "api-keys";
    let file = keys::find(&format!("{path}-file")).filter(|_| is_secret);
    let mut paths = vec![path];
    paths.extend(file.map(|key| &*key.path));
    paths
}

fn is_listed(key: &Key) -> bool {
    matches!(key.standing, Standing::Current | Standing::Unimplemented) && key.kind != Kind::Any
}

fn table<'p>(out: &mut String, paths: impl IntoIterator<Item = &'p str>) {
    out.push_str("| key | type | default | takes effect | what it does |\n|---|---|---|---|---|\n");
    for path in paths {
        let key = keys::find(path).unwrap();
        let kind = kind(key.kind);
        let default = match key.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let change = match (key.kind, key.change) {
            (Kind::Mapping, _) => "",
            (_, Change::Reload) => "reload",
            (_, Change::Restart) => "restart",
        };
        let note = match key.standing {
            Standing::Unimplemented => " Not implemented.",
            _ => "",
        };
        let about = key.about;
        let _ = writeln!(
            out,
            "| `{path}` | {kind} | {default} | {change} | {about}{note} |"
        );
    }
}

fn kind(kind: Kind) -> String {
    let large = |number: i64| match number {
        i64::MAX => String::new(),
        number if number == i64::from(u32::MAX) => String::new(),
        number => format!(" to {number}"),
    };
    match kind {
        Kind::Flag => "flag".to_owned(),
        Kind::Integer(least, most) if least < 0 && most > 0 => "integer".to_owned(),
        Kind::Integer(least, most) => match large(most) {
            most if most.is_empty() => format!("integer from {least}"),
            most => format!("integer, {least}{most}"),
        },
        Kind::Count { most, .. } => match large(most) {
            most if most.is_empty() => "integer from 0".to_owned(),
            most => format!("integer, 0{most}"),
        },
        Kind::Duration => "duration".to_owned(),
        Kind::Timeout | Kind::LenientTimeout => "duration above 0".to_owned(),
        Kind::Size(least, u64::MAX) => format!("size from {}", size(least)),
        Kind::Size(least, most) => format!("size, {} to {}", size(least), size(most)),
        Kind::Mebibytes => "size, a bare number in MiB".to_owned(),
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Secret => "secret".to_owned(),
        Kind::Word(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Kind::Texts => "list of texts".to_owned(),
        Kind::Secrets => "list of secrets".to_owned(),
        Kind::Any => "anything".to_owned(),
        Kind::Mapping => "block".to_owned(),
        Kind::Table => "mapping".to_owned(),
        Kind::List => "list".to_owned(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        bytes if bytes % (1 << 30) == 0 => format!("{} GiB", bytes >> 30),
        bytes if bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes => format!("{bytes} B"),
    }
}
