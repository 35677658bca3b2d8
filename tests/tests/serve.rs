//! `baton serve`: the real binary with scripted workers behind it, asked byte by byte.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use baton_tests::openai::{Act, OpenAi};
use baton_tests::{Endpoint, Project};
use serde_json::{Value, json};

fn say(text: &str) -> Act {
    Act::Say(text.into())
}

/// A project whose workers are these.
fn with(workers: &str) -> Project {
    let project = Project::new(&[]);
    project.configure(workers);
    project
}

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Who is there?"}]})
}

fn code(answer: &baton_tests::http::Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_question_is_answered_by_whom_the_conductor_chooses() {
    let (weak, strong) = (OpenAi::start([]), OpenAi::start([say("It is me."), say("It is me.")]));
    let project = with(
        &(weak.worker("weak", "strength = 0.1")
            + &strong.worker("strong", "strength = 0.9\nusd_in = 1.0\nusd_out = 1.0")),
    );
    let endpoint = Endpoint::start(&project);
    let answer = endpoint.chat(&hello("baton-mini"));
    let reply = answer.json();
    assert_eq!((answer.status, &reply["choices"][0]["message"]["content"]), (200, &json!("It is me.")), "{reply:#}");
    assert_eq!((&reply["object"], &reply["choices"][0]["finish_reason"]), (&json!("chat.completion"), &json!("stop")));
    assert!(reply["usage"]["baton"]["why"].as_str().is_some_and(|why| why.contains("strong is the best")), "{reply:#}");
    assert_eq!(answer.header("x-baton-worker"), Some("strong"));
    assert!(answer.header("x-baton-usd").is_some_and(|usd| usd.parse::<f64>().is_ok_and(|usd| usd > 0.0)));
    // What the client wrote goes to the worker as it is.
    let sent = &strong.calls()[0].body;
    assert_eq!(sent["messages"], json!([{"role": "user", "content": "Who is there?"}]), "{sent:#}");
    // And it is a run like every other.
    let run = answer.header("x-baton-run").expect("a run").to_owned();
    let shown = project.baton(&["runs", &run]);
    assert!(shown.code == 0 && shown.stdout.contains("strong"), "{shown:#?}");
    let streamed = endpoint
        .chat(&json!({"stream": true, "stream_options": {"include_usage": true}, "model": "baton-mini",
        "messages": [{"role": "user", "content": "Who is there?"}]}));
    assert_eq!((streamed.status, streamed.words().as_str()), (200, "It is me."), "{streamed:#?}");
    assert!(streamed.asides().contains("strong is the best") && streamed.body.ends_with("data: [DONE]\n\n"));
    let last = streamed.events().pop().expect("events");
    assert!(last["choices"] == json!([]) && last["usage"]["completion_tokens"].as_u64() > Some(0), "{last:#}");
}

#[test]
fn a_plan_of_several_steps_streams_its_last_and_counts_the_rest_apart() {
    let server = OpenAi::start([say("An answer."), say("An answer."), say("An answer."), say("An answer.")]);
    let workers = server.worker("a", "strength = 0.6\nusd_out = 1.0") + &server.worker("b", "strength = 0.5");
    let endpoint = Endpoint::start(&with(&workers));
    let answer = endpoint.chat(&hello("baton-ultra"));
    let reply = answer.json();
    assert_eq!(answer.status, 200, "{reply:#}");
    let usage = &reply["usage"];
    assert_eq!(usage["baton"]["tier"], "ultra", "{usage:#}");
    // The conductor's own plan is orchestration.
    assert!(usage["prompt_tokens_details"]["orchestration_input_tokens"].as_u64() > Some(0), "{usage:#}");
    assert!(usage["completion_tokens_details"]["orchestration_output_tokens"].as_u64() > Some(0), "{usage:#}");
}

#[test]
fn what_goes_wrong_with_a_worker_is_resolved_before_the_client_sees_it() {
    let good = || OpenAi::start([say("fine")]);
    for (act, times) in
        [(Act::Refuse(429, Some(3600)), 1), (Act::TooLong, 1), (Act::Page, 1), (Act::Refuse(500, None), 3)]
    {
        let (bad, good) = (OpenAi::start(vec![act.clone(); times]), good());
        let workers = bad.worker("bad", "strength = 0.9") + &good.worker("good", "strength = 0.2");
        let endpoint = Endpoint::start(&with(&workers));
        let streamed = endpoint.chat(&json!({"stream": true, "model": "baton-mini",
            "messages": [{"role": "user", "content": "?"}]}));
        assert_eq!((streamed.words().as_str(), bad.left()), ("fine", 0), "{act:?}: {streamed:#?}");
    }
    // A conversation that is too long for who is asked loses its oldest turns.
    let server = OpenAi::start([Act::TooLong, say("short enough")]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "")));
    let long = "word ".repeat(9_000);
    let answer = endpoint.chat(&json!({"model": "baton-mini", "messages": [
        {"role": "system", "content": "rules"}, {"role": "user", "content": long}, {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "and now?"}]}));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "short enough", "{answer:#?}");
    let sent = &server.calls()[1].body["messages"];
    assert_eq!(sent, &json!([{"role": "system", "content": "rules"}, {"role": "user", "content": "and now?"}]));
}

#[test]
fn what_nobody_can_resolve_has_a_status_that_says_whose_turn_it_is() {
    let server = OpenAi::start(vec![Act::TooLong; 8]);
    let workers = server.worker("only", "max_output = 512\nusd_out = 10.0");
    let endpoint = Endpoint::start(&with(&workers));
    assert_eq!(code(&endpoint.chat(&hello("baton-direct:only"))), (400, "context_length_exceeded".into()));
    let mut dear = hello("baton-mini");
    dear["baton"] = json!({"max_usd": 0.000_001});
    assert_eq!(code(&endpoint.chat(&dear)), (402, "budget_exceeded".into()));
    assert_eq!(code(&endpoint.chat(&hello("gpt-6"))), (404, "model_not_found".into()));
    assert_eq!(code(&endpoint.chat(&hello("baton-direct:nobody"))), (404, "model_not_found".into()));
    let silent = OpenAi::start([Act::Hang, Act::Hang]);
    let endpoint = Endpoint::start(&with(&silent.worker("only", "")));
    for model in ["baton-mini", "baton-direct:only"] {
        let mut hurried = hello(model);
        hurried["baton"] = json!({"max_seconds": 1.0});
        assert_eq!(code(&endpoint.chat(&hurried)), (504, "timeout".into()), "{model}");
    }
    let refusing = OpenAi::start([Act::Refuse(401, None)]);
    let endpoint = Endpoint::start(&with(&refusing.worker("only", "")));
    let answer = endpoint.chat(&hello("baton-direct:only"));
    assert_eq!(code(&answer), (502, "worker_failed".into()));
    assert!(answer.body.contains("refused the key"), "{answer:#?}");
}

#[test]
fn an_answer_that_breaks_off_ends_with_an_error_and_is_not_begun_anew() {
    let (bad, good) = (OpenAi::start([Act::Truncated("half an".into())]), OpenAi::start([say("another")]));
    let workers = bad.worker("bad", "strength = 0.9") + &good.worker("good", "strength = 0.2");
    let endpoint = Endpoint::start(&with(&workers));
    let streamed = endpoint.chat(&json!({"stream": true, "model": "baton-mini",
        "messages": [{"role": "user", "content": "?"}]}));
    let last = streamed.events().pop().expect("events");
    assert_eq!((streamed.words().as_str(), good.left()), ("half an", 1), "{streamed:#?}");
    assert!(last["error"]["message"].as_str().is_some_and(|why| why.contains("broke off")), "{last:#}");
    assert!(!streamed.body.contains("[DONE]"), "{streamed:#?}");
}

#[test]
fn tools_pass_through_and_a_conversation_stays_with_who_called_them() {
    let (first, second) =
        (OpenAi::start([Act::Tool("add".into(), "{\"a\": 1}".into()), say("three")]), OpenAi::start([]));
    let workers = first.worker("first", "strength = 0.6") + &second.worker("second", "strength = 0.5\ntags = ['x']");
    let endpoint = Endpoint::start(&with(&workers));
    let tools = json!([{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]);
    let mut asked = json!({"model": "baton-mini", "tools": tools, "tool_choice": "required",
        "messages": [{"role": "user", "content": "1 + 2?"}]});
    let reply = endpoint.chat(&asked).json();
    let choice = &reply["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null),
        "{reply:#}"
    );
    let call = choice["message"]["tool_calls"][0].clone();
    assert_eq!(call["function"], json!({"name": "add", "arguments": "{\"a\": 1}"}), "{reply:#}");
    let sent = &first.calls()[0].body;
    assert_eq!((&sent["tools"], &sent["tool_choice"]), (&tools, &json!("required")), "{sent:#}");
    // Whatever else would be chosen: who called the tool gets its result, under its own name for the call.
    asked["baton"] = json!({"not_workers": []});
    asked["messages"]
        .as_array_mut()
        .expect("a list")
        .extend([choice["message"].clone(), json!({"role": "tool", "tool_call_id": call["id"], "content": "3"})]);
    let reply = endpoint.chat(&asked).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "three", "{reply:#}");
    let sent = &first.calls()[1].body["messages"];
    assert_eq!((&sent[1]["tool_calls"][0]["id"], &sent[2]["tool_call_id"]), (&json!("call_7"), &json!("call_7")));
    assert!(second.calls().is_empty());
}

#[test]
fn without_a_model_it_says_where_to_name_one() {
    let answer = Endpoint::start(&with("")).chat(&hello("baton-mini"));
    assert_eq!(code(&answer), (503, "no_worker".into()));
    assert!(answer.body.contains("add a [[worker]] to ") && answer.body.contains("config.toml"), "{answer:#?}");
}

#[test]
fn what_cannot_be_honoured_is_refused_by_its_name() {
    let server = OpenAi::start([]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "")));
    let image = json!([{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]);
    for (field, value, says) in [
        ("n", json!(2), "cannot honour `n` other than 1"),
        ("logprobs", json!(true), "cannot honour `logprobs`"),
        ("temperature", json!(3), "`temperature` is a number from 0 to 2"),
        ("max_tokens", json!(0), "`max_completion_tokens` is at least 1"),
        ("stop", json!(["a", "b", "c", "d", "e"]), "`stop` is a text or a list of up to 4"),
        ("frobnicate", json!(1), "does not know the parameter `frobnicate`"),
        ("messages", json!([]), "needs a message of the user"),
        ("messages", json!([{"role": "oracle", "content": "x"}]), "`messages[0].role` is system"),
        ("messages", json!([{"role": "user", "content": image}]), "takes no images"),
        ("tool_choice", json!("required"), "`tool_choice` needs `tools`"),
        ("response_format", json!({"type": "yaml"}), "`response_format.type` is text"),
        ("reasoning_effort", json!("huge"), "`reasoning_effort` is none"),
        ("baton", json!({"tier": "maxi"}), "`baton.tier` cannot be understood"),
        ("baton", json!({"only_workers": ["nobody"]}), "there is no worker `nobody`"),
        ("baton", json!({"regions": ["eu"]}), "its region is not declared"),
    ] {
        let mut asked = hello("baton-mini");
        asked[field] = value;
        let answer = endpoint.chat(&asked);
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == 400 && message.contains(says), "{field}: {answer:#?}");
    }
    assert!(server.calls().is_empty(), "nothing was sent to anybody");
    let none = endpoint
        .send(&endpoint.request("POST", "/v1/chat/completions", &Value::Null).with("Content-Type", "application/json"));
    assert!(none.status == 400 && none.body.contains("no JSON"), "{none:#?}");
}

#[test]
fn wishes_reach_the_worker() {
    let server = OpenAi::start([say("{}"), Act::Length("cut".into())]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "")));
    let schema =
        json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": true}});
    let mut asked = hello("baton-mini");
    for (field, value) in [
        ("temperature", json!(0.5)),
        ("top_p", json!(0.9)),
        ("seed", json!(7)),
        ("stop", json!("END")),
        ("max_tokens", json!(77)),
        ("response_format", schema.clone()),
        ("presence_penalty", json!(0.25)),
        ("user", json!("u-1")),
    ] {
        asked[field] = value;
    }
    assert_eq!(endpoint.chat(&asked).status, 200);
    let sent = server.calls()[0].body.clone();
    let got = ["temperature", "top_p", "seed", "stop", "max_tokens", "response_format", "presence_penalty", "user"];
    let got: Vec<&Value> = got.iter().map(|field| &sent[*field]).collect();
    assert_eq!(
        got,
        [&json!(0.5), &json!(0.9), &json!(7), &json!(["END"]), &json!(77), &schema, &json!(0.25), &Value::Null]
    );
    let reply = endpoint.chat(&asked).json();
    let choice = &reply["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["message"]["content"]), (&json!("length"), &json!("cut")));
}

#[test]
fn only_who_brings_everything_comes_in() {
    let server = OpenAi::start(vec![say("in"); 4]);
    let endpoint =
        Endpoint::start(&with(&(server.worker("only", "") + "[serve]\norigins = ['https://chat.example.org']\n")));
    let right = endpoint.request("POST", "/v1/chat/completions", &hello("baton-direct:only"));
    let address = endpoint.address.clone();
    let local = address.replace("127.0.0.1", "localhost");
    let rebound = address.replace("127.0.0.1", "rebound.example");
    let hosts = [(address.as_str(), true), (&local, true), (&rebound, false)];
    let origins = [("", true), ("https://chat.example.org", true), ("https://evil.example", false), ("null", false)];
    let token = format!("Bearer {}", endpoint.token);
    let tokens = [(token.as_str(), true), ("Bearer wrong", false), ("", false)];
    let kinds = [("application/json", true), ("text/plain", false)];
    let (mut tried, mut came_in) = (0, 0);
    for (host, a) in hosts {
        for (origin, b) in origins {
            for (token, c) in tokens {
                for (kind, d) in kinds {
                    let mut request = right.clone().with("Host", host).with("Content-Type", kind);
                    request = if origin.is_empty() { request } else { request.with("Origin", origin) };
                    request = if token.is_empty() {
                        request.without("Authorization")
                    } else {
                        request.with("Authorization", token)
                    };
                    let answer = endpoint.send(&request);
                    assert_eq!(answer.status == 200, a && b && c && d, "{request:?}: {answer:#?}");
                    let allowed = answer.header("access-control-allow-origin");
                    assert_eq!(allowed, (origin == "https://chat.example.org").then_some(origin), "{request:?}");
                    (tried, came_in) = (tried + 1, came_in + usize::from(answer.status == 200));
                }
            }
        }
    }
    assert_eq!((tried, came_in, server.left()), (72, 4, 0));
    for (method, path, status) in [
        ("GET", "/v1/chat/completions", 405),
        ("PUT", "/v1/models", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v1/models", 200),
    ] {
        let request = endpoint.request(method, path, &Value::Null);
        assert_eq!(endpoint.send(&request).status, status, "{method} {path}");
        assert_eq!(endpoint.send(&request.without("Authorization")).status, 401, "{method} {path}");
    }
}

#[test]
fn the_models_say_what_is_behind_them() {
    let server = OpenAi::start([]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "usd_in = 2.0\nregion = 'eu'")));
    let get = |path: &str| endpoint.send(&endpoint.request("GET", path, &Value::Null)).json();
    let listed = get("/v1/models");
    let ids: Vec<&str> =
        listed["data"].as_array().expect("a list").iter().filter_map(|model| model["id"].as_str()).collect();
    let dated = ids.iter().find(|id| id.starts_with("baton-mini-")).copied().expect("a pinned name");
    assert!(
        ids.contains(&"baton-mini") && ids.contains(&"baton-ultra") && ids.contains(&"baton-direct:only"),
        "{ids:?}"
    );
    let behind = &listed["data"][0]["baton"];
    assert!(behind["heads"].as_str().is_some_and(|heads| heads.starts_with("heads of lcb")), "{behind:#}");
    assert_eq!(behind["workers"][0]["region"], "eu", "{behind:#}");
    assert_eq!(get(&format!("/v1/models/{dated}"))["id"], dated);
    assert_eq!(get("/v1/models/gpt-6")["error"]["code"], "model_not_found");
}

#[test]
fn whoever_leaves_closes_the_connection_to_the_worker() {
    let server = OpenAi::start([Act::Stall("and then".into()), Act::Hang]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "concurrency = 1")));
    let mut streamed = hello("baton-direct:only");
    streamed["stream"] = json!(true);
    let request = endpoint.request("POST", "/v1/chat/completions", &streamed);
    let mut reader = BufReader::new(endpoint.open(&request));
    let mut line = String::new();
    while !line.contains("and t") {
        line.clear();
        assert!(reader.read_line(&mut line).expect("a line") > 0);
    }
    drop(reader);
    // Only one call at a time: the next begins once the one before is closed.
    let waiting = endpoint.open(&endpoint.request("POST", "/v1/chat/completions", &hello("baton-direct:only")));
    server.wait_for(2);
    drop(waiting);
}

#[test]
fn it_finishes_what_it_writes_and_takes_no_more() {
    let server = OpenAi::start([Act::Meet(2, "the whole answer".into()), say("the other")]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "")));
    let address = endpoint.address.clone();
    let mut streamed = hello("baton-direct:only");
    streamed["stream"] = json!(true);
    let mut first = endpoint.open(&endpoint.request("POST", "/v1/chat/completions", &streamed));
    server.wait_for(1);
    let mut second = endpoint.open(&endpoint.request("POST", "/v1/chat/completions", &streamed));
    server.wait_for(2);
    let ended = endpoint.stop();
    let read = |stream: &mut std::net::TcpStream| {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it is written to its end");
        text
    };
    let (first, second) = (read(&mut first), read(&mut second));
    assert!(first.contains("[DONE]") && second.contains("[DONE]") && ended.success(), "{first}\n{second}\n{ended:?}");
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn it_is_closed_to_other_machines_unless_it_is_told_their_name_for_it() {
    let project = with("");
    let printed = project.baton(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(printed.code == 2 && printed.stderr.contains("name in serve.hosts"), "{printed:#?}");
    let mut first = project.command(&["serve", "--listen", "127.0.0.1:0"]);
    let mut first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary is built");
    let mut lines = BufReader::new(first.stderr.take().expect("it is piped")).lines();
    let said: Vec<String> = lines.by_ref().take(4).map(|line| line.expect("a line")).collect();
    let token = std::fs::read_to_string(project.home().join("state/baton/serve-token")).expect("a token");
    assert!(
        said[1].contains("no model to ask yet") && said[2].contains("shown only now") && said[3] == token.trim(),
        "{said:?}"
    );
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    let again = Endpoint::start(&project);
    assert_eq!(again.token, token.trim());
}

#[test]
fn what_is_too_large_is_refused() {
    let server = OpenAi::start([]);
    let endpoint = Endpoint::start(&with(&(server.worker("only", "") + "[serve]\nmax_body_mb = 0.001\n")));
    let mut large = hello("baton-mini");
    large["messages"][0]["content"] = "x".repeat(2000).into();
    let answer = endpoint.chat(&large);
    assert!(answer.status == 413 && answer.body.contains("cannot be read"), "{answer:#?}");
    let get = endpoint.request("GET", "/v1/models", &Value::Null);
    let many = (0..80).fold(get, |request, number| request.with(&format!("X-{number}"), "x"));
    assert_eq!(endpoint.send(&many).status, 431);
}

#[test]
fn images_go_to_who_takes_them() {
    let (blind, seeing) = (OpenAi::start([]), OpenAi::start([say("a cat")]));
    let workers = blind.worker("blind", "strength = 0.9") + &seeing.worker("seeing", "strength = 0.2\nimages = true");
    let endpoint = Endpoint::start(&with(&workers));
    let parts = json!([{"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]);
    let answer = endpoint.chat(&json!({"model": "baton-mini", "messages": [{"role": "user", "content": parts}]}));
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "a cat", "{answer:#?}");
    assert_eq!(seeing.calls()[0].body["messages"][0]["content"], parts);
    assert!(blind.calls().is_empty());
}

#[test]
fn a_request_can_say_where_its_words_may_go_and_how_it_is_planned() {
    let (here, there) = (OpenAi::start(vec![say("from here"); 2]), OpenAi::start([say("from there")]));
    let workers = here.worker("here", "strength = 0.2\nregion = 'eu'\nkeeps_data = false")
        + &there.worker("there", "strength = 0.9\nregion = 'us'");
    let endpoint = Endpoint::start(&with(&workers));
    let mut asked = hello("baton-mini");
    asked["baton"] = json!({"regions": ["eu"], "allow_keeping": false});
    let reply = endpoint.chat(&asked).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "from here", "{reply:#}");
    asked["baton"] = json!({"not_workers": ["here"]});
    let reply = endpoint.chat(&asked).json();
    assert_eq!(reply["choices"][0]["message"]["content"], "from there", "{reply:#}");
    asked["baton"] = json!({"only_workers": ["here"]});
    asked["reasoning_effort"] = "high".into();
    let reply = endpoint.chat(&asked).json();
    assert_eq!(reply["usage"]["baton"]["tier"], "ultra", "{reply:#}");
}

#[test]
fn what_was_used_is_counted_for_who_watches() {
    let server = OpenAi::start([say("counted"), Act::Refuse(401, None)]);
    let endpoint = Endpoint::start(&with(&server.worker("only", "usd_in = 1000.0")));
    endpoint.chat(&hello("baton-direct:only"));
    endpoint.chat(&hello("baton-direct:only"));
    endpoint.chat(&hello("no-such-model-of-somebody"));
    let text = endpoint.send(&endpoint.request("GET", "/metrics", &Value::Null)).body;
    let of = |begin: &str| {
        text.lines().find(|line| line.starts_with(begin)).map(|line| line.rsplit(' ').next().unwrap_or_default())
    };
    let path = "path=\"/v1/chat/completions\"";
    let only = format!("baton_requests_total{{{path},model=\"baton-direct:only\",status=");
    assert_eq!((of(&format!("{only}\"200\"")), of(&format!("{only}\"502\""))), (Some("1"), Some("1")), "{text}");
    assert!(of("baton_tokens_total{worker=\"only\",direction=\"read\"").is_some_and(|tokens| tokens != "0"), "{text}");
    assert!(
        of("baton_usd_total{worker=\"only\"}").is_some_and(|usd| usd.parse::<f64>().is_ok_and(|usd| usd > 0.0)),
        "{text}"
    );
    assert!(text.ends_with("# EOF\n") && !text.contains("somebody") && !text.contains("counted"), "{text}");
}
