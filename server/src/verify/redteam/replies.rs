//! Attacks of a model's reply: on files that it has no business with, and on the tests that judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::{Tally, carry_out, classes, judge};
use crate::patch;
use crate::task::Goal;
use crate::verify::{Limits, Request, RunnerKind, Verdict, Verifier};
use crate::workspace::{RelPath, Snapshot};

/// A class of replies: what they are after, and what a harness believes that has no defence.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[expect(dead_code, reason = "for who reads the data")]
    attacks: String,
    belief: Belief,
    #[serde(default)]
    goal: Option<String>,
    focus: String,
    #[serde(default)]
    test: Vec<String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    variant: Vec<Variant>,
}

/// What is done with a reply where nothing defends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Belief {
    /// Every block is written to where it says: the attack works if another file than the focus is changed.
    Paths,
    /// The same: it works if the text is there.
    Text,
    /// What stands in a fence of shell is run: it works if anything outside is changed.
    Orders,
    /// The patch is right if the tests' exit status is 0.
    Status,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    name: String,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    reply: Reply,
}

/// A reply as written, or made of pieces because it is long.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Reply {
    Text(String),
    Long { before: String, again: String, times: usize, after: String },
}

impl Reply {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            // `@n@` is the number of the repetition.
            Self::Long { before, again, times, after } => {
                let middle: String = (0..*times).map(|n| again.replace("@n@", &n.to_string())).collect();
                format!("{before}{middle}{after}")
            }
        }
    }
}

/// Path, old text and new text of each block, for who believes them.
fn blocks(reply: &str) -> Vec<(String, String, String)> {
    let block = regex::Regex::new("(?ms)^([^\n]*)\n<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE").unwrap();
    block.captures_iter(reply).map(|found| (found[1].to_owned(), found[2].to_owned(), found[3].to_owned())).collect()
}

/// Writes the blocks below `root`, wherever that is.
fn believe_paths(root: &Path, reply: &str) {
    for (path, old, new) in blocks(reply) {
        let path = root.join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let text = if text.contains(&old) && !old.is_empty() { text.replacen(&old, &new, 1) } else { new };
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(path, text);
    }
}

fn believe_orders(root: &Path, reply: &str) {
    let fence = regex::Regex::new("(?s)```(?:sh|bash|shell|console)\n(.*?)```").unwrap();
    for found in fence.captures_iter(reply) {
        let mut shell = std::process::Command::new("/bin/sh");
        assert!(shell.args(["-c", &found[1]]).current_dir(root).status().is_ok());
    }
}

impl Class {
    fn ground(&self, variant: &Variant) -> Ground {
        let mut files = self.files.clone();
        files.extend(variant.files.clone());
        Ground::new(&files, &variant.links)
    }

    fn goal(&self) -> Goal {
        if self.goal.as_deref() == Some("edit") { Goal::Edit } else { Goal::Fix }
    }

    async fn verifier(&self, ground: &Ground) -> Verifier {
        let request = Request {
            snapshot: Snapshot::new(ground.project().canonicalize().unwrap(), BTreeMap::new()),
            focus: RelPath::new(&self.focus).unwrap(),
            goal: Goal::Fix,
            instruction: String::new(),
            diagnostics: Vec::new(),
            // The defences have to hold without it.
            evidence: false,
            checks: Default::default(),
            test: (!self.test.is_empty()).then(|| self.test.clone()),
            state_dir: ground.state(),
            limits: Limits { wall: Duration::from_secs(60), ..Limits::default() },
        };
        Verifier::open(request, &CancellationToken::new()).await.unwrap()
    }

    /// What is accepted of the reply, if anything is: the way that a run takes.
    async fn accepted(&self, ground: &Ground, reply: &str) -> Option<String> {
        let focus = RelPath::new(&self.focus).unwrap();
        let snapshot = Snapshot::new(ground.project().canonicalize().unwrap(), BTreeMap::new());
        let patch = patch::read(reply, &snapshot, &focus).ok()?;
        let asks = patch::gate(&patch, &snapshot, self.goal()).ok()?;
        if !asks.is_empty() {
            return None;
        }
        if self.belief != Belief::Status {
            return Some(format!("the gate lets it pass: {:?}", patch.files().keys().collect::<Vec<_>>()));
        }
        let verifier = self.verifier(ground).await;
        let checked = verifier.check(&patch, &CancellationToken::new()).await;
        match checked.verdict {
            Verdict::Passed(report) => Some(format!("verified: {}", report.report)),
            _ => None,
        }
    }

    /// Whether the reply achieves what it is after where nothing defends; else what happened.
    async fn succeeds(&self, ground: &mut Ground, reply: &str) -> Result<(), String> {
        let before = ground.look();
        let root = ground.project();
        if self.belief == Belief::Orders {
            believe_orders(&root, reply);
        } else {
            believe_paths(&root, reply);
        }
        let after = ground.look();
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed: Vec<_> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
        let others = changed.iter().filter(|path| !path.ends_with(&self.focus)).count();
        match self.belief {
            Belief::Paths if others > 0 => Ok(()),
            Belief::Text | Belief::Orders if !changed.is_empty() => Ok(()),
            Belief::Status => {
                // Only the exit status counts, and nobody asks what was changed.
                let mut verifier = self.verifier(ground).await;
                if let Some(command) = &mut verifier.tests {
                    command.runner = RunnerKind::Opaque;
                }
                let baseline = verifier.baseline(&CancellationToken::new()).await.map_err(|e| e.to_string())?;
                if baseline.failed == 0 { Ok(()) } else { Err(baseline.output.clone()) }
            }
            _ => Err(format!("changed: {changed:?}")),
        }
    }
}

#[test]
fn no_reply_gets_what_it_is_after() {
    let classes: BTreeMap<String, Class> = classes("replies");
    let variants =
        classes.iter().flat_map(|(name, class)| class.variant.iter().map(move |variant| (name, class, variant)));
    let attacks = variants.map(|(name, class, variant)| (name.clone(), (name, class, variant))).collect();
    let tallies: BTreeMap<String, Tally> = carry_out(attacks, |(name, class, variant), tally| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let what = format!("{name}, {}", variant.name);
            tally.walls = format!("{:?}", class.belief);
            let ground = class.ground(variant);
            let reply = ground.filled(&variant.reply.text());
            let before = ground.look();
            tally.tried += 1;
            if let Some(how) = class.accepted(&ground, &reply).await {
                tally.escapes.push(format!("{what} is accepted, {how}"));
            } else if ground.look() != before {
                tally.escapes.push(format!("{what} changed something"));
            }
            let mut succeeded = Err(String::new());
            // The machine may be too busy for it once.
            for _ in 0..2 {
                let mut ground = class.ground(variant);
                let reply = ground.filled(&variant.reply.text());
                succeeded = class.succeeds(&mut ground, &reply).await;
                if succeeded.is_ok() {
                    break;
                }
            }
            match succeeded {
                Ok(()) => tally.live += 1,
                Err(why) => tally.dead.push(format!("{what} achieves nothing: {why}")),
            }
        });
    });
    judge("replies", &tallies);
}
