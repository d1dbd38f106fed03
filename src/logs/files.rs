//! The names of log files, and which of them are deleted when there are too many. Pure.

use std::time::SystemTime;

use crate::time::Timestamp;

/// The log of the program itself.
pub const MAIN: &str = "main.log";
const ERROR: &str = "error-";

/// The most bytes of a path that a name shows: file systems take names of 255.
const NAME_BYTES: usize = 128;

/// A file as it lies in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    pub modified: SystemTime,
    pub size: u64,
}

/// What [`MAIN`] is called once it is full: `main-2025-12-23T20-14-04.123.log`, in UTC.
pub fn rotated(utc: &Timestamp) -> String {
    let millisecond = utc.millisecond();
    format!(
        "main-{}T{}.{millisecond:03}.log",
        utc.date(),
        utc.clock("-")
    )
}

/// The log of one request: `v1-responses-2025-12-23T195811-a1b2c3d4.log`, in local time.
pub fn of_request(target: &str, local: &Timestamp, id: &str, is_error: bool) -> String {
    let start = if is_error { ERROR } else { "" };
    let name = name(target);
    format!(
        "{start}{name}-{}T{}-{id}.log",
        local.date(),
        local.clock("")
    )
}

/// A path as part of a name.
fn name(target: &str) -> String {
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    let mut name = String::with_capacity(path.len().min(NAME_BYTES));
    for c in path.chars() {
        let is_plain = !(c.is_whitespace() || c.is_control() || "/:<>\"\\|?*".contains(c));
        match is_plain && c != '-' {
            true if name.len() + c.len_utf8() > NAME_BYTES => break,
            true => name.push(c),
            false if name.is_empty() || name.ends_with('-') => {}
            false => name.push('-'),
        }
    }
    match name.trim_end_matches('-') {
        "" => "root".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// The files that must go for the rest to have `cap` bytes: the oldest. [`MAIN`] counts, and stays.
pub fn over_cap(mut files: Vec<Found>, cap: u64) -> Vec<String> {
    files.retain(|file| file.name.ends_with(".log") || file.name.ends_with(".log.gz"));
    let mut total: u64 = files.iter().map(|file| file.size).sum();
    files.retain(|file| file.name != MAIN);
    oldest_first(&mut files);
    let mut gone = Vec::new();
    for file in files {
        if total <= cap {
            break;
        }
        total = total.saturating_sub(file.size);
        gone.push(file.name);
    }
    gone
}

/// The error logs that must go for `keep` to be left: the oldest.
pub fn over_count(mut files: Vec<Found>, keep: usize) -> Vec<String> {
    files.retain(|file| file.name.starts_with(ERROR) && file.name.ends_with(".log"));
    oldest_first(&mut files);
    files.truncate(files.len().saturating_sub(keep));
    files.into_iter().map(|file| file.name).collect()
}

fn oldest_first(files: &mut [Found]) {
    files.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(seconds * 1000 + 7)
    }

    fn found(name: &str, age: u64, size: u64) -> Found {
        Found {
            name: name.to_owned(),
            modified: at(1_000_000 - age),
            size,
        }
    }

    #[test]
    fn files_are_named_by_path_time_and_id() {
        let time = Timestamp::utc(at(1_766_519_891));
        assert_eq!(rotated(&time), "main-2025-12-23T19-58-11.007.log");
        for (target, is_error, expected) in [
            (
                "/v1/responses?key=abc",
                false,
                "v1-responses-2025-12-23T195811-a1b2c3d4.log",
            ),
            (
                "/v1/messages",
                true,
                "error-v1-messages-2025-12-23T195811-a1b2c3d4.log",
            ),
            ("/", false, "root-2025-12-23T195811-a1b2c3d4.log"),
            (
                "/v1beta/models/m:generateContent",
                false,
                "v1beta-models-m-generateContent-2025-12-23T195811-a1b2c3d4.log",
            ),
            ("//a--b/ c*/", false, "a-b-c-2025-12-23T195811-a1b2c3d4.log"),
        ] {
            assert_eq!(of_request(target, &time, "a1b2c3d4", is_error), expected);
        }
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let files = vec![
            found("main.log", 900, 50),
            found("a.log", 30, 10),
            found("b.log.gz", 20, 10),
            found("c.log", 10, 10),
            found("notes.txt", 99, 1000),
        ];
        let over = |cap| over_cap(files.clone(), cap);
        assert!(over(80).is_empty());
        assert_eq!(over(79), ["a.log"]);
        assert_eq!(over(65), ["a.log", "b.log.gz"]);
        assert_eq!(over(0), ["a.log", "b.log.gz", "c.log"]);
    }

    #[test]
    fn the_newest_error_logs_stay() {
        let files = vec![
            found("error-a.log", 3, 1),
            found("error-b.log", 1, 1),
            found("error-c.log", 2, 1),
            found("v1-messages.log", 9, 1),
            found("error-d.txt", 9, 1),
        ];
        assert_eq!(over_count(files.clone(), 1), ["error-a.log", "error-c.log"]);
        assert!(over_count(files, 3).is_empty());
    }

    proptest! {
        #[test]
        fn no_path_leads_out_of_the_folder(target in "(?s).{0,400}") {
            let name = of_request(&target, &Timestamp::utc(at(0)), "00000000", true);
            prop_assert!(!name.contains('/') && !name.contains('\0') && name.len() <= 255);
            prop_assert!(name.starts_with("error-") && name.ends_with(".log"));
        }
    }
}
