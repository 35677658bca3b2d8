//! One ledger on a PostgreSQL server as its users meet it: several processes at once, doctor, and a server that goes away.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use baton_tests::Postgres;
use baton_tests::editor::{Editor, full};
use baton_tests::openai::{Act, OpenAi, block};
use baton_tests::project::{Printed, Project};
use serde_json::{Value, json};

const DEMO: &str = "tests/demo";
const FIXED: &str = "start <= merged[-1][1]";

/// The demo project, with a scripted model and this ledger.
fn sharing(server: &OpenAi, url: &str, more: &str) -> Project {
    let project = Project::copy_of(DEMO);
    project.configure(&format!("[ledger]\nurl = {url:?}\n{more}\n{}", server.worker("scripted", "usd_in = 1.0")));
    project
}

fn started(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(&[arguments, &["--trust", "--json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn reply(run: Child) -> Value {
    serde_json::from_slice(&run.wait_with_output().unwrap().stdout).unwrap()
}

fn runs(project: &Project) -> Vec<Value> {
    serde_json::from_str(&project.baton(&["runs", "--json"]).stdout).unwrap()
}

#[test]
fn processes_at_once_write_into_one_ledger_and_each_shows_all() {
    let postgres = Postgres::start();
    let url = postgres.database();
    // No answer before both have asked: their runs end together, and both find a database without tables.
    let server = OpenAi::start(vec![Act::Meet(2, "It joins what overlaps.".into()); 2]);
    let projects = [sharing(&server, &url, "keep_texts = true"), sharing(&server, &url, "")];
    let running = projects.each_ref().map(|project| started(project, &["ask", "bookings.py", "What is it?"]));
    let ids = running.map(|run| {
        let reply = reply(run);
        assert_eq!(reply["message"], "answered by scripted", "{reply:#}");
        reply["run"].as_str().unwrap().to_owned()
    });
    for project in &projects {
        let shown = runs(project);
        assert!(shown.len() == 2 && ids.iter().all(|id| shown.iter().any(|run| run["id"] == **id)), "{shown:#?}");
        let list = project.baton(&["runs"]);
        assert!(list.code == 0 && ids.iter().all(|id| list.stdout.contains(id)), "{list:#?}");
        let stats: Value = serde_json::from_str(&project.baton(&["stats", "--days", "1", "--json"]).stdout).unwrap();
        assert_eq!((&stats["runs"], &stats["workers"][0]["others"]), (&2.into(), &2.into()), "{stats:#}");
        let state = project.home().join("state/baton/ledger.sqlite");
        assert!(!state.exists(), "there is no file beside the server");
    }
    let page = projects[1].baton(&["runs", &ids[0], "--html"]).stdout;
    assert!(page.contains("What is it?"), "what one kept the other shows: {page}");
}

#[test]
fn what_one_process_learned_another_is_told() {
    let postgres = Postgres::start();
    let url = postgres.database();
    let server = OpenAi::start([]);
    let (first, second) = (sharing(&server, &url, ""), sharing(&server, &url, ""));
    let (code, reply) = first.json(&["fix", "bookings.py"]);
    assert_eq!(code, 0, "{reply:#}");
    let (code, reply) = second.json(&["fix", "bookings.py"]);
    assert_eq!(code, 0, "{reply:#}");
    assert_eq!(runs(&first).len(), 2);
    assert_eq!(postgres.sql(&url, "SELECT count(DISTINCT run) FROM embeddings"), "2");
    assert!(reply.to_string().contains("solved 1 of 1 similar tasks"), "{reply:#}");
}

#[test]
fn a_server_that_goes_in_the_middle_of_a_run_costs_the_record_not_the_edit() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    let edit = block(
        "bookings.py",
        "        if merged and start < merged[-1][1]:",
        &format!("        if merged and {FIXED}:"),
    );
    let server = OpenAi::start([Act::Meet(2, edit)]);
    let off = "[repair]\nenabled = false\n[toolchain]\nenabled = false";
    let project = sharing(&server, &url, off);
    let run = started(&project, &["fix", "bookings.py", "--apply"]);
    server.wait_for(1);
    postgres.stop();
    // The second call, which the model waits for.
    let mut caller = TcpStream::connect(server.base_url.trim_start_matches("http://").trim_end_matches("/v1")).unwrap();
    caller.write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    caller.read_to_end(&mut Vec::new()).unwrap();
    let reply = reply(run);
    assert_eq!(reply["outcome"], "verified", "{reply:#}");
    assert!(project.read("bookings.py").contains(FIXED));
    let message = reply["message"].as_str().unwrap();
    assert!(
        message.contains("this run is not in the ledger: ") && message.contains("it cannot be reached"),
        "{message}"
    );
    postgres.again();
    assert_eq!(runs(&project), Vec::<Value>::new());
}

#[test]
fn a_server_that_cannot_be_reached_is_one_sentence_and_keeps_its_secret() {
    let server = OpenAi::start([Act::Say("It joins what overlaps.".into())]);
    // Nobody listens at this port, since it is reserved.
    let project = sharing(&server, "postgres://u:s3cret@127.0.0.1:1/runs", "");
    let (_, reply) = project.json(&["ask", "bookings.py", "What is it?"]);
    assert_eq!(reply["steps"][0]["status"], "answered", "{reply:#}");
    let place = "runs on PostgreSQL at 127.0.0.1:1";
    let lost = format!("(this run is not in the ledger: the run was not recorded in {place}: it cannot be reached: ");
    assert!(reply["message"].as_str().unwrap().contains(&lost), "{reply:#}");
    let printed: Vec<Printed> =
        [&["runs"][..], &["stats"], &["doctor"]].iter().map(|arguments| project.baton(arguments)).collect();
    for printed in &printed {
        assert_ne!(printed.code, 0, "{printed:#?}");
        let text = format!("{}{}", printed.stdout, printed.stderr);
        assert!(text.contains(&format!("the ledger {place} cannot be read: it cannot be reached: ")), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(printed[2].stdout.contains("missing ledger "), "{:#?}", printed[2]);
    assert!(!reply.to_string().contains("s3cret"), "{reply:#}");
}

#[test]
fn doctor_says_which_ledger_answers() {
    let postgres = Postgres::start();
    let project = Project::new(&[]);
    project.configure(&format!("[ledger]\nurl = {:?}", postgres.database()));
    let printed = project.baton(&["doctor"]);
    let line = printed.stdout.lines().find(|line| line.contains(" ledger ")).unwrap();
    assert!(line.starts_with("ok      ledger") && line.contains("test0 on PostgreSQL at /"), "{line}");
    assert!(line.contains(": 0 runs, counted in "), "{line}");
}

#[test]
fn a_client_is_told_what_all_have_spent() {
    let postgres = Postgres::start();
    let url = postgres.database();
    let server = OpenAi::start([Act::Say("It joins what overlaps.".into())]);
    let (asking, watching) = (sharing(&server, &url, ""), sharing(&server, &url, ""));
    let (_, reply) = asking.json(&["ask", "bookings.py", "What is it?"]);
    let mut editor = Editor::announcing(watching, "bookings.py", full(), json!({"status": true}));
    let status = editor.client.claim("baton/status");
    assert!(status["spentTodayUsd"].as_f64().unwrap() > 0.0, "{status}");
    assert_eq!(status["spentTodayUsd"], reply["usd"], "{status}");
    editor.client.shutdown();
}

#[test]
fn a_client_is_told_of_jobs_while_a_ledger_is_silent() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://u@{}/runs", silent.local_addr().unwrap());
    let project = sharing(&OpenAi::start([]), &url, "");
    let mut editor = Editor::announcing(project, "bookings.py", full(), json!({"status": true}));
    let (mut connection, _) = silent.accept().unwrap();
    let status = editor.client.claim("baton/status");
    assert_eq!(status, json!({"tier": "mini", "jobs": 0, "spentTodayUsd": 0.0}));
    // What was asked of it, and then nothing: it is still waited for, and was not given up before the client was told.
    connection.set_nonblocking(true).unwrap();
    let end = connection.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::WouldBlock);
    editor.client.shutdown();
}
