//! What hostile clients can do to the server, and what everybody else notices of it.
//!
//! `cargo bench --bench hostile`, `… -- NAME` for the attacks whose names begin so, `… -- 20` for another number of
//! seconds than 8. Attacks that are met by a time limit go three times as long.
//!
//! Each attack meets a new server program on loopback with an empty data folder (SQLite) and the usual settings; only the
//! port and the folder are set. Addresses are those of the loopback network, which Linux gives to whoever asks, so that
//! the limits of an address hold as they do on a network, without a proxy.
//!
//! An agent and a visitor on addresses of their own work at a steady rate before, while and after it goes on. Attackers,
//! the innocent and the server share the machine; the attackers' threads give way to the others (nice 19), as if they
//! were elsewhere.

mod attacks;
mod documents;
mod innocent;
mod server;
mod wire;

use std::{
    fs,
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
    thread::sleep,
    time::Duration,
};

use tokio::{runtime::Runtime, time::Instant};

use crate::{
    attacks::{Attack, Target},
    innocent::{Innocent, KINDS, Kind, Sample, Story},
    server::Server,
};

/// How long the innocent are alone before an attack, after a first second that does not count.
const CALM: Duration = Duration::from_secs(5);
/// After an attack, memory is looked at once more when this has passed.
const REST: Duration = Duration::from_secs(10);
/// By then the innocent must be served again.
const RECOVERY: Duration = Duration::from_secs(5);

fn main() -> io::Result<ExitCode> {
    // `cargo test --benches` starts this, too, but without the argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(ExitCode::SUCCESS);
    }
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let seconds = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(8);
    let names: Vec<&String> = arguments.iter().filter(|argument| argument.parse::<u64>().is_err()).collect();
    let wanted = |attack: &Attack| names.is_empty() || names.iter().any(|name| attack.name.starts_with(name.as_str()));
    say(format_args!(
        "Settings: the usual ones, but for YANIT_LISTEN and YANIT_DATA_DIR. Server, innocent clients and attackers share \
         {} cores; attackers give way to the others.\nLatency of the innocent in ms, p50 / p99 / max, before → while it \
         goes on; each request counts from when it was due.\n",
        std::thread::available_parallelism()?
    ))?;
    say(format_args!(
        "| attack | s | load of machine | server MB before / peak / 10 s after | cores: server, attackers | query, HTTP | \
         sendMessage, HTTP | query, socket | told | innocent failed, lost | attackers |\n|{}",
        " --- |".repeat(11)
    ))?;
    let attackers = runtime()?;
    let mut problems = Vec::new();
    for attack in attacks::all().iter().filter(|attack| wanted(attack)) {
        let found = measure(attack, Duration::from_secs(seconds) * attack.times, &attackers)?;
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", attack.name)));
    }
    for problem in &problems {
        say(format_args!("\nFAILED {problem}"))?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: std::fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Threads for the attackers that leave the processor to others.
fn runtime() -> io::Result<Runtime> {
    let give_way = || {
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, 19);
    };
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).on_thread_start(give_way).enable_all().build()
}

/// What the server and the attackers used while an attack went on.
struct Usage {
    memory: [f64; 3],
    cores: [f64; 2],
    began: Instant,
    ended: Instant,
    lived: bool,
}

/// Goes through one attack and prints its row; gives what must not be.
fn measure(attack: &Attack, time: Duration, attackers: &Runtime) -> io::Result<Vec<String>> {
    let mut server = Server::start()?;
    let place = attackers.block_on(server::people(server.address, attack.filled))?;
    let innocent = Innocent::start(server.address, &place);
    sleep(Duration::from_millis(1_500));
    let alone = Instant::now();
    sleep(CALM);
    let target = Arc::new(Target::new(server.address, place));
    let usage = run(attack, time, &mut server, &target, attackers);
    let story = innocent.stop()?;
    let columns: Vec<String> = KINDS
        .iter()
        .map(|kind| {
            let times = |from, until| quantiles(&story.samples, *kind, from, until);
            format!("{} → {}", times(alone, usage.began), times(usage.began, usage.ended))
        })
        .collect();
    let failed = during(&story.samples, usage.began, usage.ended).filter(|sample| !sample.fine).count();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(format_args!(
        "| {} | {} | {} | {:.0} / {:.0} / {:.0} | {:.2}, {:.2} | {} | {failed}, {} | {} |",
        attack.name,
        time.as_secs(),
        load.split(' ').next().unwrap_or_default(),
        usage.memory[0],
        usage.memory[1],
        usage.memory[2],
        usage.cores[0],
        usage.cores[1],
        columns.join(" | "),
        story.lost,
        target.outcome(),
    ))?;
    Ok(problems(&story, &usage))
}

/// The attack itself, and the rest after it.
fn run(attack: &Attack, time: Duration, server: &mut Server, target: &Arc<Target>, attackers: &Runtime) -> Usage {
    let before = server.memory();
    let used = [server.cpu(), server::cpu("self")];
    let began = Instant::now();
    let running = attackers.spawn((attack.run)(target.clone()));
    let mut peak = before;
    while began.elapsed() < time && server.lives() {
        sleep(Duration::from_millis(50));
        peak = peak.max(server.memory());
    }
    let cores = [server.cpu() - used[0], server::cpu("self") - used[1]]
        .map(|used| used.as_secs_f64() / began.elapsed().as_secs_f64());
    target.end();
    running.abort();
    let ended = Instant::now();
    sleep(REST);
    Usage { memory: [before, peak, server.memory()], cores, began, ended, lived: server.lives() }
}

fn during(samples: &[Sample], from: Instant, until: Instant) -> impl Iterator<Item = &Sample> {
    samples.iter().filter(move |sample| (from..until).contains(&sample.due))
}

fn quantiles(samples: &[Sample], kind: Kind, from: Instant, until: Instant) -> String {
    let mut times: Vec<Duration> = during(samples, from, until)
        .filter(|sample| sample.kind == kind && sample.fine)
        .map(|sample| sample.took)
        .collect();
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else { return "none".into() };
    let at = |share: usize| {
        let millis = times[(times.len() * share / 100).min(last)].as_secs_f64() * 1e3;
        if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
    };
    format!("{} / {} / {}", at(50), at(99), at(100))
}

/// What must not be, whatever the attack.
fn problems(story: &Story, usage: &Usage) -> Vec<String> {
    let mut found = Vec::new();
    if !usage.lived {
        found.push("the server ended".to_owned());
    }
    if story.lost > 0 {
        found.push(format!("{} messages were accepted and not told", story.lost));
    }
    for kind in KINDS {
        let again = during(&story.samples, usage.ended, usage.ended + RECOVERY)
            .any(|sample| sample.kind == kind && sample.fine && sample.due + sample.took < usage.ended + RECOVERY);
        if !again {
            found.push(format!("{kind:?} is not served again within {RECOVERY:?}"));
        }
    }
    found
}
