//! Clients that we did not write, against the real binary with a scripted worker behind it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use axum::response::Html;
use axum::routing::{get, post};

use baton_tests::openai::{Act, OpenAi};
use baton_tests::{Endpoint, Project};

/// Something that `tests/setup.sh` puts into `.tools`.
fn tool(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools").join(path)
}

fn say(text: &str) -> Act {
    Act::Say(text.into())
}

fn call() -> Act {
    Act::Tool("add".into(), "{\"a\": 1}".into())
}

/// What the client printed; it must end well.
fn told(client: &mut Command, endpoint: &Endpoint) -> String {
    client.env("BASE_URL", format!("http://{}/v1", endpoint.address)).env("TOKEN", &endpoint.token);
    let output = client.output().expect("tests/setup.sh installed it");
    let (said, problems) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{problems}");
    said.into_owned()
}

fn endpoint(server: &OpenAi) -> (Project, Endpoint) {
    let project = Project::new(&[]);
    project.configure(&server.worker("only", "concurrency = 1"));
    let endpoint = Endpoint::start(&project);
    (project, endpoint)
}

#[test]
fn openais_own_python_package() {
    let chat = vec![say("It is me."), say("It is me."), say("It is me."), call(), say("three"), call()];
    let responses = [say("It is me."), say("It is me."), call(), say("three")];
    let shapes = [say("It is me."), say("It is me."), say("It is me."), call()];
    let ends = [Act::TooLong, Act::Hang, Act::Stall("and then".into()), say("all closed")];
    let server = OpenAi::start(chat.into_iter().chain(responses).chain(shapes).chain(ends));
    let (_project, endpoint) = endpoint(&server);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/sdk.py");
    insta::assert_snapshot!(told(Command::new(tool("clients/bin/python")).arg(script), &endpoint));
    assert_eq!(server.left(), 0);
}

#[test]
fn openais_own_package_for_node() {
    let acts = [say("It is me."), say("It is me."), call(), say("three"), say("It is me."), say("It is me.")];
    let ends = [Act::Hang, Act::Stall("and then".into()), say("all closed")];
    let server = OpenAi::start(acts.into_iter().chain(ends));
    let (_project, endpoint) = endpoint(&server);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/sdk.mjs");
    let modules = tool("node/node_modules");
    insta::assert_snapshot!(told(Command::new("node").env("NODE_MODULES", modules).arg(script), &endpoint));
    assert_eq!(server.left(), 0);
}

#[test]
fn litellms_router() {
    let server = OpenAi::start([say("It is me."), say("It is me."), Act::TooLong]);
    let (project, endpoint) = endpoint(&server);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/router.py");
    let mut router = Command::new(tool("aider/bin/python"));
    // Else it asks the network what models cost.
    project.at_home(&mut router).env("LITELLM_LOCAL_MODEL_COST_MAP", "True").arg(script);
    insta::assert_snapshot!(told(&mut router, &endpoint));
    assert_eq!(server.left(), 0);
}

#[test]
fn aider_edits_a_file() {
    let server =
        OpenAi::start([say("It greets now.\n\ngreet.py\n```\ndef greet(name):\n    return f\"Hello, {name}\"\n```\n")]);
    let (project, endpoint) = endpoint(&server);
    project.write("greet.py", "def greet(name):\n    return name\n");
    let mut aider = Command::new(tool("aider/bin/aider"));
    let model = ["--model", "openai/baton-mini", "--edit-format", "whole", "--message", "greet them"];
    let quiet = [
        "--no-git",
        "--yes-always",
        "--no-check-update",
        "--no-show-model-warnings",
        "--analytics-disable",
        "--no-pretty",
    ];
    project.at_home(aider.env("HOME", project.home())).args(model).args(quiet).arg("greet.py");
    aider.env("OPENAI_API_BASE", format!("http://{}/v1", endpoint.address)).env("OPENAI_API_KEY", &endpoint.token);
    aider.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    let said = told(&mut aider, &endpoint);
    assert_eq!(project.read("greet.py"), "def greet(name):\n    return f\"Hello, {name}\"\n", "{said}");
    assert_eq!(server.left(), 0);
}

/// A page at a name of its own that was made to point here, in a real browser, with every way that it has to ask.
#[test]
fn a_page_that_points_its_name_here_gets_nowhere() {
    let server = OpenAi::start([]);
    let (project, endpoint) = endpoint(&server);
    let (sender, tried) = mpsc::channel();
    let report = move |lines: String| async move { drop(sender.send(lines)) };
    let page = include_str!("../clients/rebinding.html");
    let app = axum::Router::new().route("/", get(async move || Html(page))).route("/tried", post(report));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let own = listener.local_addr().expect("an address").port();
    runtime.spawn(async move { axum::serve(listener, app).await });
    let port = endpoint.address.rsplit_once(':').expect("a port").1.to_owned();
    let mut browser = Command::new("chromium");
    project.at_home(&mut browser).args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    browser.arg(format!("--user-data-dir={}", project.home().join("browser").display()));
    browser.arg("--host-resolver-rules=MAP rebound.example 127.0.0.1");
    browser.arg(format!("http://rebound.example:{own}/?port={port}&token={}", endpoint.token));
    let mut browser = browser.spawn().expect("tests/setup.sh installed it");
    let lines = tried.recv_timeout(std::time::Duration::from_secs(120));
    browser.kill().expect("it runs");
    browser.wait().expect("it ends");
    insta::assert_snapshot!(lines.expect("the page reports"));
    assert!(server.calls().is_empty(), "nobody was asked");
}
