//! How near each file is to a task: personalised PageRank over the neighbourhood of the files it names.
//!
//! A file is linked to those that define what it uses, the stronger the more often it uses it (by the square
//! root, as the tenth call says little more than the third) and the fewer define it; and backwards half as
//! strongly, because who uses a thing matters to its change too. petgraph has PageRank, but neither weights nor
//! a start, and in time quadratic in the files; so the iteration is here and the graph is petgraph's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::{FileId, Map, Name};

/// Steps from the task's files that are looked at; what is further has next to no rank.
const STEPS: usize = 2;
/// Most files of a neighbourhood.
const MOST_FILES: usize = 800;
/// A name that more files define says nothing about any of them.
pub(in crate::context) const COMMON: usize = 12;
/// Most users of one name that are looked at.
const MOST_USERS: usize = 200;
/// The chance to go on rather than to start anew (Brin and Page 1998).
const DAMPING: f32 = 0.85;
/// Iterations; 0.85 to this power is under a hundredth.
const ITERATIONS: usize = 30;
/// How strong a link is backwards.
const BACKWARDS: f32 = 0.5;

impl Map {
    /// The rank of every file near the seeds; they start with their weights and all ranks together are 1.
    pub(in crate::context) fn rank(&self, seeds: &BTreeMap<FileId, f32>) -> HashMap<FileId, f32> {
        let files = self.neighbourhood(seeds.keys().copied());
        let mut graph: DiGraph<FileId, f32> = DiGraph::with_capacity(files.len(), files.len() * 8);
        let nodes: BTreeMap<FileId, NodeIndex> = files.iter().map(|id| (*id, graph.add_node(*id))).collect();
        for (from, to, weight) in self.links(&files) {
            graph.add_edge(nodes[&from], nodes[&to], weight);
            graph.add_edge(nodes[&to], nodes[&from], weight * BACKWARDS);
        }
        let total: f32 = seeds.values().sum();
        let start: Vec<f32> =
            graph.node_weights().map(|id| seeds.get(id).map_or(0.0, |weight| weight / total)).collect();
        let rank = page_rank(&graph, &start);
        graph.node_weights().copied().zip(rank).collect()
    }

    /// The files within a few steps, in order of their paths, so that sums are the same in every map of the same files.
    fn neighbourhood(&self, seeds: impl Iterator<Item = FileId>) -> Vec<FileId> {
        let mut reached: BTreeSet<FileId> = seeds.collect();
        let mut edge: Vec<FileId> = reached.iter().copied().collect();
        for _ in 0..STEPS {
            self.sort(&mut edge);
            let mut next = Vec::new();
            for id in edge {
                for near in self.beside(id) {
                    if reached.len() < MOST_FILES && reached.insert(near) {
                        next.push(near);
                    }
                }
            }
            edge = next;
        }
        let mut files: Vec<FileId> = reached.into_iter().collect();
        self.sort(&mut files);
        files
    }

    /// The files that a file is linked with: those that define what it uses, then its users.
    fn beside(&self, id: FileId) -> Vec<FileId> {
        let tagged = &self.file(id).tagged;
        let mut definers: Vec<FileId> =
            tagged.used(0..usize::MAX).into_iter().flat_map(|(name, _)| self.telling(name, id)).collect();
        let mut users: Vec<FileId> = tagged
            .defined()
            .into_iter()
            .filter(|name| self.defined.get(name).is_some_and(|all| all.len() <= COMMON))
            .flat_map(|name| self.first_users(name))
            .collect();
        for list in [&mut definers, &mut users] {
            list.sort_unstable();
            list.dedup();
            self.sort(list);
        }
        definers.append(&mut users);
        definers
    }

    /// The users of a name, in order of their paths; of very many only the first.
    fn first_users(&self, name: Name) -> Vec<FileId> {
        let mut users = self.users(name).to_vec();
        if users.len() > MOST_USERS {
            self.sort(&mut users);
            users.truncate(MOST_USERS);
        }
        users
    }

    /// The other files that define a name, if they are few enough to mean something.
    fn telling(&self, name: Name, user: FileId) -> Vec<FileId> {
        if self.defined.get(&name).is_none_or(|all| all.len() > COMMON) {
            return Vec::new();
        }
        let definers = self.definers(name, user);
        // What a file defines itself it hardly means from elsewhere.
        if definers.contains(&user) { Vec::new() } else { definers }
    }

    /// From user to definer, with the weight.
    fn links(&self, files: &[FileId]) -> Vec<(FileId, FileId, f32)> {
        let inside: BTreeSet<FileId> = files.iter().copied().collect();
        let mut links = Vec::new();
        for id in files {
            let mut weights: BTreeMap<FileId, f32> = BTreeMap::new();
            for (name, times) in self.file(*id).tagged.used(0..usize::MAX) {
                let definers = self.telling(name, *id);
                for definer in definers.iter().filter(|definer| inside.contains(definer)) {
                    *weights.entry(*definer).or_default() += (times as f32).sqrt() / definers.len() as f32;
                }
            }
            links.extend(weights.into_iter().map(|(to, weight)| (*id, to, weight)));
        }
        links
    }

    /// Sorts files by their paths.
    fn sort(&self, files: &mut [FileId]) {
        files.sort_unstable_by(|a, b| self.file(*a).path.cmp(&self.file(*b).path));
    }
}

/// Power iteration from and back to `start`.
fn page_rank(graph: &DiGraph<FileId, f32>, start: &[f32]) -> Vec<f32> {
    let out: Vec<f32> = graph.node_indices().map(|node| graph.edges(node).map(|edge| *edge.weight()).sum()).collect();
    let mut rank = start.to_vec();
    for _ in 0..ITERATIONS {
        let mut next: Vec<f32> = vec![0.0; rank.len()];
        let mut stays = 0.0;
        for node in graph.node_indices() {
            let own = rank[node.index()];
            // From a file without links one starts anew.
            if out[node.index()] == 0.0 {
                stays += own;
                continue;
            }
            for edge in graph.edges(node) {
                next[edge.target().index()] += DAMPING * own * edge.weight() / out[node.index()];
            }
        }
        let anew = 1.0 - DAMPING + DAMPING * stays;
        rank = next.iter().zip(start).map(|(next, start)| next + anew * start).collect();
    }
    rank
}
