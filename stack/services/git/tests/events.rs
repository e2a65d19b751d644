//! Every push becomes an event, whatever fails in between; pull requests follow their branches.

mod common;

use std::fs;
use std::io::Write;
use std::net::TcpStream;

use common::*;
use serde_json::json;

#[test]
fn a_push_writes_what_the_forge_itself_would_write() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    let before: std::time::SystemTime = service.forge.query("SELECT updated_at FROM repository", &[])[0].get(0);
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let rows = service.forge.query(
        "SELECT kind, priority, repository_id, subject_id, owner, name, previous, updates FROM search_outbox ORDER BY id",
        &[],
    );
    let kinds: Vec<String> = rows.iter().map(|row| row.get("kind")).collect();
    assert_eq!(kinds, ["repository_created", "push"]);
    let push = &rows[1];
    assert_eq!((push.get::<_, i16>("priority"), push.get::<_, Option<i64>>("subject_id")), (1, None));
    assert_eq!((push.get::<_, String>("owner"), push.get::<_, String>("name")), ("ada".into(), "one".into()));
    let updates: serde_json::Value = push.get("updates");
    assert_eq!(updates, json!([{"ref": "refs/heads/main", "old": null, "new": tip(&dir, "HEAD")}]));
    let after: std::time::SystemTime = service.forge.query("SELECT updated_at FROM repository", &[])[0].get(0);
    assert!(after > before);
    let summary = service.ask("GET", "/internal/repositories/ada/one", None).json();
    assert_eq!(summary["data"]["digest"], service.forge.digest("one").unwrap());
    assert_eq!(service.metric("git_spool_entries"), 0.0);
}

#[test]
fn a_push_that_is_refused_by_git_is_no_event() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let said = fails(service.git(&dir).args(["push", "origin", "main:refs/pull/1/head"]));
    assert!(said.contains("hidden ref"), "{said}");
    ok(git(&dir).args(["commit", "--quiet", "--amend", "-m", "other"]));
    fails(service.git(&dir).args(["push", "origin", "main"]));
    assert_eq!(service.forge.events("push").len(), 1);
}

#[test]
fn a_push_during_an_outage_of_the_database_is_announced_once_when_it_is_over() {
    let mut service = service_with(&[("GIT_ANNOUNCE_SECONDS", "1")]);
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    service.forge.outage();
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let first = tip(&dir, "HEAD");
    commit(&dir, "more", "x");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/one"), "copy"]));
    let ready = service.request("GET", "/readyz", &[], b"");
    assert_eq!((ready.status, ready.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(ready.json()["checks"]["database"], "failed");
    assert_eq!(service.request("GET", "/healthz", &[], b"").status, 200);
    assert_eq!(service.metric("git_spool_entries"), 2.0);
    let ask = service.ask("POST", "/internal/repositories", Some(json!({"owner": "ada", "name": "two"})));
    assert_eq!((ask.status, ask.code().as_str()), (503, "UNAVAILABLE"));
    // Neither does it get lost when the service itself goes down in between.
    service.signal("KILL");
    service.ended();
    service.start_again();
    assert_eq!(service.metric("git_spool_entries"), 2.0);
    service.forge.end_outage();
    eventually("both are announced", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    let events = service.forge.events("push");
    assert_eq!(events.len(), 2);
    assert_eq!(events[0], json!([{"ref": "refs/heads/main", "old": null, "new": first}]));
    assert_eq!(events[1][0]["new"], tip(&dir, "HEAD"));
    let summary = service.ask("GET", "/internal/repositories/ada/one", None).json();
    assert_eq!(summary["data"]["digest"], service.forge.digest("one").unwrap());
    eventually("it is ready again", || (service.request("GET", "/readyz", &[], b"").status == 200).then_some(()));
}

#[test]
fn a_push_that_waits_is_announced_before_its_repository_is_renamed() {
    let service = service_with(&[("GIT_ANNOUNCE_SECONDS", "1")]);
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    service.forge.outage();
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    service.forge.end_outage();
    let renamed = service.ask("POST", "/internal/repositories/ada/one/rename", Some(json!({"name": "two"})));
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let kinds = service.forge.query("SELECT kind, name FROM search_outbox ORDER BY id", &[]);
    let kinds: Vec<(String, String)> = kinds.iter().map(|row| (row.get(0), row.get(1))).collect();
    let position = |kind: &str| kinds.iter().position(|(found, _)| found == kind);
    assert!(position("push").is_some_and(|push| push < position("renamed").unwrap()), "{kinds:?}");
    eventually("nothing waits", || (service.metric("git_spool_entries") == 0.0).then_some(()));
}

/// The refs have moved, and nobody lived to say which: the hook's file is not there.
#[test]
fn a_push_whose_service_was_killed_is_found_at_the_next_start() {
    let mut service = service();
    service.create("ada", "one");
    service.create("ada", "two");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let digest = service.forge.digest("one").unwrap();
    service.signal("KILL");
    service.ended();
    let commit = commit(&dir, "more", "x");
    ok(git(&dir).args(["push", "--quiet", service.bare("ada/one").to_str().unwrap(), "main"]));
    let spool = service.root.join(".engineroom/spool");
    let entry = |name: &str, before: &str| {
        let entry = json!({"owner": "ada", "folder": name, "before": before, "request_id": "r"});
        fs::write(spool.join(format!("0{name}.push")), entry.to_string()).unwrap();
    };
    entry("one.git", &digest);
    entry("two.git", &service.forge.digest("two").unwrap());
    entry("gone.git", &digest);
    service.start_again();
    eventually("all are settled", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    let events = service.forge.events("push");
    assert_eq!(events.len(), 2, "one for what moved, none for what did not");
    let ask = service.ask("GET", "/internal/repositories/ada/one", None).json();
    assert_eq!(ask["data"]["head"], commit);
    assert_eq!(ask["data"]["digest"], service.forge.digest("one").unwrap());
}

#[test]
fn the_head_of_an_open_pull_request_follows_its_branch() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main", "main:topic", "main:other"]));
    let number = service.forge.open_pull("one", "topic", &tip(&dir, "HEAD"), "main");
    let answer = service.ask("POST", "/internal/repositories/ada/one/sync", None);
    assert_eq!(answer.json()["data"]["announced"], true, "{answer:?}");
    let again = service.ask("POST", "/internal/repositories/ada/one/sync", None);
    assert_eq!(again.json()["data"]["announced"], false, "there is nothing new to tell");
    let name = format!("refs/pull/{number}/head");
    let bare = service.bare("ada/one");
    assert_eq!(tip(&bare, &name), tip(&dir, "HEAD"));
    let old = tip(&dir, "HEAD");
    let new = commit(&dir, "more", "x");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main:topic"]));
    assert_eq!(tip(&bare, &name), new);
    let last = service.forge.events("push").pop().unwrap();
    let expected = json!([{"ref": "refs/heads/topic", "old": old, "new": new}, {"ref": name, "old": old, "new": new}]);
    assert_eq!(last, expected);
    let row: String = service.forge.query("SELECT head_commit FROM pull_request", &[])[0].get(0);
    assert_eq!(row, new);
    assert_eq!(service.forge.events("pull_request").len(), 1);
    // Everybody may fetch it; a deleted branch leaves it where it was; a closed one stays.
    ok(service.git(&dir).args(["fetch", "--quiet", "origin", &name]));
    ok(service.git(&dir).args(["push", "--quiet", "origin", ":topic"]));
    assert_eq!(tip(&bare, &name), new);
    service.forge.execute("UPDATE issue SET state = 'closed', closed_at = now()");
    commit(&dir, "yet", "more");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main:topic"]));
    assert_eq!(tip(&bare, &name), new);
    let summary = service.ask("GET", "/internal/repositories/ada/one", None).json();
    assert_eq!(summary["data"]["digest"], service.forge.digest("one").unwrap());
}

#[test]
fn a_wiki_begins_with_its_first_push_and_has_events_of_its_own() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one.wiki");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    assert!(service.bare("ada/one.wiki").join("HEAD").exists());
    assert_eq!(service.forge.events("wiki").len(), 1);
    assert!(service.forge.events("push").is_empty());
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/one.wiki"), "copy"]));
    let other = service.checkout("b", "ada/none.wiki");
    fails(service.git(&other).args(["push", "--quiet", "origin", "main"]));
    assert!(!service.bare("ada/none.wiki").exists());
}

#[test]
fn a_push_in_flight_is_finished_before_the_service_ends() {
    let mut service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    let commit = tip(&dir, "HEAD");
    let mut pack = std::process::Command::new("git");
    pack.current_dir(&dir).args(["pack-objects", "--all", "--stdout", "-q"]).stdin(std::process::Stdio::null());
    let pack = pack.output().unwrap().stdout;
    let mut body = pkt(&format!("{} {commit} refs/heads/main\0 report-status agent=test\n", "0".repeat(40)));
    body.extend_from_slice(b"0000");
    body.extend_from_slice(&pack);
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    let mut stream = TcpStream::connect(service.address).unwrap();
    let (first, rest) = body.split_at(body.len() - 10);
    stream.write_all(&head("POST", "/ada/one.git/git-receive-pack", &headers, body.len(), first)).unwrap();
    eventually("git runs", || (service.metric("git_processes") == 1.0).then_some(()));
    service.signal("TERM");
    eventually("it takes no more", || TcpStream::connect(service.address).is_err().then_some(()));
    stream.write_all(rest).unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("ok refs/heads/main"), "{answer:?}");
    assert_eq!(service.ended(), Some(0));
    assert_eq!(service.forge.events("push").len(), 1);
}

#[test]
fn a_push_that_outlives_the_grace_changes_nothing() {
    let mut service = service_with(&[("GIT_GRACE_SECONDS", "0.5")]);
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(&head("POST", "/ada/one.git/git-receive-pack", &headers, 1000, b"00")).unwrap();
    eventually("git runs", || (service.metric("git_processes") == 1.0).then_some(()));
    service.signal("TERM");
    let answer = read_answer(&mut stream);
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(service.ended(), Some(0));
    assert!(service.forge.events("push").is_empty());
}

#[test]
fn two_services_never_share_a_folder() {
    let service = service();
    let other = std::process::Command::new(env!("CARGO_BIN_EXE_engineroom-git"))
        .env("GIT_PORT", "0")
        .env("GIT_DATA_PATH", &service.root)
        .env("DATABASE_URL", &service.forge.url)
        .env("GIT_TOKEN", TOKEN)
        .env("GIT_LOCK_SECONDS", "0.2")
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&other.stderr).contains("Another git service"));
}
