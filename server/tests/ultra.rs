//! Tier ultra with a real model file: valid plans whatever the model, the same again, and what comes of a child that is
//! killed, stopped or starved. Its own test binary because it needs the real program.

mod tiny;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use baton::conductor::host::{Host, HostOptions, Writers};
use baton::conductor::mini::{self, Need};
use baton::conductor::ultra::{Before, NoPlan, Plan, Planned, Planner, Question};
use baton::conductor::{Conductor, Reading};
use baton::config::{ConductorOptions, Config, Options, Places};
use baton::pool::{Bounds, Budget, Facts, Pool, Prompt, words};
use baton::task::{Allowed, Goal};
use baton::workflow::Role;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use tiny::{EXE, model};

fn conductor(cache: &TempDir, generator: PathBuf) -> Conductor {
    let options = ConductorOptions { generator: Some(generator), context: 16_384, ..ConductorOptions::default() };
    planning(options, cache.path())
}

fn planning(conductor: ConductorOptions, folder: &Path) -> Conductor {
    let options = Options { conductor, ..Options::default() };
    let config = Config::from_options(options, Places::below(folder)).unwrap();
    let planner = Planner::of(&config.conductor, &config.policy, &Writers::of(&config, Path::new(EXE))).unwrap();
    let host = Host::new(HostOptions { exe: EXE.into(), encoder: None, cache_dir: folder.into() });
    Conductor::new(host, None).planned_by(planner)
}

fn question() -> Question {
    let worker = |name: &str, strength| Facts { name: name.into(), strength: Some(strength), ..Facts::repair() };
    Question {
        description: "Fix a bug. merge sort returns the list in the wrong order\nsorting.py\n".into(),
        workers: vec![worker("ann", 0.3), worker("bob", 0.8), worker("cy", 0.6)],
        max_steps: 5,
        need: Need {
            goal: Goal::Fix,
            failing_tests: true,
            judged: true,
            verifier: mini::TESTS.into(),
            tools_may_know: false,
            prompt_tokens: 400,
            failed: Vec::new(),
            unanswered: Vec::new(),
            thoughts: 0,
            turns_left: mini::MAX_TURNS,
            attempts: mini::ATTEMPTS,
            usd_left: 1.0,
        },
        before: None,
    }
}

async fn plan(conductor: &Conductor, question: &Question, seconds: u64) -> Result<Planned, NoPlan> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    conductor.plan(question, &Reading::default(), &Budget::new(0.0), deadline, &CancellationToken::new()).await
}

#[tokio::test]
async fn even_a_model_that_understands_nothing_writes_valid_plans() {
    let cache = TempDir::new().unwrap();
    let conductor = conductor(&cache, model());
    assert!(conductor.planner_name().is_some());
    for task in ["sort", "search"] {
        for max_steps in [1, 3, 5] {
            let question = Question { description: format!("Fix {task}."), max_steps, ..question() };
            let planned = plan(&conductor, &question, 60).await.unwrap();
            let Plan::Workflow(workflow) = &planned.plan else { panic!("{planned:?}") };
            assert!((1..=max_steps).contains(&workflow.steps.len()), "{workflow:?}");
            let last = workflow.steps.last().unwrap();
            assert_eq!(last.role, Role::Worker);
            assert_ne!(last.worker, "ann", "the weakest is never last");
            assert_eq!((planned.model.as_str(), planned.usage.usd), ("tiny.gguf", 0.0));
            assert!(planned.why.starts_with("tiny.gguf planned"), "{}", planned.why);
        }
    }
    let again = plan(&conductor, &question(), 60).await.unwrap();
    assert_eq!(plan(&conductor, &question(), 60).await.unwrap().plan, again.plan, "the same question, the same plan");
    assert!(again.why.contains("known from before"), "{}", again.why);
}

#[tokio::test]
async fn the_embedded_conductor_plans_whatever_is_wanted_and_once_somebody_failed() {
    let cache = TempDir::new().unwrap();
    let conductor = planning(ConductorOptions::default(), cache.path());
    assert_eq!(conductor.planner_name(), Some("baton-conductor-nano.gguf"));
    for goal in [Goal::Fix, Goal::Edit, Goal::Refactor, Goal::Ask] {
        for (failed, max_steps) in [(None, 1), (None, 5), (Some("bob"), 5)] {
            let mut question = Question { max_steps, ..question() };
            question.need.goal = goal;
            question.need.failed.extend(failed.map(str::to_owned));
            question.before = failed.map(|_| Before { reply: "none".into(), report: "refused".into() });
            let planned = plan(&conductor, &question, 60).await.unwrap();
            let why = &planned.why;
            assert!(why.starts_with("baton-conductor-nano.gguf planned: "), "at the first try: {why}");
            let workflow = match &planned.plan {
                Plan::Workflow(workflow) => workflow,
                Plan::Accept => {
                    assert!(failed.is_some(), "there is nothing to accept yet");
                    continue;
                }
            };
            assert!((1..=max_steps).contains(&workflow.steps.len()), "{workflow:?}");
            assert_eq!(workflow.steps.last().map(|step| step.role), Some(Role::Worker));
            assert_eq!(plan(&conductor, &question, 60).await.unwrap().plan, planned.plan, "and the same again");
        }
    }
}

/// Answers call after call with one of these texts, as an OpenAI-compatible server streams them.
fn served(replies: Vec<&'static str>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for reply in replies {
            let (mut connection, _) = listener.accept().unwrap();
            let mut head = BufReader::new(connection.try_clone().unwrap());
            let mut length = 0;
            for line in head.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            head.read_exact(&mut vec![0; length]).unwrap();
            let events = [
                serde_json::json!({"choices": [{"delta": {"content": reply}, "finish_reason": "stop"}]}).to_string(),
                serde_json::json!({"choices": [], "usage": {"prompt_tokens": 1_000, "completion_tokens": 100}})
                    .to_string(),
                "[DONE]".to_owned(),
            ];
            let body = events.map(|event| format!("data: {event}\n\n")).concat();
            write!(connection, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
                .unwrap();
        }
    });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn a_model_behind_an_api_plans_at_its_price_and_may_try_thrice() {
    let planned = async |replies: Vec<&'static str>, usd: f64| {
        let written = format!("model = 'm'\nusd_in = 1.0\nusd_out = 10.0\nbase_url = '{}'", served(replies));
        let options =
            ConductorOptions { remote: Some(toml::from_str(&written).unwrap()), ..ConductorOptions::default() };
        let conductor = planning(options, Path::new("/nowhere"));
        let money = Budget::new(usd);
        let deadline = Instant::now() + Duration::from_secs(60);
        let cancel = CancellationToken::new();
        let planned = conductor.plan(&question(), &Reading::default(), &money, deadline, &cancel).await;
        (planned, ((usd - money.left()) * 1e6).round())
    };
    const GOOD: &str =
        "Thus:\n```\nmodel_id = [0, 1]\nsubtasks = ['Find it.', 'Mend it.']\naccess_list = [[], ['all']]\n```";
    const EMPTY: &str = "{\"steps\":[]}";
    let (good, cost) = planned(vec!["I think", GOOD], 1.0).await;
    let good = good.unwrap();
    let Plan::Workflow(workflow) = &good.plan else { panic!("{good:?}") };
    assert_eq!(workflow.steps.iter().map(|step| step.worker.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!((good.usage.tokens_in, good.usage.tokens_out, cost), (2_000, 200, 4_000.0));
    assert!(good.why.starts_with("m planned in 2 tries: 2000 tokens read, 200 written, "), "{}", good.why);
    let (none, cost) = planned(vec![EMPTY, EMPTY, EMPTY], 1.0).await;
    insta::assert_snapshot!(none.unwrap_err(), @"m wrote no valid plan in 3 tries (it has no steps); use a stronger model under conductor");
    assert_eq!(cost, 6_000.0, "what was in vain was paid for");
    let (poor, cost) = planned(vec![GOOD], 0.001).await;
    assert!(poor.unwrap_err().to_string().contains("was not asked: its answer could cost"));
    assert_eq!(cost, 0.0);
}

#[tokio::test]
async fn the_conductors_model_and_other_files_are_workers_too() {
    let cache = TempDir::new().unwrap();
    let written = format!(
        "[conductor]\ngenerator = '{0}'\n[[worker]]\nname = 'own'\nkind = 'gguf'\npath = '{0}'\nmax_output = 300\n[[worker]]\nname = 'lost'\nkind = 'gguf'\npath = '/nowhere/m.gguf'",
        model().display()
    );
    let config = Config::from_options(toml::from_str(&written).unwrap(), Places::below(cache.path())).unwrap();
    let writers = Writers::of(&config, Path::new(EXE));
    let (mut pool, problems) = Pool::new(&config.workers, &config.policy, &config.repair, &config.toolchain);
    assert_eq!(problems, []);
    for (options, writer) in writers.workers() {
        pool.add_local(options, writer).unwrap();
    }
    let (deadline, cancel) = (Instant::now() + Duration::from_secs(60), CancellationToken::new());
    let (money, allowed) = (Budget::new(0.0), Allowed::default());
    let prompt = Prompt::of("Rules.", "Task.");
    let call = async |name: &str| {
        let mut heard = String::new();
        let bounds = Bounds { deadline: deadline.into(), cancel: &cancel, budget: &money, allowed: &allowed };
        let reply = pool.llm(name).unwrap().call(&prompt, words(|text| heard.push_str(text)), bounds).await;
        (heard, reply)
    };
    let (heard, reply) = call("own").await;
    let reply = reply.unwrap();
    assert!(!heard.is_empty() && heard == reply.text && reply.usage.tokens_out > 0 && !reply.estimated, "{reply:?}");
    assert_eq!(call("conductor").await.1.unwrap().text, reply.text, "the same model in the same process");
    assert!(writers.at(&model()).unwrap().stats().await.is_some());
    insta::assert_snapshot!(call("lost").await.1.unwrap_err(), @"worker `lost` cannot be asked: the local model /nowhere/m.gguf cannot be used: there is no such file");
}

#[tokio::test]
async fn after_a_failure_it_corrects_or_accepts() {
    let cache = TempDir::new().unwrap();
    let conductor = conductor(&cache, model());
    let mut before = Before { reply: String::new(), report: "1 test fails".into() };
    for reply in ["x".repeat(60_000), "def sort(x): return x".into()] {
        before.reply = reply;
        let question = Question { before: Some(before.clone()), ..question() };
        // Whatever it says: it is a plan, and what is too long is cut until it fits.
        plan(&conductor, &question, 60).await.unwrap();
    }
}

/// A plan with a child to which something happens before it can answer, and the plan that follows.
async fn disturbed(seconds: u64, disturb: impl Fn(u32)) -> (Result<Planned, NoPlan>, bool) {
    let cache = TempDir::new().unwrap();
    let conductor = conductor(&cache, model());
    let expected = plan(&conductor, &question(), 60).await.unwrap().plan;
    let pid = conductor.planner_stats().await.unwrap().pid;
    // Stopped, it cannot answer before it is disturbed.
    signal(pid, Signal::STOP);
    let trouble = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        disturb(pid);
    };
    let question = question();
    let (planned, ()) = tokio::join!(plan(&conductor, &question, seconds), trouble);
    if planned.is_err() {
        // It may have ended.
        let _ = kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::CONT);
    }
    let after = plan(&conductor, &question, 60).await.unwrap();
    assert_eq!(after.plan, expected);
    let same = planned.as_ref().is_ok_and(|planned| planned.plan == expected);
    (planned, same)
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_killed_in_mid_plan_costs_one_retry() {
    let (planned, same) = disturbed(60, |pid| signal(pid, Signal::KILL)).await;
    assert!(same, "{planned:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_hangs_in_mid_plan_costs_no_more_than_the_time_allowed() {
    let (planned, _) = disturbed(2, |_| {}).await;
    assert!(matches!(&planned, Err(NoPlan::Unavailable(why)) if why.contains("raise max_seconds")), "{planned:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_child_starved_in_mid_plan_costs_one_retry_at_most() {
    use rustix::process::{Resource, Rlimit, prlimit};
    let (planned, same) = disturbed(60, |pid| {
        let nothing = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
        prlimit(Pid::from_raw(pid as i32), Resource::As, nothing).unwrap();
        signal(pid, Signal::CONT);
    })
    .await;
    assert!(same, "{planned:?}");
}

#[tokio::test]
async fn what_stands_in_the_way_is_said() {
    let cache = TempDir::new().unwrap();
    let missing = plan(&conductor(&cache, "/nowhere/model.gguf".into()), &question(), 60).await;
    insta::assert_snapshot!(missing.unwrap_err(), @"the local model /nowhere/model.gguf cannot be used: there is no such file; set conductor.generator to a generative GGUF");
    let conductor = conductor(&cache, model());
    let nobody = plan(&conductor, &Question { workers: vec![], ..question() }, 60).await;
    insta::assert_snapshot!(nobody.unwrap_err(), @"there is nobody to ask: configure a model under [[worker]]");
    let late = plan(&conductor, &question(), 0).await.unwrap_err();
    assert!(matches!(&late, NoPlan::Unavailable(why) if why.contains("raise max_seconds")), "{late}");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let deadline = Instant::now() + Duration::from_secs(60);
    let (money, reading) = (Budget::new(0.0), Reading::default());
    let cancelled = conductor.plan(&question(), &reading, &money, deadline, &cancel).await;
    assert_eq!(cancelled, Err(NoPlan::Cancelled));
    plan(&conductor, &question(), 60).await.expect("none of it harms the next plan");
}
