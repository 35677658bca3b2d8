//! Tier `ultra` with the real binary: a scripted model behind an API writes plans, scripted workers do them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use baton_tests::openai::{Act, block};
use baton_tests::{OpenAi, Project};
use serde_json::{Value, json};

const OLD: &str = "        if merged and start < merged[-1][1]:";

fn right() -> Act {
    Act::Say(block("bookings.py", OLD, "        if merged and start <= merged[-1][1]:"))
}

fn wrong() -> Act {
    Act::Say(block("bookings.py", OLD, "        if merged and start > merged[-1][1]:"))
}

/// A plan as the conductor writes it: worker, role, subtask, access.
fn plan(steps: &[(usize, &str, &str, Value)]) -> Act {
    let step = |(worker, role, subtask, access): &(usize, &str, &str, Value)| json!({ "worker": worker, "role": role, "subtask": subtask, "access": access });
    Act::Say(json!({ "steps": steps.iter().map(step).collect::<Vec<_>>() }).to_string())
}

/// The demo project with this conductor and workers `w0`, `w1`, …, which are the numbers of the plans.
fn project(conductor: &OpenAi, depth: usize, workers: &[&OpenAi]) -> Project {
    let project = Project::copy_of("tests/demo");
    let remote = conductor.worker("", "usd_out = 1.0\n").replace("[[worker]]\nname = \"\"\n", "[conductor.remote]\n");
    let workers: String = workers.iter().enumerate().map(|(at, server)| server.worker(&format!("w{at}"), "")).collect();
    let off = "[repair]\nenabled = false\n[toolchain]\nenabled = false\n";
    project.configure(&format!("{off}[conductor]\ndepth = {depth}\n{remote}{workers}"));
    project
}

fn fix(conductor: &OpenAi, depth: usize, workers: &[&OpenAi]) -> (i32, Value) {
    project(conductor, depth, workers).json(&["fix", "bookings.py:8", "--tier", "ultra"])
}

/// `w1 worker verified at 0`, a step each.
fn steps(reply: &Value) -> Vec<String> {
    let steps = reply["steps"].as_array().expect("steps").iter();
    let word = |step: &Value, key: &str| step[key].as_str().expect("a word").to_owned();
    let told = |step: &Value| {
        let words = [word(step, "worker"), word(step, "role"), word(step, "status")];
        format!("{} at {}", words.join(" "), step["depth"])
    };
    steps.map(told).collect()
}

#[test]
fn a_plan_of_three_steps_is_done_and_each_sees_what_it_may() {
    let conductor = OpenAi::start([plan(&[
        (0, "thinker", "Say what is compared.", json!("none")),
        (1, "thinker", "Say what adjacent bookings are.", json!("none")),
        (2, "worker", "Compare rightly.", json!([1])),
    ])]);
    // The two that see nothing of each other are asked before either has answered.
    let first = OpenAi::start([Act::Meet(1, "START is compared with END.".into())]);
    let second = OpenAi::start([Act::Say("ADJACENT ones touch.".into())]);
    let last = OpenAi::start([right()]);
    let (code, reply) = fix(&conductor, 0, &[&first, &second, &last]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(steps(&reply), ["w0 thinker prose at 0", "w1 thinker prose at 0", "w2 worker verified at 0"]);
    assert_eq!((&reply["conductor"]["name"], &reply["conductor"]["model"]), (&"ultra".into(), &"scripted".into()));
    let seen = last.calls().remove(0);
    assert!(seen.user().contains("Earlier step 2: Say what adjacent bookings are."), "{}", seen.user());
    assert!(seen.user().contains("ADJACENT") && !seen.user().contains("START is"), "{}", seen.user());
    assert!(seen.user().contains("Your part: Compare rightly."), "{}", seen.user());
    assert!(!first.calls()[0].user().contains("Compare rightly"), "nobody sees who comes after");
    assert!(reply["usd"].as_f64().is_some_and(|usd| usd > 0.0), "the plan is paid for: {reply:#}");
}

#[test]
fn a_workflow_that_failed_is_shown_to_the_conductor_and_corrected() {
    let conductor = OpenAi::start([
        plan(&[(0, "worker", "Fix it.", json!("none"))]),
        plan(&[(1, "thinker", "Say why it failed.", json!("all")), (1, "worker", "Do it again.", json!([0]))]),
    ]);
    let (first, second) = (OpenAi::start([wrong()]), OpenAi::start([Act::Say("INVERTED.".into()), right()]));
    let (code, reply) = fix(&conductor, 1, &[&first, &second]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(steps(&reply), ["w0 worker rejected at 0", "w1 thinker prose at 1", "w1 worker verified at 1"]);
    let again = conductor.calls().remove(1);
    assert!(again.user().contains("start > merged"), "its final reply is shown:\n{}", again.user());
    assert!(again.user().contains("step 1 (Worker w0): rejected"), "{}", again.user());
    let calls = second.calls();
    assert!(calls[0].user().contains("start > merged"), "who sees all sees the workflow before:\n{}", calls[0].user());
    assert!(calls[1].user().contains("INVERTED") && !calls[1].user().contains("start > merged"), "{}", calls[1].user());
}

#[test]
fn the_depth_is_a_limit_and_the_conductor_may_give_up_before() {
    let once = || plan(&[(0, "worker", "Fix it.", json!("none"))]);
    let (conductor, worker) = (OpenAi::start([once()]), OpenAi::start([wrong()]));
    let (code, reply) = fix(&conductor, 0, &[&worker]);
    assert_eq!((code, &reply["message"]), (1, &"nothing that was planned passed".into()), "{reply:#}");
    let (conductor, worker) = (OpenAi::start([once(), plan(&[])]), OpenAi::start([wrong()]));
    let (code, reply) = fix(&conductor, 4, &[&worker]);
    assert_eq!((code, steps(&reply)), (1, vec!["w0 worker rejected at 0".into()]), "{reply:#}");
    assert_eq!((conductor.left(), worker.left()), (0, 0));
}

#[test]
fn a_question_is_answered_and_the_answer_accepted() {
    let conductor = OpenAi::start([plan(&[(0, "worker", "Answer.", json!("none"))]), plan(&[])]);
    let worker = OpenAi::start([Act::Say("It merges bookings.".into())]);
    let project = project(&conductor, 2, &[&worker]);
    let (code, reply) = project.json(&["ask", "bookings.py", "What is it for?", "--tier", "ultra"]);
    assert_eq!((code, reply["answer"].as_str()), (0, Some("It merges bookings.")), "{reply:#}");
    assert_eq!(conductor.calls().len(), 2);
}

#[test]
fn what_is_no_plan_is_drawn_again_twice_and_then_mini_plans_and_says_so() {
    let conductor = OpenAi::start(vec![Act::Say("I would ask the first one.".into()); 3]);
    let worker = OpenAi::start([right()]);
    let (code, reply) = fix(&conductor, 1, &[&worker]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!((conductor.calls().len(), &reply["conductor"]["name"]), (3, &"mini".into()), "{reply:#}");
    let why = reply["conductor"]["why"].as_str().expect("a reason");
    assert!(reply["usd"].as_f64().is_some_and(|usd| usd > 0.0), "three tries are paid for: {reply:#}");
    assert!(why.contains("plans as tier mini does: scripted wrote no valid plan in 3 tries"), "{why}");
}

#[test]
fn a_conductor_that_cannot_be_reached_costs_no_edit() {
    let conductor = OpenAi::start([Act::Refuse(401, None)]);
    let worker = OpenAi::start([right()]);
    let (code, reply) = fix(&conductor, 1, &[&worker]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert!(reply["conductor"]["why"].as_str().is_some_and(|why| why.contains("401")), "{reply:#}");
}

/// The demo project whose conductor is the tests' tiny model, which understands nothing.
fn with_tiny_model(worker: &OpenAi) -> Project {
    let model = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/models/tiny.gguf");
    let model = model.canonicalize().expect("tests/setup.sh makes it");
    let project = Project::copy_of("tests/demo");
    let off = "[repair]\nenabled = false\n[toolchain]\nenabled = false\n";
    let conductor = format!("[conductor]\nstrength = 0\ngenerator = {model:?}\n");
    project.configure(&format!("{off}{conductor}{}", worker.worker("w0", "")));
    project
}

#[test]
fn a_model_in_a_file_plans_without_any_server() {
    let worker = OpenAi::start(vec![right(); 12]);
    let (code, reply) = with_tiny_model(&worker).json(&["fix", "bookings.py:8", "--tier", "ultra"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    let conductor = &reply["conductor"];
    assert_eq!((&conductor["name"], &conductor["model"]), (&"ultra".into(), &"tiny.gguf".into()), "{reply:#}");
}

/// The demo project, with nothing said of who plans.
fn out_of_the_box(workers: &[(&OpenAi, f64)]) -> Project {
    let project = Project::copy_of("tests/demo");
    let mut configuration = "[repair]\nenabled = false\n[toolchain]\nenabled = false\n".to_owned();
    for (number, (worker, strength)) in workers.iter().enumerate() {
        configuration += &worker.worker(&format!("w{number}"), &format!("strength = {strength}"));
    }
    project.configure(&configuration);
    project
}

const NANO: &str = "baton-conductor-nano.gguf";

#[test]
fn the_embedded_conductor_plans_where_nothing_is_configured() {
    let (wrong, good) = (OpenAi::start(vec![Act::Say("I do not know.".into()); 4]), OpenAi::start([right()]));
    let project = out_of_the_box(&[(&wrong, 0.6), (&good, 0.9)]);
    let (code, reply) = project.json(&["fix", "bookings.py:8", "--tier", "ultra"]);
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    let conductor = &reply["conductor"];
    assert_eq!((&conductor["name"], &conductor["model"]), (&"ultra".into(), &NANO.into()), "{reply:#}");
    assert_eq!(good.left(), 0, "the stronger one is in the plan");
}

#[test]
fn the_embedded_conductor_heeds_how_the_user_wants_it_done() {
    let (first, second) = (OpenAi::start(vec![right(); 3]), OpenAi::start(vec![right(); 3]));
    let project = out_of_the_box(&[(&first, 0.9), (&second, 0.6)]);
    let task = ["--task", "Think it through first."];
    let (code, reply) = project.json(&[&["fix", "bookings.py:8", "--tier", "ultra"][..], &task].concat());
    assert_eq!((code, &reply["outcome"]), (0, &Value::from("verified")), "{reply:#}");
    assert_eq!(reply["conductor"]["model"], NANO, "{reply:#}");
    let steps = steps(&reply);
    assert!(steps[0].contains(" thinker ") && steps[1].contains(" worker verified"), "{steps:?}");
}

#[test]
fn a_conductor_that_is_killed_in_mid_plan_loses_no_edit() {
    let worker = OpenAi::start(vec![right(); 12]);
    let project = with_tiny_model(&worker);
    let mut command = project.command(&["fix", "bookings.py:8", "--tier", "ultra", "--trust", "--apply"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut killed = 0;
    for line in lines.map_while(Result::ok) {
        // It dies when it has just been told to plan, and once more while mini looks the task up, if it is there then.
        if line.contains("tiny.gguf plans") {
            let hosts = ["-P", &child.id().to_string(), "-f", "conductor-host"];
            let found = Command::new("pgrep").args(hosts).output().expect("it starts");
            for pid in String::from_utf8_lossy(&found.stdout).lines() {
                killed += i32::from(Command::new("kill").args(["-KILL", pid]).status().expect("it starts").success());
            }
        }
    }
    assert!(killed > 0, "there was a process to kill");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert!(project.read("bookings.py").contains("start <= merged[-1][1]"));
}

#[test]
fn who_planned_is_told_even_where_somebody_else_was_asked_for_tests() {
    let conductor = OpenAi::start([plan(&[(0, "worker", "Count all prices.", json!("none"))])]);
    let worker = OpenAi::start([Act::Say(block("cart.py", "    return sum(prices[1:])", "    return sum(prices)"))]);
    let test = "        self.assertEqual(total([1, 2]), 3)\n";
    let head = "import unittest\nfrom cart import total\n\nclass Total(unittest.TestCase):\n    def test_all(self):\n";
    let tester = OpenAi::start([Act::Say(format!("```python\n{head}{test}```\n"))]);
    let project = project(&conductor, 0, &[&worker, &tester]);
    project.write("shop/cart.py", "def total(prices):\n    return sum(prices[1:])\n");
    std::fs::create_dir(project.root().join("shop/.git")).expect("a new folder");
    let place = project.root().join("shop/cart.py").display().to_string();
    let task = ["--task", "The first price is missing", "--tier", "ultra"];
    let (code, reply) = project.json(&[&["fix", &place][..], &task].concat());
    assert_eq!(
        (code, steps(&reply)),
        (0, vec!["w0 worker verified at 0".into(), "w1 verifier tests at 0".into()]),
        "{reply:#}"
    );
    assert_eq!(reply["conductor"]["name"], "ultra");
}
