//! Files of heads: good ones, foreign ones, and those that are compiled in.

use super::*;

fn written(change: impl Fn(&mut serde_json::Value)) -> String {
    let mut value = serde_json::to_value(&*Heads::shipped()).unwrap();
    change(&mut value);
    value.to_string()
}

#[test]
fn those_that_are_compiled_in_are_whole_and_for_everybody() {
    let heads = Heads::shipped();
    assert_eq!(Heads::read(&heads.written().unwrap()).as_ref(), Ok(&*heads));
    assert!(heads.workers.is_empty() && heads.learned_until == 0);
    assert!(include_str!("../../../../models/HEADS.md").contains(&heads.name()), "{}", heads.name());
    assert!(include_str!("../host/embedded.rs").contains(&heads.trained.encoder));
}

#[test]
fn what_cannot_be_used_is_a_clause() {
    let rows = [
        ("{}".to_owned(), "is no file of heads"),
        ("none".to_owned(), "is no file of heads"),
        (written(|heads| heads["format"] = 7.into()), "has form 7, and this Baton knows form 2"),
        (written(|heads| heads["policy"]["wider"] = 0.into()), "cannot be used: `wider` is 0"),
        (
            written(|heads| heads["verifiers"]["tests"]["wrong"] = 1.0.into()),
            "cannot be used: verifier `tests` does not accept right answers more often than wrong ones",
        ),
        (
            written(|heads| {
                heads["workers"] = serde_json::json!({"w": {"ease": 0, "slope": 1, "precision": [1, 2, 1]}})
            }),
            "cannot be used: worker `w` has numbers that cannot be",
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(Heads::read(&text).err().as_deref(), Some(expected));
    }
    let unknown = written(|heads| heads["x"] = 1.into());
    assert!(Heads::read(&unknown).unwrap_err().starts_with("cannot be understood: unknown field `x`"));
}

#[test]
fn the_users_own_come_first_and_damaged_ones_cost_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("heads.json");
    assert_eq!(Heads::load(&file), (Heads::shipped(), None));
    std::fs::write(&file, written(|heads| heads["trained"]["on"] = "mine".into())).unwrap();
    let (own, problem) = Heads::load(&file);
    assert_eq!((own.trained.on.as_str(), problem), ("mine", None));
    std::fs::write(&file, "damaged").unwrap();
    let (heads, problem) = Heads::load(&file);
    assert_eq!(heads, Heads::shipped());
    let expected = format!(
        "{} is no file of heads; the heads that Baton came with decide; `baton train heads --ledger` writes it anew",
        file.display()
    );
    assert_eq!(problem, Some(expected));
}

#[test]
fn a_declared_strength_is_the_chance_at_an_ordinary_task() {
    let heads = Heads::shipped();
    for strength in [0.1, 0.4, 0.8] {
        let able = heads.begin(strength);
        let sure = Able::sure(able.ease, able.slope);
        assert!((heads.anything().chance(&sure, 0.0) - strength).abs() < 1e-6);
        assert!((heads.anything().chance(&able, 0.0) - strength).abs() < 0.1, "what is not sure tends to one half");
    }
    assert!(heads.begin(-3.0).is_sound() && heads.begin(7.0).is_sound());
    assert!(heads.begin(0.9).deviation() > heads.begin(0.5).deviation(), "a rare failure says little");
}
