//! A file that may be shown: the one gate that every text of the workspace goes through on its way into a prompt.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::map::{FileId, Map, Tagged, hash};
use super::{Unsendable, excerpt, ignored, secrets};
use crate::patch::holds_secrets;
use crate::workspace::{RelPath, Snapshot};

/// The text of a file, unless it must stay here.
pub(super) fn sendable(snapshot: &Snapshot, path: &RelPath) -> Result<Arc<str>, Unsendable> {
    // A link is judged by its own name and by where it leads.
    let real = snapshot.real(path)?;
    let names = if real == *path { vec![path] } else { vec![path, &real] };
    for path in names {
        if holds_secrets(path) {
            return Err(Unsendable::Secret(path.clone()));
        }
        if ignored::is(snapshot.root(), path) {
            return Err(Unsendable::Ignored(path.clone()));
        }
    }
    Ok(snapshot.read(path)?)
}

/// A file of the map with its text as the task sees it, and the names that this text has.
pub(super) struct Source<'m> {
    pub(super) path: &'m RelPath,
    pub(super) text: Arc<str>,
    pub(super) tagged: Cow<'m, Tagged>,
}

impl<'m> Source<'m> {
    /// Reads it; `None` if it must stay here or is gone.
    pub(super) fn read(map: &'m Map, id: FileId, snapshot: &Snapshot) -> Option<Self> {
        let file = map.file(id);
        let text = sendable(snapshot, &file.path).ok()?;
        // The map may come from a cache that somebody else wrote.
        let tagged = if hash(text.as_bytes()) == file.hash && file.tagged.fits(&text) {
            Cow::Borrowed(&file.tagged)
        } else {
            let language = baton_grammars::by_path(file.path.as_str().as_ref())?;
            Cow::Owned(Tagged::of(language, &text))
        };
        Some(Self { path: &file.path, text, tagged })
    }

    /// The whole lines of these places, in order, with a mark where lines are left out between them.
    pub(super) fn pieces(&self, mut places: Vec<Range<usize>>, withheld: &mut Vec<String>) -> String {
        for place in &mut places {
            *place = self.lines(place);
        }
        places.sort_by_key(|place| (place.start, place.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut().filter(|last| self.text[last.end.min(place.start)..place.start].trim().is_empty()) {
                Some(last) => last.end = last.end.max(place.end),
                None => apart.push(place),
            }
        }
        let shown = apart.into_iter().map(|place| secrets::masked(&self.text, place, self.path.as_str(), withheld));
        let shown: Vec<String> = shown.map(|piece| excerpt::plain(&piece)).collect();
        shown.join("\n…\n")
    }

    /// The whole lines that a place touches.
    pub(super) fn lines(&self, place: &Range<usize>) -> Range<usize> {
        let start = self.text[..place.start].rfind('\n').map_or(0, |at| at + 1);
        let last = place.end.max(place.start + 1) - 1;
        let end = self.text.as_bytes()[last.min(self.text.len())..].iter().position(|byte| *byte == b'\n');
        start..end.map_or(self.text.len(), |at| last + at + 1)
    }
}
