//! Where the steps of a workflow stand in its picture: who sees whom from top to bottom, what could go on at the same
//! time side by side, a band for each level of recursion.

use serde::Serialize;

use crate::ledger::Row;

/// Most steps that are drawn; no workflow that can be looked at has more.
const MOST: usize = 64;

const NODE: (usize, usize) = (200, 68);
const GAP: (usize, usize) = (32, 40);
const MARGIN: usize = 28;
/// What a band has above its first step, for its name.
const BAND: usize = 30;
/// The ends, where the task comes in and the outcome goes out.
const END: (usize, usize) = (260, 30);

/// The picture, in pixels from its upper left corner.
#[derive(Debug, Serialize)]
pub(super) struct Graph {
    width: usize,
    height: usize,
    bands: Vec<Band>,
    edges: Vec<Edge>,
    nodes: Vec<Node>,
    task: Area,
    outcome: Area,
    /// What is not drawn.
    left_out: usize,
}

/// A level of recursion.
#[derive(Debug, Serialize)]
struct Band {
    depth: usize,
    #[serde(flatten)]
    place: Area,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Area {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// One step sees another, or (`flow`) begins with the task alone or brought the outcome.
#[derive(Debug, Serialize)]
struct Edge {
    path: String,
    head: String,
    flow: bool,
}

#[derive(Debug, Serialize)]
struct Node {
    /// The place in the list of what is drawn, from 0.
    at: usize,
    #[serde(flatten)]
    place: Area,
}

impl Graph {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let drawn = &rows[..rows.len().min(MOST)];
        let seen = reduced(drawn);
        let ranks = ranks(drawn, &seen);
        let ranked = 1 + ranks.iter().copied().max().unwrap_or(0);
        let ranks = &ranks[..];
        let in_rank = |rank: usize| (0..drawn.len()).filter(move |at| ranks[*at] == rank);
        let widest = (0..ranked).map(|rank| in_rank(rank).count()).max().unwrap_or(0).max(1);
        let inner = (widest * NODE.0 + (widest - 1) * GAP.0).max(END.0);
        let width = inner + 2 * MARGIN;
        let banded = drawn.iter().any(|row| row.depth > 0);

        let task = Area { x: (width - END.0) / 2, y: MARGIN, width: END.0, height: END.1 };
        let mut y = task.y + END.1 + GAP.1;
        let mut places = vec![task; drawn.len()];
        let mut bands: Vec<Band> = Vec::new();
        for rank in 0..ranked {
            let depth = in_rank(rank).map(|at| drawn[at].depth).min().unwrap_or(0);
            if banded && bands.last().is_none_or(|band| band.depth != depth) {
                let place = Area { x: MARGIN / 2, y, width: width - MARGIN, height: BAND };
                bands.push(Band { depth, place });
                y += BAND;
            }
            let count = in_rank(rank).count();
            let taken = count * NODE.0 + count.saturating_sub(1) * GAP.0;
            let mut x = MARGIN + (inner - taken) / 2;
            for at in in_rank(rank) {
                places[at] = Area { x, y, width: NODE.0, height: NODE.1 };
                x += NODE.0 + GAP.0;
            }
            y += NODE.1;
            if let Some(band) = bands.last_mut() {
                band.place.height = y + MARGIN / 2 - band.place.y;
            }
            y += GAP.1;
        }
        let outcome = Area { y, ..task };

        let mut edges = Vec::new();
        for (at, row) in drawn.iter().enumerate() {
            edges.extend(seen[at].iter().map(|earlier| edge(places[*earlier], places[at], false)));
            if seen[at].is_empty() && row.depth == 0 {
                edges.push(edge(task, places[at], true));
            }
        }
        let brought = |row: &Row<'_>| {
            row.done.is_some_and(|done| ["verified", "unverified", "answered"].contains(&done.status.as_str()))
        };
        if let Some(last) = drawn.iter().rposition(brought) {
            edges.push(edge(places[last], outcome, true));
        }
        let nodes = places.into_iter().enumerate().map(|(at, place)| Node { at, place }).collect();
        Self {
            width,
            height: y + END.1 + MARGIN,
            bands,
            edges,
            nodes,
            task,
            outcome,
            left_out: rows.len() - drawn.len(),
        }
    }
}

impl Graph {
    /// So many checks one below the other: what a run did that took no step.
    pub(super) fn of_checks(count: usize) -> Self {
        let (drawn, width) = (count.min(MOST), END.0 + 2 * MARGIN);
        let task = Area { x: MARGIN, y: MARGIN, width: END.0, height: END.1 };
        let below = |at: usize| task.y + END.1 + GAP.1 + at * (NODE.1 + GAP.1);
        let check = |at| Area { x: (width - NODE.0) / 2, y: below(at), width: NODE.0, height: NODE.1 };
        let places: Vec<Area> = (0..drawn).map(check).collect();
        let outcome = Area { y: below(drawn), ..task };
        let chain = [&[task], &places[..], &[outcome]].concat();
        Self {
            width,
            height: outcome.y + END.1 + MARGIN,
            bands: Vec::new(),
            edges: chain.windows(2).map(|pair| edge(pair[0], pair[1], true)).collect(),
            nodes: places.into_iter().enumerate().map(|(at, place)| Node { at, place }).collect(),
            task,
            outcome,
            left_out: count - drawn,
        }
    }
}

/// Which earlier steps each sees, without those that it sees through another anyway: what is drawn stays readable.
fn reduced(rows: &[Row<'_>]) -> Vec<Vec<usize>> {
    let sees = |at: usize, earlier: usize| rows[at].planned.is_some_and(|step| step.access.sees(at, earlier));
    let mut reached: Vec<Vec<bool>> = Vec::new();
    let mut reduced = Vec::new();
    for at in 0..rows.len() {
        let mut through = vec![false; at];
        let mut kept = Vec::new();
        for earlier in (0..at).rev().filter(|earlier| sees(at, *earlier)) {
            if !through[earlier] {
                kept.insert(0, earlier);
            }
            through[earlier] = true;
            for (further, is_reached) in reached[earlier].iter().enumerate() {
                through[further] |= is_reached;
            }
        }
        reached.push(through);
        reduced.push(kept);
    }
    reduced
}

/// The row of the picture in which each step stands: below all that it sees, and below the levels before its own.
fn ranks(rows: &[Row<'_>], seen: &[Vec<usize>]) -> Vec<usize> {
    let mut ranks: Vec<usize> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let above = (0..at).filter(|earlier| rows[*earlier].depth < row.depth).chain(seen[at].iter().copied());
        ranks.push(above.map(|earlier| ranks[earlier] + 1).max().unwrap_or(0));
    }
    ranks
}

/// A line from one area down to the next; one that would run behind another goes round on the right.
fn edge(from: Area, to: Area, flow: bool) -> Edge {
    let (x1, y1, x2, y2) = (from.x + from.width / 2, from.y + from.height, to.x + to.width / 2, to.y);
    if y2.saturating_sub(y1) <= GAP.1 + BAND {
        let middle = (y1 + y2) / 2;
        let path = format!("M{x1} {y1}C{x1} {middle} {x2} {middle} {x2} {}", y2.saturating_sub(7));
        let head = format!("{},{top} {},{top} {x2},{y2}", x2 - 5, x2 + 5, top = y2.saturating_sub(8));
        return Edge { path, head, flow };
    }
    let (x1, y1, x2, y2) = (from.x + from.width, from.y + from.height / 2, to.x + to.width, to.y + to.height / 2);
    let round = x1.max(x2) + 34;
    let path = format!("M{x1} {y1}C{round} {y1} {round} {y2} {} {y2}", x2 + 7);
    let head = format!("{back},{} {back},{} {x2},{y2}", y2 - 5, y2 + 5, back = x2 + 8);
    Edge { path, head, flow }
}
