//! What only a server can do to a ledger: be away, be slow, refuse, and be found by many processes at once.

use std::net::TcpListener;

use super::super::tests::{Postgres, SERVER, on_server, run, step};
use super::*;
use crate::ledger::{Ledger, PATIENCE};
use crate::run::{StepRecord, Texts};

fn within(url: &str, patience: Duration) -> Ledger {
    Ledger::shared(url, &LedgerOptions::default(), patience).unwrap()
}

#[test]
fn a_server_that_was_away_is_used_again() {
    let mut server = Postgres::start();
    let url = server.database();
    let ledger = on_server(&url);
    ledger.record(&mut run("before", 1, None, vec![])).unwrap();
    server.stop();
    let error = format!("{:#}", ledger.record(&mut run("meanwhile", 2, None, vec![])).unwrap_err());
    let place = ledger.place();
    assert!(error.starts_with(&format!("the run was not recorded in {place}: it cannot be reached: ")), "{error}");
    let error = format!("{:#}", ledger.list(5).unwrap_err());
    assert!(error.starts_with(&format!("the ledger {place} cannot be read: it cannot be reached: ")), "{error}");
    server.again();
    ledger.record(&mut run("after", 3, None, vec![])).unwrap();
    let ids: Vec<_> = ledger.list(5).unwrap().into_iter().map(|run| run.id).collect();
    assert_eq!(ids, ["after", "before"]);
}

#[test]
fn a_server_that_goes_in_the_middle_of_a_run_leaves_nothing_half_written() {
    let mut server = Postgres::start();
    let url = server.database();
    let ledger = on_server(&url);
    let crate::ledger::Store::Server(store) = &ledger.0 else { panic!("it is a server") };
    let gone = store.writing(|on| {
        crate::ledger::write::write(on, &mut run("half", 1, None, vec![step("w", "verified")]))?;
        server.stop();
        on.change("DELETE FROM texts", &[])
    });
    assert!(gone.is_err());
    server.again();
    assert_eq!((ledger.count().unwrap(), ledger.stats(0).unwrap().workers.len()), (0, 0));
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let ledger = within(&format!("postgres://u:secret@{address}/runs"), Duration::from_millis(200));
    let started = Instant::now();
    let error = format!("{:#}", ledger.count().unwrap_err());
    assert_eq!(
        error,
        format!("the ledger runs on PostgreSQL at {address} cannot be read: it did not answer within 0.2 s")
    );
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn a_call_that_another_holds_up_is_not_waited_for() {
    let url = SERVER.database();
    let ledger = within(&url, Duration::from_millis(500));
    ledger.count().unwrap();
    let other = on_server(&url);
    let crate::ledger::Store::Server(holder) = &other.0 else { panic!("it is a server") };
    let mut session = holder.session().unwrap();
    session.batch("BEGIN; LOCK TABLE runs").unwrap();
    let error = format!("{:#}", ledger.record(&mut run("a", 1, None, vec![])).unwrap_err());
    assert!(error.contains("it did not answer within 0.5 s") || error.contains("it took too long"), "{error}");
    session.batch("COMMIT").unwrap();
    ledger.record(&mut run("a", 1, None, vec![])).unwrap();
    assert_eq!(other.count().unwrap(), 1, "and what was given up is not done later");
}

#[tokio::test]
async fn a_thread_that_must_not_wait_may_ask() {
    let ledger = on_server(&SERVER.database());
    ledger.record(&mut run("a", 1, None, vec![])).unwrap();
    assert_eq!(ledger.count().unwrap(), 1);
}

#[test]
fn a_password_is_found_and_never_said() {
    let database = SERVER.database();
    let role = "CREATE ROLE guarded LOGIN PASSWORD 's3cr/t'; GRANT CREATE, USAGE ON SCHEMA public TO guarded";
    SERVER.sql(&database, role);
    let name = database.rsplit('/').next().unwrap();
    let open = |user: &str, options: &LedgerOptions| {
        let ledger = Ledger::shared(&SERVER.address(user, name), options, PATIENCE);
        ledger.and_then(|ledger| ledger.count()).map_err(|error| format!("{error:#}"))
    };
    let none = LedgerOptions::default();
    assert_eq!(open("guarded:s3cr%2Ft", &none), Ok(0));
    let error = open("guarded:wr0ng", &none).unwrap_err();
    assert!(error.contains("it refuses the user or the password: ") && !error.contains("wr0ng"), "{error}");
    let named = |name: &str| LedgerOptions { password_env: Some(name.into()), ..LedgerOptions::default() };
    let error = open("guarded", &named("NO_SUCH_PASSWORD")).unwrap_err();
    assert!(
        error.ends_with("the variable NO_SUCH_PASSWORD that should hold the ledger's password is not set"),
        "{error}"
    );
    // A variable that every process has, and that is not this password.
    let error = open("guarded:s3cr%2Ft", &named("PATH")).unwrap_err();
    assert!(error.contains("it refuses the user or the password: "), "the variable goes before the address: {error}");
    assert!(!error.contains(&std::env::var("PATH").unwrap()), "{error}");
}

#[test]
fn what_is_wrong_with_a_server_is_a_sentence() {
    let said = |url: &str| format!("{:#}", on_server(url).count().unwrap_err());
    let error = said(&SERVER.address("baton", "nowhere"));
    assert!(error.ends_with("database \"nowhere\" does not exist; make it with `createdb`"), "{error}");
    let database = SERVER.database();
    SERVER.sql(&database, "CREATE ROLE visitor LOGIN");
    let error = said(&SERVER.address("visitor", database.rsplit('/').next().unwrap()));
    assert!(error.contains("permission denied for schema public; its tables are for a user"), "{error}");
    let error =
        format!("{:#}", Ledger::shared("postgres://u:secret@h:x/db", &LedgerOptions::default(), PATIENCE).unwrap_err());
    assert!(error.contains("`ledger.url` cannot be used: invalid port number") && !error.contains("secret"), "{error}");
}

#[test]
fn a_character_that_a_server_has_no_text_with_costs_only_itself() {
    let ledger = on_server(&SERVER.database());
    let texts = Texts { prompt: "a\0b".into(), reply: "\0".into() };
    let kept = StepRecord { texts: Some(texts), ..step("w", "error: \0") };
    ledger.record(&mut run("a", 1, Some([1.0, 0.0]), vec![kept.clone()])).unwrap();
    let read = Texts { prompt: "a\u{fffd}b".into(), reply: "\u{fffd}".into() };
    assert_eq!(ledger.texts("a").unwrap(), [(1, read)]);
    assert_eq!(ledger.get("a").unwrap().unwrap().steps[0].status, kept.status, "JSON has a way to write it");
    assert_eq!(ledger.history("m.gguf", 0).unwrap(), [], "nobody was judged, and the others are read all the same");
}
