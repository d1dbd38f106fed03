//! STAND-IN
use super::scan::Scan;
pub struct Identity {
    pub primary: Option<String>,
    pub fallback: Option<String>,
}
pub fn identify<'h>(header: impl Fn(&str) -> Option<&'h str>, _scan: &Scan<'_>) -> Identity {
    Identity {
        primary: header("x-session-id").map(|v| format!("header:{v}")),
        fallback: None,
    }
}
