//! Opening the vendor's page in a browser, where there is one.

use std::process::{Command, Stdio};
use std::thread;

/// The program that opens pages; `None` where pages are not shown, as on servers.
fn program(variables: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    // The browser of the other end is not reachable from here.
    if variables("SSH_CONNECTION").is_some() || variables("SSH_TTY").is_some() {
        return None;
    }
    if let Some(browser) = variables("BROWSER") {
        // Several are separated by colons, and some contain the place of the URL.
        let first = browser.split(':').next().unwrap_or_default();
        let is_plain = !first.is_empty() && !first.contains([' ', '%']);
        return is_plain.then(|| first.to_owned());
    }
    if cfg!(target_os = "macos") {
        return Some("open".to_owned());
    }
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| variables(name).is_some());
    has_screen.then(|| "xdg-open".to_owned())
}

/// Opens `url`. Returns whether a browser was started.
pub fn open(url: &str, variables: &dyn Fn(&str) -> Option<String>) -> bool {
    let Some(program) = program(variables) else {
        return false;
    };
    let started = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(mut child) => {
            thread::spawn(move || child.wait());
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_opened_where_there_is_a_screen() {
        let screen = if cfg!(target_os = "macos") {
            "open"
        } else {
            "xdg-open"
        };
        for (variables, expected) in [
            (&[("DISPLAY", ":0")][..], Some(screen)),
            (&[("WAYLAND_DISPLAY", "wayland-0")], Some(screen)),
            (
                &[("DISPLAY", ":0"), ("BROWSER", "firefox:lynx")],
                Some("firefox"),
            ),
            (&[("BROWSER", "firefox %s")], None),
            (&[("DISPLAY", ":0"), ("SSH_CONNECTION", "x")], None),
            (&[("DISPLAY", ":0"), ("SSH_TTY", "/dev/pts/0")], None),
        ] {
            let look_up = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(program(&look_up).as_deref(), expected, "{variables:?}");
        }
    }
}
