//! Where the tests of a worker are put in the private copy, and what runs them there: beside the project's own tests and by
//! their runner; where there are none, as the language says.

use std::path::Path;

use baton_grammars::{ItemKind, Language};

use crate::patch::is_test;
use crate::verify::command::{self, TestCommand};
use crate::verify::evidence::reach;
use crate::verify::{RunnerKind, Verifier};
use crate::workspace::{RelPath, Snapshot};

/// Where tests of a worker go. Nothing is ever written there but in the private copy.
#[derive(Debug, Clone)]
pub struct Place {
    /// A path that is new in the workspace, and that of a test.
    pub path: RelPath,
    /// A test of the project that they should look like.
    pub like: Option<RelPath>,
    /// What runs them, and nothing else where the runner can.
    pub(super) command: TestCommand,
}

impl Place {
    /// What runs them, as a line for people.
    pub fn line(&self) -> String {
        self.command.line()
    }
}

impl Verifier {
    /// Where tests for the task's file would be put; why there is no such place, in words.
    pub fn place_for_tests(&self) -> Result<Place, String> {
        if let Some(why) = &self.confined {
            return Err(why.clone());
        }
        self.sandbox.as_ref().map_err(Clone::clone)?;
        let focus = &self.request.focus;
        let language = baton_grammars::by_path(Path::new(focus.as_str()));
        let language = language.ok_or_else(|| format!("Baton has no parser for {focus}"))?;
        let beside = self.tests.as_ref().and_then(|tests| beside(self.snapshot(), focus, language, tests));
        let place = beside.or_else(|| by_itself(self.snapshot(), focus, language));
        let place = place.ok_or_else(|| format!("nothing says where a test for {focus} would go"))?;
        match place.command.missing(self.root()) {
            Some(program) => Err(format!("{program} is not installed")),
            None => Ok(place),
        }
    }
}

/// Beside the test that speaks most of the focus, and run as it is.
fn beside(snapshot: &Snapshot, focus: &RelPath, language: &Language, tests: &TestCommand) -> Option<Place> {
    if tests.runner == RunnerKind::Opaque {
        return None;
    }
    let text = snapshot.read(focus).ok()?;
    let items = language.parse(&text).map(|tree| language.items(&tree, &text)).unwrap_or_default();
    let named = items.into_iter().filter(|item| item.kind != ItemKind::Section).map(|item| item.name);
    let near = reach::tests_of(snapshot, focus, &named.collect::<Vec<_>>());
    let like = near.into_iter().chain(reach::tests_beside(snapshot, focus)).next()?;
    let path = (1..).map(|number| new_name(&like, number)).find(|path| !is_there(snapshot, path.as_ref()))??;
    let command = tests.only(std::slice::from_ref(&path))?;
    is_test(&path).then_some(Place { path, like: Some(like), command })
}

/// The name of a test beside that one, which its runner takes for a test too.
fn new_name(like: &RelPath, number: usize) -> Option<RelPath> {
    let number = if number == 1 { String::new() } else { number.to_string() };
    let (folder, name) = like.as_str().rsplit_once('/').map_or(("", like.as_str()), |(folder, name)| (folder, name));
    let (stem, end) = name.split_once('.')?;
    let name = if let Some(of) = stem.strip_suffix("Test").or_else(|| stem.strip_suffix("Tests")) {
        format!("{of}Baton{number}{}.{end}", &stem[of.len()..])
    } else if let Some(at) = ["_test", "-test", "_spec", "Spec"].iter().find_map(|mark| stem.strip_suffix(mark)) {
        format!("{at}_baton{number}{}.{end}", &stem[at.len()..])
    } else {
        format!("{stem}_baton{number}.{end}")
    };
    RelPath::new(&if folder.is_empty() { name } else { format!("{folder}/{name}") }).ok()
}

/// Where the language has them, in the project of the focus.
fn by_itself(snapshot: &Snapshot, focus: &RelPath, language: &Language) -> Option<Place> {
    let new = language.facts.new_tests.as_ref().filter(|new| !new.path.is_empty())?;
    let home = command::home(snapshot.root(), focus, &language.facts);
    let inside = Path::new(focus.as_str()).strip_prefix(&home).ok()?.parent()?.to_str()?.to_owned();
    let folder = if inside.is_empty() { "./".to_owned() } else { format!("./{inside}/") };
    let stem = Path::new(focus.as_str()).file_stem()?.to_str()?;
    let stem: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    (1..).find_map(|number| {
        let name = if number == 1 { format!("baton_{stem}") } else { format!("baton_{stem}_{number}") };
        let filled = |word: &str| word.replace("{name}", &name).replace("{dir}", &folder);
        let inner = filled(&new.path).trim_start_matches("./").to_owned();
        let Some(path) = home.join(&inner).to_str().and_then(|path| RelPath::new(path).ok()) else { return Some(None) };
        if is_there(snapshot, Some(&path)) {
            return None;
        }
        let mut argv: Vec<String> = new.command.iter().map(|word| filled(word).replace("{path}", &inner)).collect();
        if argv[0] == "python3" {
            argv[0] = command::python(snapshot.root(), &home);
        }
        let command = TestCommand { directory: home.clone(), ..TestCommand::given(&argv) };
        Some(is_test(&path).then_some(Place { path, like: None, command }))
    })?
}

/// A path that cannot be is as good as taken, but no other is better.
fn is_there(snapshot: &Snapshot, path: Option<&RelPath>) -> bool {
    path.is_some_and(|path| {
        snapshot.overlay().contains_key(path) || path.under(snapshot.root()).symlink_metadata().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{by_itself, new_name};
    use crate::patch::is_test;
    use crate::workspace::{RelPath, Snapshot};

    #[test]
    fn a_new_test_is_named_like_the_one_beside_it() {
        for (like, one, two) in [
            ("tests/test_cart.py", "tests/test_cart_baton.py", "tests/test_cart_baton2.py"),
            ("src/cart.test.ts", "src/cart_baton.test.ts", "src/cart_baton2.test.ts"),
            ("a/CartTest.java", "a/CartBatonTest.java", "a/CartBaton2Test.java"),
            ("CartTests.cs", "CartBatonTests.cs", "CartBaton2Tests.cs"),
            ("cart_test.go", "cart_baton_test.go", "cart_baton2_test.go"),
            ("spec/cart_spec.rb", "spec/cart_baton_spec.rb", "spec/cart_baton2_spec.rb"),
            ("tests/cart.rs", "tests/cart_baton.rs", "tests/cart_baton2.rs"),
            ("test/cart-test.js", "test/cart_baton-test.js", "test/cart_baton2-test.js"),
        ] {
            let like = RelPath::new(like).unwrap();
            let named = [1, 2].map(|number| new_name(&like, number).unwrap());
            assert_eq!(named.each_ref().map(RelPath::as_str), [one, two]);
            assert_eq!(is_test(&like), is_test(&named[0]), "{like}");
        }
    }

    #[test]
    fn where_there_are_no_tests_the_language_says_where_they_go() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (path, text) in [
            ("py/pyproject.toml", ""),
            ("py/shop/cart-2.py", ""),
            ("rs/Cargo.toml", ""),
            ("rs/src/lib.rs", ""),
            ("rs/tests/baton_lib.rs", ""),
            ("go/go.mod", ""),
            ("go/in/a.go", ""),
            ("js/package.json", ""),
            ("js/a.js", ""),
            ("a.rb", ""),
            ("a.c", ""),
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        let snapshot = Snapshot::new(root, BTreeMap::new());
        let told = |focus: &str| {
            let language = baton_grammars::by_path(focus.as_ref()).unwrap();
            by_itself(&snapshot, &RelPath::new(focus).unwrap(), language)
                .map(|place| format!("{}: {} in {:?}", place.path, place.line(), place.command.directory))
        };
        let focuses = ["py/shop/cart-2.py", "rs/src/lib.rs", "go/in/a.go", "js/a.js", "a.rb", "a.c"];
        let all: Vec<String> = focuses.iter().map(|focus| told(focus).unwrap_or_else(|| "nowhere".into())).collect();
        insta::assert_snapshot!(all.join("\n"));
    }
}
