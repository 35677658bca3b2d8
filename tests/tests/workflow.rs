//! Workflows of several steps on the real engine, with the real binary and scripted models: what runs at once, who sees
//! what, what ends a run early, and what is paid.

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::Value;

const OLD: &str = "        if merged and start < merged[-1][1]:";

fn right() -> String {
    block("bookings.py", OLD, "        if merged and start <= merged[-1][1]:")
}

fn wrong() -> String {
    block("bookings.py", OLD, "        if merged and start > merged[-1][1]:")
}

/// The demo project with these models, the weakest and cheapest first, and nothing else to ask.
fn project(servers: &[&OpenAi]) -> Project {
    let project = Project::copy_of("tests/demo");
    let workers: String = (1..)
        .zip(servers)
        .map(|(at, server)| server.worker(&format!("w{at}"), &format!("strength = 0.{at}\nusd_in = {at}.0\n")))
        .collect();
    project.configure(&format!("[repair]\nenabled = false\n[toolchain]\nenabled = false\n{workers}"));
    project
}

fn fix(policy: &str, servers: &[&OpenAi]) -> (i32, Value) {
    project(servers).json(&["fix", "bookings.py:8", "--policy", policy])
}

/// `w1 worker verified`, a step each.
fn steps(reply: &Value) -> Vec<String> {
    let steps = reply["steps"].as_array().expect("steps").iter();
    let word = |step: &Value, key: &str| step[key].as_str().expect("a word").to_owned();
    steps.map(|step| [word(step, "worker"), word(step, "role"), word(step, "status")].join(" ")).collect()
}

#[test]
fn steps_that_do_not_see_each_other_run_at_once() {
    // Neither is answered before both have asked.
    let server = OpenAi::start([Act::Meet(2, wrong()), Act::Meet(2, wrong())]);
    let (code, reply) = fix("best-of-2", &[&server]);
    assert_eq!((code, steps(&reply)), (1, vec!["w1 worker rejected".to_owned(); 2]), "{reply:#}");
    assert_eq!(reply["message"], "nothing that policy best-of-2 brought passed");
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn the_first_verified_patch_ends_the_others_and_only_what_was_used_is_paid() {
    let server = OpenAi::start([Act::Meet(3, right()), Act::Hang, Act::Hang]);
    let (code, reply) = fix("best-of-3", &[&server]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    let mut ends = steps(&reply);
    ends.sort();
    assert_eq!(ends, ["w1 worker cancelled", "w1 worker cancelled", "w1 worker verified"]);
    let paid: f64 =
        reply["steps"].as_array().expect("steps").iter().map(|step| step["usd"].as_f64().expect("a price")).sum();
    assert_eq!(reply["usd"].as_f64(), Some(paid));
    let used = reply["steps"].as_array().expect("steps").iter().filter(|step| step["tokens_in"] != 0).count();
    assert_eq!(used, 1, "who had not answered has used nothing");
}

#[test]
fn a_cascade_goes_on_with_what_was_refused_and_why() {
    let (cheap, dear) = (OpenAi::start([Act::Say(wrong())]), OpenAi::start([Act::Say(right())]));
    let (code, reply) = fix("cascade", &[&cheap, &dear]);
    assert_eq!((code, steps(&reply)), (0, vec!["w1 worker rejected".into(), "w2 worker verified".into()]), "{reply:#}");
    let seen = dear.calls().remove(0);
    assert!(
        seen.user().contains("start > merged") && seen.user().contains("What the checks say now"),
        "{}",
        seen.user()
    );
    let stops = OpenAi::start([Act::Say(right())]);
    let (_, reply) = fix("cascade", &[&stops, &dear]);
    assert_eq!(steps(&reply), ["w1 worker verified", "w2 worker not begun"], "{reply:#}");
}

#[test]
fn a_mixture_is_put_together_by_who_sees_all_proposals() {
    let first = OpenAi::start([Act::Say(wrong())]);
    let second = OpenAi::start([Act::Say("I propose to compare with `<=`.".into()), Act::Say("Really.".into())]);
    let last = OpenAi::start([Act::Say(right())]);
    let (code, reply) = fix("mixture", &[&first, &second, &last]);
    let told = steps(&reply);
    assert_eq!((code, told.last().map(String::as_str)), (0, Some("w3 worker verified")), "{reply:#}");
    let seen = last.calls().remove(0);
    let (system, user) = (seen.system(), seen.user());
    assert!(user.contains("start > merged") && user.contains("Really."), "{system}\n{user}");
    assert!(user.contains("Your part: Others have proposed answers"), "{user}");
}

#[test]
fn a_provider_that_dies_in_mid_run_costs_its_step_and_no_more() {
    let dies = OpenAi::start([Act::Truncated(right())]);
    let lives = OpenAi::start([Act::Say(right())]);
    let (code, reply) = fix("cascade", &[&dies, &lives]);
    let told = steps(&reply);
    assert!(told[0].starts_with("w1 worker error: worker `w1` broke off"), "{told:?}");
    assert_eq!((code, told[1].as_str()), (0, "w2 worker verified"), "{reply:#}");
    assert!(!lives.calls()[0].user().contains("start <= merged"), "what broke off is shown to nobody");
}

#[test]
fn a_plan_is_followed_by_the_editor_and_never_applied_itself() {
    let editor = OpenAi::start([Act::Say(right())]);
    let planner = OpenAi::start([Act::Say(wrong())]);
    let (code, reply) = fix("planner-editor", &[&editor, &planner]);
    assert_eq!((code, steps(&reply)), (0, vec!["w2 thinker prose".into(), "w1 worker verified".into()]), "{reply:#}");
    assert!(planner.calls()[0].system().contains("Write no edit"), "{}", planner.calls()[0].system());
    assert!(editor.calls()[0].user().contains("start > merged"), "{}", editor.calls()[0].user());
}

#[test]
fn an_answer_is_the_last_that_has_any_words() {
    let (first, last) = (OpenAi::start([Act::Say("It merges.".into())]), OpenAi::start([Act::Refuse(401, None)]));
    let project = project(&[&first, &last]);
    let (code, reply) = project.json(&["ask", "bookings.py", "What is it for?", "--policy", "cascade"]);
    assert_eq!((code, reply["answer"].as_str()), (0, Some("It merges.")), "{reply:#}");
    assert_eq!(reply["message"], "answered by w1");
}

#[test]
fn an_unknown_policy_and_a_policy_without_models_are_said() {
    let project = Project::copy_of("tests/demo");
    project.configure("");
    let printed = project.baton(&["fix", "bookings.py:8", "--policy", "vote"]);
    assert_eq!(printed.code, 2);
    assert!(printed.stderr.contains("a policy is `single`"), "{}", printed.stderr);
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--policy", "single"]);
    assert_eq!(code, 1);
    let says = "policy single needs a model that may take part; configure one under [[worker]]";
    assert_eq!(reply["message"], says);
}

#[test]
fn fixed_workflows_can_be_timed_from_outside() {
    let server = OpenAi::start(vec![Act::Say("42".into()); 6]);
    let project = Project::new(&[("prompts.txt", "How many?\n\nAnd why?\n")]);
    let prompts = project.root().join("prompts.txt").display().to_string();
    let arguments = ["bench-workflow", "--base-url", &server.base_url, "--prompts", &prompts, "--runs", "2"];
    let printed = project.baton(&[&arguments[..], &["--flow", "seq3"]].concat());
    assert_eq!(printed.code, 0, "{printed:?}");
    let told: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!((told["runs_ms"].as_array().map(Vec::len), &told["failed"]), (Some(2), &Value::Null));
    let calls = server.calls();
    assert_eq!(calls.len(), 6);
    assert!(calls[2].user().contains("How many?") && calls[2].user().contains("Earlier step 2"), "{}", calls[2].user());
    assert!(calls[3].user().contains("And why?") && !calls[3].user().contains("Earlier step"), "{}", calls[3].user());
    let printed = project.baton(&[&arguments[..], &["--flow", "par4"]].concat());
    assert_eq!(printed.code, 1, "the script is over, so there is no answer: {printed:?}");
}
