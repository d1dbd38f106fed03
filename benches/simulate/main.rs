//! `cargo bench --bench simulate`: simulates conversations of agents over credentials with prompt caches and compares
//! routing policies. The clock is simulated, and the results are the same in every run.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "A bench ends at the first thing that is not as it must be"
)]

mod agents;
mod policy;
mod random;
mod vendor;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use agents::{Conversation, Habits};
use policy::{Dispatcher, Underway, Variant};
use random::Random;
use vendor::Account;

/// The simulated time, seconds.
const LENGTH: f64 = 4.0 * 3_600.0;
/// The warm-up that is not counted, seconds: all caches begin empty.
const WARM: f64 = 1_800.0;
/// The retry interval of a client after a failure, seconds.
const AGAIN: f64 = 5.0;

struct Scenario {
    name: &'static str,
    accounts: usize,
    /// The approximate number of concurrent conversations.
    conversations: f64,
    habits: Habits,
    fails: bool,
}

fn scenarios() -> Vec<Scenario> {
    let habits = Habits {
        have_ids: false,
        templates: 12,
        open_alike: false,
        branches: 0.03,
        subagents: 0.0,
        turns: 25.0,
        pause: 15.0,
    };
    let scenario = |name, accounts, conversations, habits| Scenario {
        name,
        accounts,
        conversations,
        habits,
        fails: false,
    };
    let named = Habits {
        have_ids: true,
        ..habits.clone()
    };
    let alike = Habits {
        templates: 3,
        open_alike: true,
        ..habits.clone()
    };
    let subagents = Habits {
        subagents: 0.12,
        ..habits.clone()
    };
    vec![
        scenario(
            "sessions with ids, 20 per credential",
            8,
            160.0,
            named.clone(),
        ),
        scenario("no ids, 20 per credential", 8, 160.0, habits.clone()),
        scenario("no ids, openings alike", 8, 160.0, alike.clone()),
        scenario(
            "no ids, a prompt of its own each",
            8,
            160.0,
            Habits {
                templates: 0,
                ..habits.clone()
            },
        ),
        scenario(
            "no ids, branches",
            5,
            60.0,
            Habits {
                branches: 0.25,
                ..habits.clone()
            },
        ),
        scenario("no ids, subagents", 5, 40.0, subagents.clone()),
        scenario(
            "with ids, subagents",
            5,
            40.0,
            Habits {
                have_ids: true,
                ..subagents.clone()
            },
        ),
        scenario(
            "few sessions, slow",
            3,
            5.0,
            Habits {
                pause: 60.0,
                ..habits.clone()
            },
        ),
        Scenario {
            fails: true,
            ..scenario("with ids, failures and quotas", 8, 120.0, named)
        },
        Scenario {
            fails: true,
            ..scenario("no ids, failures and quotas", 8, 120.0, habits)
        },
        Scenario {
            fails: true,
            ..scenario(
                "no ids, alike, subagents, failures",
                8,
                80.0,
                Habits {
                    subagents: 0.12,
                    ..alike
                },
            )
        },
    ]
}

/// The result of one policy in one scenario.
#[derive(Debug, Default)]
struct Result {
    input: u64,
    cached: u64,
    turns: u64,
    moved: u64,
    /// Failed requests that an account could have served.
    lost: u64,
    /// Failed requests that no account could have served.
    hopeless: u64,
    balance: f64,
    waits: Vec<f64>,
}

impl Result {
    fn cached_share(&self) -> f64 {
        self.cached as f64 / self.input.max(1) as f64
    }

    fn p99_wait(&mut self) -> f64 {
        self.waits.sort_by(f64::total_cmp);
        let at = self.waits.len() * 99 / 100;
        self.waits.get(at).copied().unwrap_or(0.0)
    }
}

/// An event of the simulation.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Turn(usize),
    End(usize),
}

fn micros(time: f64) -> u64 {
    (time * 1e6) as u64
}

fn simulate(scenario: &Scenario, variant: Variant) -> Result {
    // The random numbers are the same for every policy.
    let mut world = Random::new(7);
    let mut accounts: Vec<Account> = (0..scenario.accounts)
        .map(|_| match scenario.fails {
            true => Account::with_failures(&mut world, LENGTH),
            false => Account::default(),
        })
        .collect();
    if scenario.fails {
        accounts[1].revoke(LENGTH * 0.6);
    }
    let habits = &scenario.habits;
    // The arrival rate keeps the number of conversations at its target.
    let lasts = habits.turns * (habits.pause + 6.0);
    let every = lasts / scenario.conversations;
    let mut dispatcher = Dispatcher::new(variant, scenario.accounts);
    let mut conversations: Vec<(Conversation, Random)> = Vec::new();
    let mut underway: Vec<Option<Underway>> = Vec::new();
    let mut served_before = vec![0; scenario.accounts];
    let mut events = BinaryHeap::from([Reverse((0, Event::Arrival))]);
    let mut result = Result::default();
    let mut tidied = 0.0;
    while let Some(Reverse((at, event))) = events.pop() {
        let now = at as f64 / 1e6;
        if now > LENGTH {
            break;
        }
        if now - tidied > 60.0 {
            accounts.iter_mut().for_each(|account| account.tidy(now));
            tidied = now;
        }
        if now < WARM {
            served_before = accounts.iter().map(|account| account.served).collect();
        }
        match event {
            Event::Arrival => {
                events.push(Reverse((
                    micros(now + world.exponential(every)),
                    Event::Arrival,
                )));
                begin(&mut conversations, habits, false, world.next());
                underway.resize_with(conversations.len(), || None);
                events.push(Reverse((at, Event::Turn(conversations.len() - 1))));
            }
            Event::Turn(index) => {
                let conversation = &mut conversations[index].0;
                let Some(found) = dispatcher.dispatch(conversation, &accounts, now) else {
                    let could = accounts
                        .iter()
                        .any(|account| account.refusal(now).is_none());
                    match could {
                        true => result.lost += 1,
                        false => result.hopeless += 1,
                    }
                    events.push(Reverse((micros(now + AGAIN), Event::Turn(index))));
                    continue;
                };
                let prompt = conversation.prompt();
                let total = prompt.last().map_or(0, |last| last.size);
                let account = &mut accounts[found.account];
                let (cached, wait, took) = account.serve(&prompt, 300, now);
                if now >= WARM {
                    result.turns += 1;
                    result.input += total;
                    result.cached += cached;
                    result.waits.push(wait);
                    let moved = conversation.last.is_some_and(|last| last != found.account);
                    result.moved += u64::from(moved);
                }
                conversation.last = Some(found.account);
                underway[index] = Some(found);
                events.push(Reverse((micros(now + took), Event::End(index))));
            }
            Event::End(index) => {
                if let Some(underway) = underway[index].take() {
                    dispatcher.finish(&underway, now);
                }
                let (conversation, random) = &mut conversations[index];
                conversation.turns_left -= 1;
                if conversation.turns_left == 0 {
                    continue;
                }
                let tokens = random.size(250);
                conversation.go_on(tokens, habits, random);
                let pause = random.exponential(habits.pause);
                let starts = random.chance(habits.subagents) && !conversation.is_subagent;
                let seed = random.next();
                events.push(Reverse((micros(now + pause), Event::Turn(index))));
                if starts {
                    begin(&mut conversations, habits, true, seed);
                    underway.resize_with(conversations.len(), || None);
                    events.push(Reverse((at, Event::Turn(conversations.len() - 1))));
                }
            }
        }
    }
    let served: Vec<f64> = accounts
        .iter()
        .zip(&served_before)
        .map(|(account, before)| (account.served - before) as f64)
        .collect();
    let mean = served.iter().sum::<f64>() / served.len() as f64;
    result.balance = served
        .iter()
        .fold(0.0, |most: f64, served| most.max(*served))
        / mean;
    result
}

/// Starts a conversation. Its course depends on its seed only, not on the policy.
fn begin(
    conversations: &mut Vec<(Conversation, Random)>,
    habits: &Habits,
    is_subagent: bool,
    seed: u64,
) {
    let mut random = Random::new(seed);
    let conversation = Conversation::new(seed, habits, is_subagent, &mut random);
    conversations.push((conversation, random));
}

fn main() {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "| scenario | variant | cached | of optimum | turns | moved | lost | nobody well | max/mean | p99 wait |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for scenario in scenarios() {
        let mut results: Vec<(Variant, Result)> = policy::ALL
            .into_iter()
            .map(|variant| (variant, simulate(&scenario, variant)))
            .collect();
        let optimum = results
            .last()
            .map_or(1.0, |(_, result)| result.cached_share());
        for (variant, result) in &mut results {
            let p99 = result.p99_wait();
            println!(
                "| {} | {} | {:.1} % | {:.1} % | {} | {} | {} | {} | {:.2} | {:.2} s |",
                scenario.name,
                variant.name(),
                result.cached_share() * 100.0,
                result.cached_share() / optimum * 100.0,
                result.turns,
                result.moved,
                result.lost,
                result.hopeless,
                result.balance,
                p99,
            );
        }
    }
}
