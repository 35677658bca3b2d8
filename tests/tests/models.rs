//! `baton models`: the list, the check, and fetching from a hub that is not to be trusted.

use baton_tests::hub::{Hub, Served};
use baton_tests::openai::{Act, OpenAi};
use baton_tests::project::{Printed, Project};
use serde_json::Value;

fn model(size: usize) -> Vec<u8> {
    let bytes = (0..size).map(|at| (at % 251) as u8);
    b"GGUF".iter().copied().chain(bytes).collect()
}

fn served(bytes: &[u8]) -> Served {
    Served { bytes: bytes.to_vec(), etag: "\"v1\"".into(), ..Served::default() }
}

fn pull(project: &Project, hub: &Hub, name: &str) -> Printed {
    let mut command = project.command(&["models", "pull", name]);
    command.env("HF_ENDPOINT", &hub.address).env_remove("HF_TOKEN").output().expect("the binary is built").into()
}

fn cached(project: &Project, file: &str) -> std::path::PathBuf {
    project.home().join("cache/baton/models/o--n").join(file)
}

/// What is left of a file and beside it.
fn left(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(cached(project, "")).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_fetched_once_and_named() {
    let (project, bytes) = (Project::new(&[]), model(5000));
    let hub = Hub::start(&[("m-Q4_K_M.gguf", served(&bytes)), ("README.md", served(b"hello"))]);
    let printed = pull(&project, &hub, "o/n");
    assert_eq!(printed.code, 0, "{printed:#?}");
    let path = cached(&project, "m-Q4_K_M.gguf");
    assert_eq!(printed.stdout, format!("{}\n", path.display()));
    assert_eq!(std::fs::read(&path).expect("it is there"), bytes);
    assert_eq!(left(&project), ["m-Q4_K_M.gguf"]);
    let paths: Vec<String> = hub.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/api/models/o/n", "/o/n/resolve/main/m-Q4_K_M.gguf"]);
    let again = pull(&project, &hub, "o/n:m-Q4_K_M.gguf");
    assert!(again.code == 0 && again.stderr.contains("was there already"), "{again:#?}");
    assert_eq!(hub.asked(), []);
    let listed = project.baton(&["models"]);
    assert!(listed.stdout.contains("m-Q4_K_M.gguf") && listed.stdout.contains(" gguf "), "{listed:#?}");
}

#[test]
fn a_broken_download_goes_on_where_it_was() {
    let (project, bytes) = (Project::new(&[]), model(20_000));
    let hub = Hub::start(&[("m.gguf", Served { breaks_after: Some(7000), ..served(&bytes) })]);
    let broken = pull(&project, &hub, "o/n:m.gguf");
    assert!(broken.code == 1 && broken.stderr.contains("run the same again"), "{broken:#?}");
    assert!(!cached(&project, "m.gguf").exists(), "half a model is none");
    let there = std::fs::metadata(cached(&project, "m.gguf.part")).expect("what came is kept").len();
    assert!(there > 0 && there <= 7000, "{there}");
    hub.asked();
    hub.serve("m.gguf", served(&bytes));
    let whole = pull(&project, &hub, "o/n:m.gguf");
    assert_eq!(whole.code, 0, "{whole:#?}");
    let asked = hub.asked().remove(0);
    assert_eq!((asked.range, asked.if_range), (Some(format!("bytes={there}-")), Some("\"v1\"".into())));
    assert_eq!(std::fs::read(cached(&project, "m.gguf")).expect("it is there"), bytes);
    assert_eq!(left(&project), ["m.gguf"]);
}

#[test]
fn halves_of_two_versions_never_make_a_whole() {
    let project = Project::new(&[]);
    let hub = Hub::start(&[("m.gguf", Served { breaks_after: Some(7000), ..served(&model(20_000)) })]);
    assert_eq!(pull(&project, &hub, "o/n:m.gguf").code, 1);
    let newer: Vec<u8> = model(20_000).into_iter().rev().collect();
    let newer = [b"GGUF".to_vec(), newer].concat();
    hub.serve("m.gguf", Served { etag: "\"v2\"".into(), ..served(&newer) });
    assert_eq!(pull(&project, &hub, "o/n:m.gguf").code, 0);
    assert_eq!(std::fs::read(cached(&project, "m.gguf")).expect("it is there"), newer);
}

#[test]
fn what_is_not_as_the_first_time_is_refused() {
    let project = Project::new(&[]);
    let hub = Hub::start(&[("m.gguf", served(&model(5000)))]);
    assert_eq!(pull(&project, &hub, "o/n:m.gguf").code, 0);
    std::fs::remove_file(cached(&project, "m.gguf")).expect("it was there");
    for sha256 in [None, Some("a".repeat(64))] {
        hub.serve("m.gguf", Served { sha256, ..served(&model(6000)) });
        let refused = pull(&project, &hub, "o/n:m.gguf");
        assert!(refused.code == 1 && refused.stderr.contains("pins.json"), "{refused:#?}");
        assert!(refused.stderr.contains("o/n/m.gguf is not what it was"), "{refused:#?}");
        assert!(!cached(&project, "m.gguf").exists());
    }
    hub.serve("m.gguf", served(&model(5000)));
    let same = pull(&project, &hub, "o/n:m.gguf");
    assert!(same.code == 0 && same.stderr.contains("as the first time"), "{same:#?}");
    std::fs::write(cached(&project, "m.gguf"), "GGUF, but another").expect("written");
    let changed = pull(&project, &hub, "o/n:m.gguf");
    assert!(changed.code == 1 && changed.stderr.contains("is not what it was"), "{changed:#?}");
}

#[test]
fn what_arrives_damaged_or_is_no_model_is_thrown_away() {
    let project = Project::new(&[]);
    let damaged = Served { sha256: Some("0".repeat(64)), ..served(&model(5000)) };
    for (file, says) in [(damaged, "arrived damaged"), (served(b"<html>"), "no GGUF file"), (served(b""), "is empty")] {
        let hub = Hub::start(&[("m.gguf", file)]);
        let refused = pull(&project, &hub, "o/n:m.gguf");
        assert!(refused.code == 1 && refused.stderr.contains(says), "{refused:#?}");
        assert_eq!(left(&project), Vec::<String>::new());
    }
}

#[test]
fn a_token_goes_to_the_hub_alone() {
    let (project, bytes) = (Project::new(&[]), model(5000));
    let store = Hub::start(&[("m.gguf", served(&bytes))]);
    let moved = Served { moved_to: Some(format!("{}/o/n/resolve/main/m.gguf", store.address)), ..Served::default() };
    let hub = Hub::start(&[("m.gguf", moved)]);
    let mut command = project.command(&["models", "pull", "o/n:m.gguf"]);
    let printed: Printed =
        command.env("HF_ENDPOINT", &hub.address).env("HF_TOKEN", "hf_secret").output().expect("it is built").into();
    assert_eq!(printed.code, 0, "{printed:#?}");
    let authorization = |hub: &Hub| hub.asked().remove(0).authorization;
    assert_eq!((authorization(&hub), authorization(&store)), (Some("Bearer hf_secret".into()), None));
    assert_eq!(std::fs::read(cached(&project, "m.gguf")).expect("it is there"), bytes);
    for (to, says) in
        [("http://models.example/m.gguf", "without encryption"), ("/o/n/resolve/main/m.gguf", "without end")]
    {
        hub.serve("x.gguf", Served { moved_to: Some(to.replace("m.gguf", "x.gguf")), ..Served::default() });
        let refused = pull(&project, &hub, "o/n:x.gguf");
        assert!(refused.code == 1 && refused.stderr.contains(says), "{refused:#?}");
    }
}

#[test]
fn names_lead_nowhere_else() {
    let project = Project::new(&[]);
    let hub = Hub::start(&[
        ("../../evil.gguf", served(&model(10))),
        ("a.gguf", served(&model(10))),
        ("b.gguf", served(&model(10))),
    ]);
    for name in ["../n", "o/n:../../evil.gguf", "o/n:/etc/passwd.gguf", "n"] {
        let refused = pull(&project, &hub, name);
        assert!(refused.code == 2 && refused.stderr.contains("names no model"), "{refused:#?}");
    }
    assert_eq!(hub.asked(), [], "nothing was asked for");
    let asked = pull(&project, &hub, "o/n");
    assert!(asked.code == 1 && asked.stderr.contains("after a colon: a.gguf, b.gguf"), "{asked:#?}");
    let evil = pull(&project, &hub, "o/n:evil");
    assert!(evil.code == 1 && evil.stderr.contains("has no GGUF file"), "{evil:#?}");
    let missing = pull(&project, &hub, "o/x:m.gguf");
    assert!(missing.code == 1 && missing.stderr.contains("not there"), "{missing:#?}");
}

#[test]
fn the_list_names_every_model_and_no_key() {
    let project = Project::new(&[]);
    project.configure(
        "[[worker]]\nname = 'a'\nkind = 'anthropic'\nmodel = 'm1'\nkey_env = 'BATON_TEST_KEY'\nusd_in = 3.0\nusd_out = 15.0\n\
         [[worker]]\nname = 'b'\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'm2'\nproxy = 'nonsense'\n\
         [[worker]]\nname = 'c'\nkind = 'ollama'\nmodel = 'm3'\nkey_command = ['pass', 'show', 'c']\n\
         [conductor]\ngenerator = '/nowhere/plans.gguf'\n\
         [conductor.remote]\nbase_url = 'http://127.0.0.1:9/v1'\nmodel = 'm4'\n",
    );
    let list = |arguments: &[&str]| -> Printed {
        project.command(arguments).env("BATON_TEST_KEY", "sk-secret").output().expect("the binary is built").into()
    };
    let printed = list(&["models"]);
    assert_eq!(printed.code, 0, "{printed:#?}");
    insta::assert_snapshot!(printed.stdout);
    let json: Value = serde_json::from_str(&list(&["models", "--json"]).stdout).expect("JSON");
    assert_eq!((&json[0]["key"], &json[0]["context"]), (&"BATON_TEST_KEY is set".into(), &32_768.into()));
    let keys: Vec<_> = json.as_array().unwrap().iter().map(|model| (&model["key_env"], &model["key_set"])).collect();
    assert_eq!(keys[0], (&"BATON_TEST_KEY".into(), &true.into()));
    assert!(keys[1..].iter().all(|key| *key == (&Value::Null, &false.into())), "{keys:?}");
    let unset: Value = serde_json::from_str(&project.baton(&["models", "--json"]).stdout).expect("JSON");
    assert_eq!((&unset[0]["key_env"], &unset[0]["key_set"]), (&"BATON_TEST_KEY".into(), &false.into()));
    assert!(!printed.stdout.contains("secret") && !json.to_string().contains("secret"));
}

#[test]
fn a_check_says_what_it_sends_asks_each_once_and_fails_if_one_does() {
    let (good, busy) =
        (OpenAi::start([Act::Say("ok".into()), Act::Length("o".into())]), OpenAi::start([Act::Refuse(503, None)]));
    let project = Project::new(&[]);
    let priced = "usd_in = 1.0\nusd_out = 2.0";
    project.configure(&format!("{}{}", good.worker("good", priced), busy.worker("busy", "")));
    let printed = project.baton(&["models", "--check"]);
    assert_eq!(printed.code, 1, "{printed:#?}");
    assert!(printed.stderr.starts_with("sending `Say ok.` and nothing of yours to good, busy; "), "{printed:#?}");
    let lines: Vec<&str> = printed.stdout.lines().collect();
    assert!(lines[0].starts_with("ok      good: ") && lines[1].starts_with("failed  worker `busy` "), "{lines:#?}");
    assert_eq!((good.calls().len(), busy.calls().len()), (1, 1), "each is asked once");
    assert_eq!(good.calls()[0].user(), "Say ok.");
    assert_eq!(good.calls()[0].body["max_tokens"], 16);
    project.configure(&good.worker("good", priced));
    let cut = project.baton(&["models", "--check", "--json"]);
    let json: Value = serde_json::from_str(&cut.stdout).expect("JSON");
    assert_eq!((cut.code, &json[0]["problem"]), (0, &Value::Null), "an answer that is cut is one: {cut:#?}");
    project.configure(&format!("[budget]\nmax_usd = 0.00001\n{}", good.worker("good", priced)));
    let dear = project.baton(&["models", "--check"]);
    assert!(dear.code == 2 && dear.stderr.contains("budget.max_usd"), "{dear:#?}");
    assert_eq!(good.calls().len(), 2, "nothing was sent");
}
