//! `holdfast identify`: which session a request belongs to.

use std::io::Read;
use std::process::ExitCode;

use serde_json::json;

use super::exit;
use super::output::{complain, print};
use crate::session::identity::{self, Identity};
use crate::session::scan;

pub fn run(headers: &[String], json: bool) -> ExitCode {
    let mut body = Vec::new();
    if let Err(error) = std::io::stdin().lock().read_to_end(&mut body) {
        complain(format_args!(
            "holdfast: cannot read the request body: {error}"
        ));
        return ExitCode::from(exit::INPUT);
    }
    match identify(headers, &body) {
        Ok(identity) => {
            print(&render(&identity, json));
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(format_args!("holdfast: {error}"));
            ExitCode::from(exit::INPUT)
        }
    }
}

fn identify(headers: &[String], body: &[u8]) -> Result<Identity, String> {
    let headers = headers
        .iter()
        .map(|line| {
            line.split_once(':')
                .map(|(name, value)| (name.trim(), value.trim()))
                .ok_or_else(|| format!("a header must be 'Name: value', not '{line}'"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if body.trim_ascii().is_empty() {
        return Err("standard input is empty; pipe the JSON body of a request into it".to_owned());
    }
    let scan = scan::scan(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    Ok(identity::identify(headers, &scan))
}

fn render(identity: &Identity, json: bool) -> String {
    let primary = identity.primary.as_deref().unwrap_or_default();
    let fallback = identity.fallback.as_deref().unwrap_or_default();
    if json {
        format!("{}\n", json!({"primary": primary, "fallback": fallback}))
    } else {
        format!("primary  {primary}\nfallback {fallback}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_counts() {
        let headers = ["X-Session-ID: abc".to_owned()];
        let identity = identify(&headers, b"{}").unwrap();
        assert_eq!(
            render(&identity, true),
            "{\"primary\":\"header:abc\",\"fallback\":\"\"}\n"
        );
        assert_eq!(render(&identity, false), "primary  header:abc\nfallback \n");
    }

    #[test]
    fn nonsense_is_told() {
        assert!(identify(&["nonsense".to_owned()], b"{}").is_err());
        assert!(identify(&[], b"{").is_err());
        assert!(identify(&[], b" \n").is_err());
    }
}
