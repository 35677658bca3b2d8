//! A patch carried over to texts that were edited since it was made. Pure but for reading snapshots.

use crate::patch::{Edit, Patch, apply, minimise};
use crate::workspace::{RelPath, Snapshot};

/// The patch for `now`, made for `then`; the error is the file whose edits cannot be reconciled.
pub fn carried(patch: &Patch, then: &Snapshot, now: &Snapshot) -> Result<Patch, RelPath> {
    let mut carried = Patch::default();
    for (path, edits) in patch.files() {
        let refuse = || path.clone();
        let (base, current) = (then.read(path).map_err(|_| refuse())?, now.read(path).map_err(|_| refuse())?);
        let edits = if base == current {
            edits.clone()
        } else {
            let patched = apply(&base, edits).ok_or_else(refuse)?;
            let text = diffy::merge(&base, &patched, &current).map_err(|_| refuse())?;
            vec![Edit { range: 0..current.len(), text }]
        };
        carried.insert(path.clone(), edits).map_err(|_| refuse())?;
    }
    Ok(minimise(&carried, now))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::carried;
    use crate::patch::{Edit, Patch, apply};
    use crate::workspace::{Buffer, RelPath, Snapshot};

    fn snapshot(text: &str) -> Snapshot {
        let buffer = Buffer { text: text.into(), version: 1 };
        Snapshot::new("/p".into(), BTreeMap::from([(RelPath::new("a.py").unwrap(), buffer)]))
    }

    fn merge(then: &str, edit: Edit, now: &str) -> Option<String> {
        let path = RelPath::new("a.py").unwrap();
        let mut patch = Patch::default();
        patch.insert(path.clone(), vec![edit]).unwrap();
        let patch = carried(&patch, &snapshot(then), &snapshot(now)).ok()?;
        apply(now, &patch.files()[&path])
    }

    #[test]
    fn edits_in_other_lines_are_kept() {
        let then = "a = 1\nb = 2\nc = 3\nd = 4\ne = 5\n";
        let edit = Edit { range: 16..17, text: "9".into() };
        assert_eq!(merge(then, edit.clone(), then).unwrap(), then.replace("c = 3", "c = 9"));
        let now = format!("# new\n{}", then.replace("e = 5", "e = 6"));
        assert_eq!(merge(then, edit.clone(), &now), Some(now.replace("c = 3", "c = 9")));
        assert_eq!(merge(then, edit, &then.replace("c = 3", "c = 2")), None);
    }

    #[test]
    fn only_the_lines_of_the_patch_are_edited() {
        let (then, now) = ("a = 1\nb = 2\nc = 3\n", "# new\na = 1\nb = 2\nc = 3\n");
        let path = RelPath::new("a.py").unwrap();
        let mut patch = Patch::default();
        patch.insert(path.clone(), vec![Edit { range: 16..17, text: "9".into() }]).unwrap();
        let carried = carried(&patch, &snapshot(then), &snapshot(now)).unwrap();
        assert_eq!(carried.files()[&path], [Edit { range: 18..24, text: "c = 9\n".into() }]);
    }
}
