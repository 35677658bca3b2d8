//! A run, written down in one transaction: all of it is there, or nothing.

use anyhow::{Context, Result, bail};

use super::record::{self, Embedding, RunRecord, new_id};
use super::statements::{Statements, Value};
use super::{Ledger, Store};
use crate::run::StepRecord;

/// New identifiers that are tried. There are 1296 of each millisecond, for all who share a ledger.
const TRIES: usize = 100;

impl Ledger {
    /// Adds a run. Where another has its identifier already, it gets one that is free.
    pub fn record(&self, run: &mut RunRecord) -> Result<()> {
        let written = match &self.0 {
            Store::File(file) => file.writing(|on| write(on, run)),
            Store::Server(server) => server.writing(|on| write(on, run)),
        };
        written.with_context(|| format!("the run was not recorded in {}", self.place()))
    }
}

pub(super) fn write(on: &mut dyn Statements, run: &mut RunRecord) -> Result<()> {
    write_run(on, run)?;
    for (at, step) in run.steps.iter().enumerate() {
        write_step(on, run, at, step)?;
    }
    if let Some(Embedding { model, vector }) = &run.embedding {
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        on.change(
            "INSERT INTO embeddings (run, model, vector) VALUES ($1, $2, $3)",
            &[run.id.as_str().into(), model.as_str().into(), bytes.into()],
        )?;
    }
    Ok(())
}

/// Whoever comes second waits for the first one's transaction, and sees that the identifier is taken.
fn write_run(on: &mut dyn Statements, run: &mut RunRecord) -> Result<()> {
    for _ in 0..TRIES {
        let values: [Value; 6] = [
            run.id.as_str().into(),
            run.started.into(),
            run.usd.into(),
            run.ms.into(),
            run.policy.as_str().into(),
            serde_json::to_string(run)?.into(),
        ];
        let sql = "INSERT INTO runs (id, started, usd, ms, policy, record) VALUES ($1, $2, $3, $4, $5, $6)
                   ON CONFLICT (id) DO NOTHING";
        if on.change(sql, &values)? == 1 {
            return Ok(());
        }
        run.id = new_id(run.started);
    }
    bail!("no identifier is free for it")
}

fn write_step(on: &mut dyn Statements, run: &RunRecord, at: usize, step: &StepRecord) -> Result<()> {
    let number = at + 1;
    let access = run.workflow.steps.get(at).map(|step| serde_json::to_string(&step.access)).transpose()?;
    on.change(
        "INSERT INTO steps (run, number, worker, role, status, solved, tokens_in, tokens_cached, tokens_out, usd, ms,
                            depth, began_ms, prompt_hash, access)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        &[
            run.id.as_str().into(),
            number.into(),
            step.worker.as_str().into(),
            serde_json::to_value(step.role)?.as_str().unwrap_or_default().into(),
            step.status.as_str().into(),
            record::solved(step).map(u64::from).into(),
            step.usage.tokens_in.into(),
            step.usage.tokens_cached.into(),
            step.usage.tokens_out.into(),
            step.usage.usd.into(),
            step.ms.into(),
            step.depth.into(),
            step.began_ms.into(),
            step.prompt_hash.as_str().into(),
            access.into(),
        ],
    )?;
    if let Some(texts) = &step.texts {
        on.change(
            "INSERT INTO texts (run, step, prompt, reply) VALUES ($1, $2, $3, $4)",
            &[run.id.as_str().into(), number.into(), texts.prompt.as_str().into(), texts.reply.as_str().into()],
        )?;
    }
    Ok(())
}
