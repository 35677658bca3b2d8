//! Baton: a language server that conducts a pool of coding models and verifies what they write.
//!
//! Start reading at [`run::Engine::run`]: it is the one path from a [`task::Task`] to a
//! [`run::Outcome`], and every edge (`lsp`, `http`, the shell in `cli`) calls it. ARCHITECTURE.md is the map.

pub mod cli;
pub mod conductor;
pub mod config;
pub mod context;
pub mod conversation;
pub mod eval;
pub mod http;
pub mod ledger;
pub mod lsp;
pub mod models;
pub mod patch;
pub mod pool;
pub mod repair;
pub mod run;
pub mod task;
pub mod toolchain;
pub mod verify;
pub mod workflow;
pub mod workspace;
