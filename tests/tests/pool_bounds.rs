//! What a run may spend, and whom its text may go to: the real binary against a scripted server that counts.

use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::Project;
use serde_json::Value;

const OLD: &str = "        if merged and start < merged[-1][1]:";

fn answer(condition: &str) -> Act {
    Act::Say(block("bookings.py", OLD, &format!("        if merged and {condition}:")))
}

fn wrong() -> Vec<Act> {
    ["start > merged[-1][1]", "start == merged[-1][1]", "start != merged[-1][1]", "False"].map(answer).to_vec()
}

fn right() -> Act {
    answer("start <= merged[-1][1]")
}

fn project(workers: &str) -> Project {
    let project = Project::copy_of("tests/demo");
    project.configure(&format!("{workers}\n[repair]\nenabled = false\n[toolchain]\nenabled = false\n"));
    project
}

fn statuses(reply: &Value) -> Vec<&str> {
    let steps = reply["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["status"].as_str().expect("a status")).collect()
}

#[test]
fn a_run_stops_before_a_call_that_its_money_might_not_cover() {
    let server = OpenAi::start(wrong());
    // Only what is read costs: some eight cents a call, and no call more than twenty.
    let project = project(&server.worker("dear", "usd_in = 100.0\nmax_output = 512"));
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--max-usd", "0.26"]);
    assert_eq!((code, &reply["outcome"]), (1, &Value::from("failed")), "{reply:#}");
    let spent = reply["usd"].as_f64().expect("a price");
    assert!(server.calls().len() >= 2 && spent > 0.1 && spent <= 0.26 + 0.2, "{reply:#}");
    let statuses = statuses(&reply);
    let (last, before) = statuses.split_last().expect("steps");
    assert!(before.iter().all(|status| *status == "rejected") && before.len() == server.calls().len(), "{reply:#}");
    let message = reply["message"].as_str().expect("a message");
    assert!(last.starts_with("too expensive: worker `dear` was not asked: its answer could cost $"), "{reply:#}");
    assert!(message.starts_with("worker `dear` was not asked") && message.contains("raise max_usd"), "{message}");
}

#[test]
fn a_cheaper_worker_goes_on_where_the_money_is_too_short_for_another() {
    let (dear, cheap) = (OpenAi::start(wrong()), OpenAi::start([right()]));
    let workers = dear.worker("dear", "strength = 0.9\nusd_out = 400.0")
        + &cheap.worker("cheap", "strength = 0.1\nusd_in = 1.0\nusd_out = 1.0");
    let (code, reply) = project(&workers).json(&["fix", "bookings.py:8", "--max-usd", "0.5"]);
    assert_eq!((code, dear.calls().len(), cheap.calls().len()), (0, 0, 1), "{reply:#}");
    assert!(reply["usd"].as_f64().is_some_and(|usd| usd <= 0.5), "{reply:#}");
}

#[test]
fn text_goes_only_where_the_policy_and_the_task_allow() {
    let (abroad, here) = (OpenAi::start([right()]), OpenAi::start(vec![right(); 2]));
    let workers = abroad.worker("abroad", "strength = 0.9\nregion = 'us'")
        + &here.worker("here", "strength = 0.2\nregion = 'eu'\ntags = ['own']");
    let limited = project(&format!("{workers}\n[policy]\nregions = ['eu']\n"));
    let printed = limited.baton(&["fix", "bookings.py:8", "--trust"]);
    assert_eq!((printed.code, abroad.calls().len(), here.calls().len()), (0, 0, 1), "{printed:#?}");
    let said = "abroad takes no part: its region is us, and policy.regions allows only: eu";
    assert!(printed.stderr.contains(said), "{printed:#?}");

    let free = project(&workers);
    for choice in [["--not-worker", "abroad"], ["--only-worker", "own"]] {
        let before = here.calls().len();
        let (code, reply) = free.json(&[&["fix", "bookings.py:8"], &choice[..]].concat());
        assert_eq!(abroad.calls().len(), 0, "{choice:?}: {reply:#}");
        assert_eq!((code == 0, here.calls().len() > before), (before == 1, true), "{choice:?}: {reply:#}");
    }
    let printed = free.baton(&["fix", "bookings.py:8", "--trust", "--not-worker", "abraod"]);
    assert_eq!(printed.code, 2, "{printed:#?}");
    assert!(printed.stderr.contains("there is no worker `abraod`; there are abroad, here, own"), "{printed:#?}");
}

/// A file whose whole text fits the worker, and half of that does not.
#[test]
fn a_worker_that_finds_the_prompt_too_long_is_asked_once_more_with_less_of_it() {
    let server = OpenAi::start([Act::TooLong, right()]);
    let project = project(&server.worker("small", "context = 8192\nmax_output = 2048"));
    let rows: String = (0..400).map(|n| format!("    ({n}, {}),\n", n + 1)).collect();
    project.write("bookings.py", &format!("{}\n\nTABLE = [\n{rows}]\n", project.read("bookings.py")));
    let (code, reply) = project.json(&["fix", "bookings.py:8"]);
    let prompts: Vec<usize> = server.calls().iter().map(|call| call.user().len()).collect();
    let [whole, less] = *prompts else { panic!("{prompts:?}: {reply:#}") };
    assert_eq!(code, 0, "{reply:#}");
    assert!(less < whole * 2 / 3, "{prompts:?}");

    // Twice is enough: another is to try.
    let (server, other) = (OpenAi::start([Act::TooLong, Act::TooLong]), OpenAi::start([right()]));
    let workers = server.worker("small", "strength = 0.9") + &other.worker("large", "strength = 0.5\nusd_in = 1.0");
    let (code, reply) = self::project(&workers).json(&["fix", "bookings.py:8"]);
    assert_eq!((code, server.calls().len(), other.calls().len()), (0, 2, 1), "{reply:#}");
    assert!(
        statuses(&reply)[0].starts_with("too long: worker `small` says that the prompt is too long (400"),
        "{reply:#}"
    );
}
