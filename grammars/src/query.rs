//! Queries: compiled when first used, run with bounded memory.
//!
//! Every query is written so that a match ends near where it begins, and [`IN_PROGRESS`] bounds what a
//! hostile file can keep open at once. Beyond it tree-sitter gives up the match that began first, and after a
//! time in proportion to the text the query ends; such a file may miss some of its items.

use std::cell::Cell;
use std::ops::{ControlFlow, Range};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tree_sitter::{Language, Node, Query, QueryCursor, QueryCursorOptions, StreamingIterator, Tree};
use tree_sitter_language::LanguageFn;

/// Most matches of one query that are open at the same time.
const IN_PROGRESS: u32 = 256;

/// Most processor time for a text, so that a busy machine finds no less: a start, and per byte six times what code takes. What takes longer was made to, by
/// thousands of nodes without a meaning side by side, which the cursor counts again at each of them.
const START: Duration = Duration::from_millis(10);
const PER_BYTE: Duration = Duration::from_micros(1);

/// A query that is compiled when first used.
pub type Compiled = LazyLock<Query>;

/// Compiles a query file that was built in. The tests compile all of them, so it cannot fail later.
pub fn compile(file: &str, grammar: LanguageFn, source: &str) -> Query {
    Query::new(&Language::new(grammar), source).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Bytes of a name, without the characters at both ends that its pattern sets as `trim`: quotes, a sigil.
pub fn name(query: &Query, pattern: usize, node: Node<'_>, text: &str) -> Option<Range<usize>> {
    let written = text.get(node.byte_range())?;
    let trim = query.property_settings(pattern).iter().find(|property| &*property.key == "trim");
    let marks = trim.and_then(|property| property.value.as_deref()).unwrap_or_default();
    let start = node.start_byte() + written.len() - written.trim_start_matches(|c| marks.contains(c)).len();
    let end = node.start_byte() + written.trim_end_matches(|c| marks.contains(c)).len();
    (start < end).then_some(start..end)
}

/// Calls `each` with the captures of every match, `(name, node)`, and the number of its pattern; of the
/// matches that touch `near` only, if that is given. Whether the query came to its end within its time.
pub fn run<'t>(
    query: &Query,
    tree: &'t Tree,
    text: &str,
    near: Option<Range<usize>>,
    mut each: impl FnMut(&[(&str, Node<'t>)], usize),
) -> bool {
    let mut cursor = QueryCursor::new();
    cursor.set_match_limit(IN_PROGRESS);
    if let Some(near) = near {
        cursor.set_byte_range(near);
    }
    let names = query.capture_names();
    let mut captures = Vec::new();
    let end = processor_time() + START + PER_BYTE * u32::try_from(text.len()).unwrap_or(u32::MAX);
    let is_late = Cell::new(false);
    let mut late = |_: &_| {
        is_late.set(processor_time() >= end);
        if is_late.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = QueryCursorOptions::new().progress_callback(&mut late);
    let mut matches = cursor.matches_with_options(query, tree.root_node(), text.as_bytes(), options);
    while let Some(found) = matches.next() {
        captures.clear();
        captures.extend(found.captures().iter().map(|capture| (names[capture.index as usize], capture.node)));
        each(&captures, found.pattern_index);
    }
    drop(matches);
    !is_late.get() && !cursor.did_exceed_match_limit()
}

/// What this thread has used.
fn processor_time() -> Duration {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(used.tv_sec.unsigned_abs(), used.tv_nsec as u32)
}
