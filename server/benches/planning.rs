//! What a grammar costs a plan: tokens until the first and tokens a second, with it and without, in a model that has the
//! shape of one of 0.5 billion parameters and 152,000 tokens, whose weights are random. Through the child process.
//!
//! Random weights are the worst case for the grammar: nearly every token that is drawn is refused. A model that
//! follows instructions writes most of a plan as the grammar wants it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use baton::conductor::host::{Chat, IDLE, Message, PATIENCE, Writer, WriterOptions, Written};
use tokio_util::sync::CancellationToken;

/// A plan of two steps, as the conductor's grammar has it; short enough for 120 tokens.
const PLAN: &str = r#"root ::= "{\"steps\":[" step "," step "]}"
step ::= "{\"worker\":" [0-3] ",\"role\":\"" role "\",\"subtask\":\"" [^ "\\\x00-\x1f\x7f] [^"\\\x00-\x1f\x7f]{60,120} "\",\"access\":\"" access "\"}"
role ::= "thinker" | "worker" | "verifier"
access ::= "all" | "none"
"#;

fn main() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let model = project.join(".tools/models/half-b.gguf");
    if !model.is_file() {
        let script = project.join("tests/tiny_model/make.py");
        let made = Command::new("python3").arg(script).arg(&model).arg("--half-b").status();
        assert!(made.expect("python3 runs").success(), "the model is made");
    }
    let cache = tempfile::tempdir().unwrap();
    let writer = Writer::new(WriterOptions {
        exe: env!("CARGO_BIN_EXE_baton").into(),
        model: Some(model),
        context: 4096,
        cache_dir: cache.path().to_owned(),
        idle: IDLE,
        patience: PATIENCE,
    });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let write = |grammar: Option<&str>, seed: u64| -> Written {
        let chat = Chat {
            // No two prompts are the same: nothing but the rules is known from before.
            messages: vec![
                Message::new("system", "Rules. ".repeat(20)),
                Message::new("user", format!("{} {seed}: a task of some words.", grammar.map_or("Free", |_| "Bound"))),
            ],
            fixed: 1,
            grammar: grammar.map(str::to_owned),
            temperature: 0.7,
            seed,
            max_tokens: 120,
        };
        runtime.block_on(writer.write(&chat, |_| {}, &CancellationToken::new())).unwrap()
    };
    let began = std::time::Instant::now();
    write(None, 0);
    println!("started, loaded, first answer: {:.1} s", began.elapsed().as_secs_f64());
    write(Some(PLAN), 0);
    let mut figures = [Figures::default(), Figures::default()];
    // In turn, so that whatever else the machine does falls on both.
    for seed in 1..=7 {
        for (figures, grammar) in figures.iter_mut().zip([None, Some(PLAN)]) {
            figures.add(&write(grammar, seed));
        }
    }
    let [free, bound] = figures.map(|mut figures| figures.medians());
    println!("free:    first token {:.1} ms, {:.1} tokens/s", free.0, free.1);
    println!("grammar: first token {:.1} ms, {:.1} tokens/s", bound.0, bound.1);
    println!("ratios:  {:.2} (1.3 at most), {:.2} (0.9 at least)", bound.0 / free.0, bound.1 / free.1);
    if let Some(stats) = runtime.block_on(writer.stats()) {
        println!("resident: {} MB", stats.resident / 1_000_000);
    }
    drop(writer);
    runtime.shutdown_timeout(Duration::from_secs(5));
}

#[derive(Default)]
struct Figures {
    first: Vec<f64>,
    speed: Vec<f64>,
}

impl Figures {
    fn add(&mut self, written: &Written) {
        self.first.push(written.first_ms);
        self.speed.push((written.tokens_out as f64 - 1.0) / (written.ms - written.first_ms) * 1e3);
    }

    fn medians(&mut self) -> (f64, f64) {
        for figures in [&mut self.first, &mut self.speed] {
            figures.sort_by(f64::total_cmp);
        }
        (self.first[self.first.len() / 2], self.speed[self.speed.len() / 2])
    }
}
