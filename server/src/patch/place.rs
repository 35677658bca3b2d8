//! Which files a patch may change, by their names and by where those lead: every name that some file system takes
//! for a protected one counts as that one.

use std::borrow::Cow;

use super::protected::{holds_secrets, is_loaded_by_tests, is_test, runs_by_itself};
use crate::task::Goal;
use crate::workspace::{RelPath, Snapshot};

/// What may become of a file, with the reason in words for the user.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may be changed.
    Allow,
    /// Only the user can say.
    Ask(String),
    /// It is never changed.
    Deny(String),
}

/// The gate of one file: the narrowest of what its name and the name of where it leads ask for.
pub(super) fn gate(path: &RelPath, snapshot: &Snapshot, goal: Goal) -> Gate {
    let real = match snapshot.real(path) {
        Ok(real) => real,
        Err(error) => return Gate::Deny(error.to_string()),
    };
    let led = |why: String| if real == *path { why } else { format!("{path} leads there: {why}") };
    let there = match named(&real, goal) {
        Gate::Allow => Gate::Allow,
        Gate::Ask(why) => Gate::Ask(led(why)),
        Gate::Deny(why) => Gate::Deny(led(why)),
    };
    // Of two reasons of one kind, that of the file's own name says more.
    let here = named(path, goal);
    if rank(&there) > rank(&here) { there } else { here }
}

fn rank(gate: &Gate) -> u8 {
    match gate {
        Gate::Allow => 0,
        Gate::Ask(_) => 1,
        Gate::Deny(_) => 2,
    }
}

/// The gate of a name.
fn named(path: &RelPath, goal: Goal) -> Gate {
    let shown = path.as_str().escape_debug();
    if path.as_str().chars().any(hides) {
        return Gate::Deny(format!("{shown} has invisible characters in its name and is not changed"));
    }
    let parts: Vec<Cow<'_, str>> = path.as_str().split('/').map(plain).collect();
    let plain = RelPath::new(&parts.join("/"));
    let (false, Ok(plain)) = (parts.iter().any(|part| part.is_empty()), plain) else {
        return Gate::Deny(format!("{shown} has a part without a name of its own and is not changed"));
    };
    let is = |what: fn(&str) -> bool| plain.as_str().split('/').any(what);
    if is(is_ours_or_gits) {
        return Gate::Deny(format!("{shown} belongs to git or to Baton and is never changed"));
    }
    if holds_secrets(&plain) {
        return Gate::Deny(format!("{shown} is a place for keys and is never changed"));
    }
    if goal == Goal::Fix && is_test(&plain) {
        return Gate::Deny(format!("{shown} is a test; a fix must make the tests pass as they are"));
    }
    if goal == Goal::Fix && is_loaded_by_tests(&plain) {
        let why = format!("{shown} is loaded by tests by itself; a fix must make them pass as they are");
        return Gate::Deny(why);
    }
    if runs_by_itself(&plain) {
        return Gate::Ask(format!("{shown} can execute code; Baton does not change it by itself"));
    }
    if is(is_short) {
        return Gate::Ask(format!("{shown} can be the short name of another file; Baton does not change it by itself"));
    }
    Gate::Allow
}

/// A part of a path as the most forgiving file systems read it: without blanks and dots at its end, wide forms as
/// their narrow ones. Case is left to whoever compares.
fn plain(part: &str) -> Cow<'_, str> {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{2024}' | '\u{3002}' | '\u{ff61}' | '\u{b7}' => '.',
        _ => c,
    };
    let narrowed: Cow<'_, str> =
        if part.is_ascii() { part.into() } else { part.chars().map(narrow).collect::<String>().into() };
    match narrowed.trim_end_matches(['.', ' ']).len() {
        length if length == narrowed.len() => narrowed,
        length => narrowed[..length].to_owned().into(),
    }
}

/// `.git` and `.baton` in every spelling, look-alikes included.
fn is_ours_or_gits(part: &str) -> bool {
    let bare = part.to_lowercase();
    let short = bare.strip_prefix("git~").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    // No ordinary hidden name is this short and not ASCII.
    let alike = bare.starts_with('.') && bare.chars().count() <= 6 && !bare.is_ascii();
    bare == ".git" || bare == ".baton" || short || alike
}

/// Whether a part is what Windows makes of a longer name, as `PACKAG~1.JSO`.
fn is_short(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default();
    let number = stem.rsplit_once('~').map(|(_, number)| number);
    stem.len() <= 8 && number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// Characters that show nothing or turn the order of what is shown (CVE-2021-42574), and tag characters.
pub(super) fn hides(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e007f}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Gate, gate, rank};
    use crate::task::Goal;
    use crate::workspace::{RelPath, Snapshot};

    /// The tier of a name on no disk; what is no path at all is denied.
    fn tier(name: &str, goal: Goal) -> u8 {
        let snapshot = Snapshot::new("/nowhere".into(), Default::default());
        RelPath::new(name).map_or(2, |path| rank(&gate(&path, &snapshot, goal)))
    }

    fn reason(name: &str, goal: Goal) -> String {
        let snapshot = Snapshot::new("/nowhere".into(), Default::default());
        match gate(&RelPath::new(name).expect("a path"), &snapshot, goal) {
            Gate::Allow => "allowed".into(),
            Gate::Ask(why) | Gate::Deny(why) => why,
        }
    }

    #[test]
    fn git_and_our_state_are_never_changed() {
        for name in [
            ".git/config",
            "a/.git/hooks/post-checkout",
            ".GIT/config",
            ".git./config",
            ".git /x",
            "git~1/config",
            "．git/config",
            "．ｇｉｔ/config",
            "a／.git／config",
            ".ɡit/config",
            ".gіt/x",
            ".baton/state",
        ] {
            assert!(reason(name, Goal::Edit).contains("never changed"), "{name}: {}", reason(name, Goal::Edit));
        }
        assert!(reason(".g\u{200c}it/config", Goal::Edit).contains("invisible"));
        for name in [".gitignore", "git/config.py", "a/.github.md", "gität.py", "資料Ａ.txt", "a.b.c/d"] {
            assert_eq!(reason(name, Goal::Edit), "allowed", "{name}");
        }
    }

    #[test]
    fn what_runs_by_itself_is_for_the_user_to_say() {
        for name in [
            "Cargo.toml",
            "x/build.rs",
            ".github/workflows/ci.yml",
            ".vscode/tasks.json",
            "package.json",
            "package.json.",
            "ｐackage.json",
            "makefile",
            "conftest.py",
            "a/b/AGENTS.md",
            ".cargo/config.toml",
            "pyproject.toml",
            "vite.config.ts",
            "BUILD.RS",
        ] {
            assert_eq!(
                reason(name, Goal::Edit),
                format!("{name} can execute code; Baton does not change it by itself")
            );
            assert_eq!(tier(name, Goal::Edit), 1);
        }
        assert!(reason("PACKAG~1.JSO", Goal::Edit).contains("short name"));
        assert_eq!(reason("src/builder.rs", Goal::Edit), "allowed");
    }

    #[test]
    fn a_fix_leaves_the_tests_alone_and_an_edit_may_change_them() {
        for name in ["tests/a.rs", "test_a.py", "src/a.test.ts", "a_test.go"] {
            assert!(reason(name, Goal::Fix).contains("is a test"), "{name}");
            assert_eq!(reason(name, Goal::Edit), "allowed", "{name}");
        }
        for name in ["sitecustomize.py", "lib/x.pth", "a.dist-info/entry_points.txt", "src/__mocks__/fs.js"] {
            assert!(reason(name, Goal::Fix).contains("loaded by tests"), "{name}");
            assert_eq!(tier(name, Goal::Edit), 1, "{name}");
        }
    }

    #[test]
    fn secrets_are_never_changed() {
        for name in [".env", "deploy/.env.prod", "server.pem", "server.PEM.", "home/.ssh/config"] {
            assert!(reason(name, Goal::Edit).contains("place for keys"), "{name}");
        }
        assert_eq!(reason("src/environment.py", Goal::Edit), "allowed");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_judged_by_where_it_leads() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path").join("project");
        std::fs::create_dir_all(root.join(".git")).expect("made");
        std::fs::write(folder.path().join("outside.py"), "a\n").expect("written");
        for name in ["Cargo.toml", ".git/config", "a.py"] {
            std::fs::write(root.join(name), "a\n").expect("written");
        }
        for (target, name) in [
            ("Cargo.toml", "notes.md"),
            ("notes.md", "again.md"),
            ("a.py", "b.py"),
            (".git", "folder"),
            ("../outside.py", "c.py"),
            ("..", "up"),
            ("/proc/self", "proc"),
            ("nowhere", "broken"),
            ("round", "round"),
        ] {
            symlink(target, root.join(name)).expect("linked");
        }
        std::fs::hard_link(folder.path().join("outside.py"), root.join("hard.py")).expect("linked");
        let snapshot = Snapshot::new(root, Default::default());
        let said = |name: &str| gate(&RelPath::new(name).expect("a path"), &snapshot, Goal::Edit);
        let asked =
            |name: &str, why: &str| assert!(matches!(said(name), Gate::Ask(said) if said.contains(why)), "{name}");
        let denied = |name: &str, why: &str| {
            assert!(matches!(said(name), Gate::Deny(said) if said.contains(why)), "{name}: {:?}", said(name));
        };
        assert_eq!(said("b.py"), Gate::Allow);
        // Its other name cannot be known; `workspace::write` replaces the file and so leaves that one as it is.
        assert_eq!(said("hard.py"), Gate::Allow);
        asked("notes.md", "notes.md leads there: Cargo.toml can execute code");
        asked("again.md", "again.md leads there: Cargo.toml");
        denied("folder/config", "folder/config leads there: .git/config belongs to git");
        for name in ["c.py", "up/outside.py", "proc/environ", "proc/root/etc/passwd"] {
            denied(name, "leads out of the workspace");
        }
        denied("round", "cannot read round");
    }

    /// Names, their tiers when somebody asks for an edit, and whether they count as a file's and as a folder's.
    const KNOWN: [(&str, u8, bool, bool); 12] = [
        (".git", 2, true, true),
        (".baton", 2, true, true),
        (".env", 2, true, false),
        (".netrc", 2, true, false),
        (".ssh", 2, false, true),
        ("cargo.toml", 1, true, false),
        ("build.rs", 1, true, false),
        ("makefile", 1, true, false),
        (".vscode", 1, false, true),
        ("main.py", 0, true, true),
        ("git", 0, true, true),
        (".gitignore", 0, true, true),
    ];

    /// The tier as somebody would say it who reads a path aloud, character by character, for the worst file system.
    fn oracle(written: &str) -> u8 {
        if written.starts_with('/') || written.contains(['\\', ':', '\n']) {
            return 2;
        }
        let mut tier = 0;
        let mut parts = 0;
        let mut folder = false;
        for part in written.split('/').rev() {
            let mut read = String::new();
            for c in part.chars() {
                match u32::from(c) {
                    0x200b..=0x200f | 0x202a..=0x202e | 0xfeff | 0xe0020..=0xe007f => return 2,
                    wide @ 0xff01..=0xff5e => read.push(char::from_u32(wide - 0xfee0).expect("ASCII")),
                    _ => read.push(c),
                }
            }
            let mut read = read.to_lowercase();
            if part == ".." {
                return 2;
            }
            if part.is_empty() || part == "." {
                continue;
            }
            while read.ends_with('.') || read.ends_with(' ') {
                read.pop();
            }
            if read.is_empty() {
                return 2;
            }
            parts += 1;
            for (name, known, of_file, of_folder) in KNOWN {
                if read == name && (if folder { of_folder } else { of_file }) {
                    tier = tier.max(known);
                }
            }
            if read.starts_with("git~") && read[4..].chars().all(|c| c.is_ascii_digit()) {
                tier = 2;
            }
            let mut stem = read.chars().take_while(|c| *c != '.').collect::<Vec<char>>();
            if stem.iter().map(|c| c.len_utf8()).sum::<usize>() <= 8 && stem.last().is_some_and(char::is_ascii_digit) {
                while stem.last().is_some_and(char::is_ascii_digit) {
                    stem.pop();
                }
                tier = if stem.last() == Some(&'~') { tier.max(1) } else { tier };
            }
            folder = true;
        }
        if parts == 0 { 2 } else { tier }
    }

    fn spelled() -> impl Strategy<Value = String> {
        let plain = prop::sample::select(KNOWN.to_vec()).prop_map(|known| known.0.to_owned());
        let other = prop_oneof![
            8 => plain,
            1 => Just("..".to_owned()),
            1 => Just(".".to_owned()),
            1 => Just(String::new()),
            1 => Just("git~1".to_owned()),
            1 => Just("é".to_owned()),
            1 => Just("e\u{301}".to_owned()),
        ];
        (other, 0..12usize, any::<prop::sample::Index>()).prop_map(|(name, how, place)| {
            let mut chars: Vec<char> = name.chars().collect();
            let at = place.index(chars.len() + 1);
            match how {
                0 => chars.iter_mut().for_each(|c| *c = c.to_ascii_uppercase()),
                1 => chars.insert(at, '\u{200d}'),
                2 => chars.insert(at, '\u{feff}'),
                3 => chars.insert(at, '\u{202e}'),
                4 => chars.push('.'),
                5 => chars.extend(['.', ' ', '.']),
                6 if at < chars.len() && chars[at].is_ascii_alphanumeric() => {
                    chars[at] = char::from_u32(u32::from(chars[at]) + 0xfee0).expect("a wide form");
                }
                7 => chars.extend("::$DATA".chars()),
                8 if at < chars.len() => {
                    let code = format!("%{:02x}", u32::from(chars[at]) & 0x7f);
                    chars.splice(at..=at, code.chars());
                }
                9 => chars.insert(at, '\\'),
                _ => {}
            }
            chars.into_iter().collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a_naive_reader_comes_to_the_same_tier(parts in prop::collection::vec(spelled(), 1..4), root in 0..20u8) {
            let path = if root == 0 { "/proc/self/".to_owned() } else { String::new() } + &parts.join("/");
            prop_assert_eq!(tier(&path, Goal::Edit), oracle(&path), "{}", path);
        }
    }
}
