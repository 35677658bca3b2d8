//! A patch carried over to texts that were edited since it was made. Pure but for reading snapshots.

use crate::patch::{Change, Edit, Fate, Patch, apply, minimise};
use crate::workspace::Snapshot;

/// The patch for `now`, made for `then`; the error says which file cannot be reconciled. A name that a new file was
/// to have must still be free, and a file that was to go must be as it was.
pub fn carried(patch: &Patch, then: &Snapshot, now: &Snapshot) -> Result<Patch, String> {
    if let Some(there) = patch.new_names().find_map(|name| now.namesake(name)) {
        return Err(format!("{there} was made meanwhile"));
    }
    let mut carried = Patch::default();
    for (path, change) in patch.files() {
        let refuse = || format!("{path} was edited meanwhile in the lines that the fix changes");
        let text = |snapshot| change.before(path, snapshot).map_err(|_| refuse());
        let (base, current) = (text(then)?, text(now)?);
        let edits = if base == current {
            change.edits.clone()
        } else if change.fate == Fate::Deleted {
            return Err(format!("{path} was edited meanwhile"));
        } else {
            let patched = apply(&base, &change.edits).ok_or_else(refuse)?;
            let text = diffy::merge(&base, &patched, &current).map_err(|_| refuse())?;
            vec![Edit { range: 0..current.len(), text }]
        };
        carried.insert(path.clone(), Change { edits, fate: change.fate.clone() }).map_err(|_| refuse())?;
    }
    Ok(minimise(&carried, now))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::carried;
    use crate::patch::{Change, Edit, Fate, Patch, apply};
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
        apply(now, &patch.files()[&path].edits)
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
    fn files_that_appeared_or_were_edited_meanwhile_are_left_alone() {
        let path = |path| RelPath::new(path).unwrap();
        let said = |name, fate| {
            let mut patch = Patch::default();
            patch.insert(path(name), Change { edits: vec![], fate }).unwrap();
            carried(&patch, &snapshot("a = 1\n"), &snapshot("a = 2\n")).map(|carried| carried == patch)
        };
        assert_eq!(said("b.py", Fate::Created), Ok(true));
        assert_eq!(said("A.py", Fate::Created), Err("a.py was made meanwhile".into()));
        assert_eq!(said("a.py", Fate::Deleted), Err("a.py was edited meanwhile".into()));
        assert_eq!(said("a.py", Fate::Moved(path("b.py"))), Ok(true));
        assert_eq!(said("a.py", Fate::Moved(path("a.PY"))), Err("a.py was made meanwhile".into()));
    }

    #[test]
    fn only_the_lines_of_the_patch_are_edited() {
        let (then, now) = ("a = 1\nb = 2\nc = 3\n", "# new\na = 1\nb = 2\nc = 3\n");
        let path = RelPath::new("a.py").unwrap();
        let mut patch = Patch::default();
        patch.insert(path.clone(), vec![Edit { range: 16..17, text: "9".into() }]).unwrap();
        let carried = carried(&patch, &snapshot(then), &snapshot(now)).unwrap();
        assert_eq!(carried.files()[&path].edits, [Edit { range: 18..24, text: "c = 9\n".into() }]);
    }
}
