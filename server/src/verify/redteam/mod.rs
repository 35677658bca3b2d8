//! The red team. `tests/redteam/` holds attacks as data; here each of them is carried out twice: with every defence,
//! where it must achieve nothing, and without the one that it is aimed at, where it must succeed. An attack that
//! achieves nothing even then would prove nothing.

mod attacks;
mod ground;
mod replies;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::de::DeserializeOwned;

/// What came of one class of attacks.
#[derive(Debug, Default, Clone)]
struct Tally {
    /// Which defence holds it off.
    walls: String,
    /// Attacks.
    variants: usize,
    /// Attempts with every defence in place, and those of them that achieved something.
    tried: usize,
    escapes: Vec<String>,
    /// Attempts without the defence, and those of them that achieved nothing.
    live: usize,
    dead: Vec<String>,
}

/// The classes in a folder of `tests/redteam/`, by name.
fn classes<T: DeserializeOwned>(folder: &str) -> BTreeMap<String, T> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/redteam").join(folder);
    let mut classes = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // For whoever writes a class: try it alone.
        if std::env::var("BATON_REDTEAM").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        classes.insert(name, toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    }
    classes
}

/// Carries out the attacks, several at a time; every result is added to the tally of its class.
fn carry_out<A: Send>(attacks: Vec<(String, A)>, attempt: impl Fn(&A, &mut Tally) + Sync) -> BTreeMap<String, Tally> {
    let queue = Mutex::new(attacks.into_iter());
    let tallies: Mutex<BTreeMap<String, Tally>> = Mutex::default();
    std::thread::scope(|scope| {
        // Many attacks wait most of their time.
        for _ in 0..2 * std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((class, attack)) = queue.lock().unwrap().next() else { return };
                    let mut tally = Tally::default();
                    attempt(&attack, &mut tally);
                    let mut tallies = tallies.lock().unwrap();
                    let sum = tallies.entry(class).or_default();
                    sum.walls = tally.walls;
                    sum.variants += 1;
                    sum.tried += tally.tried;
                    sum.escapes.extend(tally.escapes);
                    sum.live += tally.live;
                    sum.dead.extend(tally.dead);
                }
            });
        }
    });
    tallies.into_inner().unwrap()
}

/// Fails if anything got out, or if an attack is none. How often they were tried depends on the machine: it is printed.
fn judge(name: &str, tallies: &BTreeMap<String, Tally>) {
    let count = |all: &dyn Fn(&Tally) -> usize| tallies.values().map(all).sum::<usize>();
    let variants = count(&|tally| tally.variants);
    println!(
        "{} classes, {variants} variants: {} of {} attempts escaped, {} of {} canaries live",
        tallies.len(),
        count(&|tally| tally.escapes.len()),
        count(&|tally| tally.tried),
        count(&|tally| tally.live),
        count(&|tally| tally.live + tally.dead.len()),
    );
    let wrong: Vec<&String> = tallies.values().flat_map(|tally| tally.escapes.iter().chain(&tally.dead)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let few: Vec<&String> = tallies.iter().filter(|(_, tally)| tally.variants < 5).map(|(class, _)| class).collect();
    assert!(few.is_empty(), "fewer than five variants: {few:?}");
    if std::env::var_os("BATON_REDTEAM").is_none() {
        let line = |(class, tally): (&String, &Tally)| {
            format!("{class:24} {:30} {} variants: no escape, every canary live\n", tally.walls, tally.variants)
        };
        let table: String = tallies.iter().map(line).collect();
        insta::assert_snapshot!(name.to_owned(), format!("{table}\n{} classes, {variants} variants", tallies.len()));
    }
}
