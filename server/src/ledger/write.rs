//! A run, written down in one transaction: all of it is there, or nothing.

use anyhow::{Context, Result};
use rusqlite::{Transaction, TransactionBehavior, params};

use super::record::{self, Embedding, RunRecord};
use super::{Ledger, said};
use crate::run::StepRecord;

impl Ledger {
    /// Adds a run, or replaces the one with its identifier.
    pub fn record(&self, run: &RunRecord) -> Result<()> {
        let written = || -> Result<()> {
            let mut connection = self.lock();
            let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change.execute("DELETE FROM runs WHERE id = ?1", [&run.id])?;
            change.execute(
                "INSERT INTO runs (id, started, usd, ms, policy, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![run.id, whole(run.started), run.usd, whole(run.ms), run.policy, serde_json::to_string(run)?],
            )?;
            for (at, step) in run.steps.iter().enumerate() {
                write_step(&change, run, at, step)?;
            }
            if let Some(Embedding { model, vector }) = &run.embedding {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                change.execute(
                    "INSERT INTO embeddings (run, model, vector) VALUES (?1, ?2, ?3)",
                    params![run.id, model, bytes],
                )?;
            }
            Ok(change.commit()?)
        };
        written()
            .map_err(|error| said(error, self.busy))
            .with_context(|| format!("the run was not recorded in {}", self.path.display()))
    }
}

/// SQLite's numbers have a sign; a server may claim any number of tokens.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn write_step(change: &Transaction<'_>, run: &RunRecord, at: usize, step: &StepRecord) -> Result<()> {
    let number = at + 1;
    let access = run.workflow.steps.get(at).map(|step| serde_json::to_string(&step.access)).transpose()?;
    change.execute(
        "INSERT INTO steps (run, number, worker, role, status, solved, tokens_in, tokens_cached, tokens_out, usd, ms,
                            depth, began_ms, prompt_hash, access)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        params![
            run.id,
            number as i64,
            step.worker,
            serde_json::to_value(step.role)?.as_str(),
            step.status,
            record::solved(step),
            whole(step.usage.tokens_in),
            whole(step.usage.tokens_cached),
            whole(step.usage.tokens_out),
            step.usage.usd,
            whole(step.ms),
            step.depth as i64,
            step.began_ms.map(whole),
            step.prompt_hash,
            access
        ],
    )?;
    if let Some(texts) = &step.texts {
        change.execute(
            "INSERT INTO texts (run, step, prompt, reply) VALUES (?1, ?2, ?3, ?4)",
            params![run.id, number as i64, texts.prompt, texts.reply],
        )?;
    }
    Ok(())
}
