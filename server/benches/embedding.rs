//! What an embedding costs as the server pays for it: through the child process and back. One thread.

use baton::conductor::host::{Host, HostOptions};
use divan::Bencher;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

fn main() {
    divan::main();
}

/// A host of this build with a cache of its own.
fn host(cache: &tempfile::TempDir) -> Host {
    Host::new(HostOptions {
        exe: env!("CARGO_BIN_EXE_baton").into(),
        encoder: None,
        cache_dir: cache.path().to_owned(),
    })
}

/// Tokens, the two that frame a text included; every word here is one token.
#[divan::bench(args = [8, 32, 128, 256])]
fn tokens(bencher: Bencher, tokens: usize) {
    let words = ["the", "quick", "brown", "fox", "runs", "over", "dog", "and", "code", "server", "file"];
    let text: Vec<&str> = words.into_iter().cycle().take(tokens - 2).collect();
    let text = text.join(" ");
    let (cache, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let (host, cancel) = (host(&cache), CancellationToken::new());
    runtime.block_on(host.embed("warm", &cancel)).unwrap();
    bencher.bench_local(|| runtime.block_on(host.embed(&text, &cancel)).unwrap());
}

/// From nothing to the first vector: start, check of the model's file, load.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn first(bencher: Bencher) {
    let (cache, runtime) = (tempfile::tempdir().unwrap(), Runtime::new().unwrap());
    let cancel = CancellationToken::new();
    runtime.block_on(host(&cache).embed("the file is laid down", &cancel)).unwrap();
    bencher.bench_local(|| runtime.block_on(host(&cache).embed("a task", &cancel)).unwrap());
}
