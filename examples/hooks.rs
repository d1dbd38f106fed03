//! A gateway that refuses some requests and reports all of them: an example of the two hooks.
//!
//! ```sh
//! cargo run --example hooks -- config.yaml
//! ```

use std::path::Path;
use std::sync::Arc;

use holdfast::{Denied, Gateway, Incoming, Report, config};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: hooks CONFIG")?;
    let loaded = config::read(Path::new(&path));
    for problem in &loaded.problems {
        eprintln!("{problem}");
    }
    let config = loaded.config.ok_or("the configuration cannot be used")?;
    let running = Gateway::new(config)
        .filtered(Arc::new(filter))
        .observed(Arc::new(observe))
        .run()?;
    println!("listening on http://{}", running.address());
    loop {
        std::thread::park();
    }
}

/// Refuses bodies that contain what looks like a private key.
fn filter(request: &Incoming<'_>) -> Result<(), Denied> {
    let needle = b"PRIVATE KEY-----";
    let has_key = request
        .body
        .windows(needle.len())
        .any(|part| part == needle);
    match has_key {
        false => Ok(()),
        true => Err(Denied {
            status: 403,
            message: "This request contains a private key".to_owned(),
        }),
    }
}

/// Prints one line for each request.
fn observe(report: &Report<'_>) {
    let tokens = report.usage.map_or(0, |usage| usage.input + usage.output);
    println!(
        "{} {} by {}: {tokens} tokens in {:?}",
        report.status,
        report.model,
        report.credential.unwrap_or("nobody"),
        report.elapsed,
    );
}
