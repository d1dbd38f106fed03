//! Measures performance figures and compares them with their targets.
//!
//! `cargo bench --bench figures -- --help` prints the usage; `benches/README.md` explains the figures.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A bench ends at the first thing that is not as it must be"
)]

mod afterwards;
mod builds;
mod chat;
mod client;
mod events;
mod footprint;
mod framing;
mod helper;
mod instructions;
mod many_connections;
mod process;
mod proxy;
mod report;
mod scan;
mod scratch;
mod selection;
mod streams;
mod throughput;
mod unfinished;
mod upstream;
mod watching;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use helper::Helper;
use proxy::{Options, Program, Proxy};
use report::Report;
use scratch::Scratch;

pub const MIB: u64 = 1 << 20;

const HELP: &str = "\
Measures the gateway and prints each figure beside its target.

Usage: cargo bench --bench figures -- [options]

  --only NAME     only this scenario; may be given several times
  --list          the names of the scenarios
  --gateway PATH  measure this binary instead of the one just built
  --nginx         measure nginx in the gateway's place, to try the tool itself

Needs nginx for what is compared with it, valgrind for `instructions`.
Ends with 1 when a figure misses its target.";

/// Measures and reports one scenario.
type Scenario = fn(&Bench, &mut Report) -> io::Result<()>;

const SCENARIOS: [(&str, Scenario); 16] = [
    ("size", footprint::size),
    ("start", footprint::start),
    ("memory", footprint::idle),
    ("idle", many_connections::idle),
    ("burst", many_connections::burst),
    ("unfinished", unfinished::bodies),
    ("slow", unfinished::slow),
    ("small", throughput::small),
    ("large", throughput::large),
    ("events", events::relayed),
    ("streams", streams::relay),
    ("thousands", streams::thousands),
    ("afterwards", afterwards::measure),
    ("scan", scan::rate),
    ("selection", selection::measure),
    ("instructions", instructions::count),
];

/// The context of a scenario.
pub struct Bench {
    pub program: Program,
    pub upstream: Helper,
    pub scratch: Scratch,
}

impl Bench {
    /// Starts the measured program in front of the upstream.
    pub fn start(&self) -> io::Result<Proxy> {
        self.start_with(Options::default())
    }

    pub fn start_with(&self, options: Options<'_>) -> io::Result<Proxy> {
        let folder = self.scratch.folder()?;
        self.program.start(options, self.upstream.address, &folder)
    }

    /// Starts nginx, the reference, in front of the same upstream.
    pub fn start_nginx(&self) -> io::Result<Proxy> {
        let folder = self.scratch.folder()?;
        Program::Nginx.start(Options::default(), self.upstream.address, &folder)
    }
}

enum Action {
    Help,
    List,
    ServeUpstream,
    Measure {
        only: Vec<String>,
        gateway: Option<PathBuf>,
        nginx: bool,
    },
    /// As `cargo test --benches` calls it.
    Nothing,
}

fn main() -> ExitCode {
    match arguments().map_err(io::Error::other).and_then(act) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Action, lexopt::Error> {
    use lexopt::prelude::*;
    if std::env::args_os().len() == 1 {
        return Ok(Action::Nothing);
    }
    let mut parser = lexopt::Parser::from_env();
    let (mut only, mut gateway, mut nginx) = (Vec::new(), None, false);
    while let Some(argument) = parser.next()? {
        match argument {
            // cargo bench adds it.
            Long("bench") => {}
            Long("help") | Short('h') => return Ok(Action::Help),
            Long("list") => return Ok(Action::List),
            Long("only") => only.push(scenario_name(parser.value()?.string()?)?),
            Long("gateway") => gateway = Some(parser.value()?.into()),
            Long("nginx") => nginx = true,
            Value(word) if word == upstream::COMMAND => return Ok(Action::ServeUpstream),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Action::Measure {
        only,
        gateway,
        nginx,
    })
}

fn scenario_name(name: String) -> Result<String, lexopt::Error> {
    if SCENARIOS.iter().any(|(known, _)| *known == name) {
        Ok(name)
    } else {
        Err(format!("no scenario '{name}'; --list names them").into())
    }
}

fn act(action: Action) -> io::Result<ExitCode> {
    match action {
        Action::Help => println!("{HELP}"),
        Action::List => {
            for (name, _) in SCENARIOS {
                println!("{name}");
            }
        }
        Action::ServeUpstream => upstream::serve()?,
        Action::Nothing => println!("figures: run by `cargo bench --bench figures`"),
        Action::Measure {
            only,
            gateway,
            nginx,
        } => {
            let program = match gateway {
                _ if nginx => Program::Nginx,
                Some(path) => Program::Gateway(path),
                None => Program::Gateway(env!("CARGO_BIN_EXE_holdfast").into()),
            };
            return measure(program, &only);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(program: Program, only: &[String]) -> io::Result<ExitCode> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let bench = Bench {
        program,
        upstream: Helper::start(&[upstream::COMMAND])?,
        scratch: Scratch::new()?,
    };
    let mut report = Report::default();
    report.note(&machine());
    for (name, scenario) in SCENARIOS {
        let wanted = only.is_empty() || only.iter().any(|wanted| wanted == name);
        if wanted && let Err(error) = scenario(&bench, &mut report) {
            report.broken(name, &error);
        }
    }
    Ok(if report.missed().is_empty() {
        ExitCode::SUCCESS
    } else {
        println!("missed: {}", report.missed().join("; "));
        ExitCode::FAILURE
    })
}

/// The machine of the measurement.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown CPU", |rest| {
        rest.trim_start_matches(['\t', ' ', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{cores} cores of {model}, Linux {}, load {} before the run",
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
