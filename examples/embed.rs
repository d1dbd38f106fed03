//! A gateway inside another program: start it, use it, reload it, stop it.

use std::time::Duration;

use holdfast::{Gateway, config};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let running = Gateway::start(parse("port: 0\nhost: 127.0.0.1\napi-keys: [first]\n")?)?;
    println!("listening on http://{}", running.address());

    let pending = running.reload(parse("port: 8317\nhost: 127.0.0.1\napi-keys: [second]\n")?);
    println!("reloaded; these need a restart: {pending:?}");

    let finished = running.drain(Duration::from_secs(5), || false);
    println!("all requests finished: {finished}");
    running.stop();
    Ok(())
}

fn parse(text: &str) -> Result<config::Config, String> {
    let loaded = config::load(text, "embedded");
    loaded.config.ok_or_else(|| {
        let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        problems.join("\n")
    })
}
