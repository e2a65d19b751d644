//! The internal interface, bad input, health and metrics.

mod common;

use std::fs;

use common::*;
use serde_json::{json, Value};

const ONE: &str = "/internal/repositories/ada/one";

#[test]
fn a_repository_comes_and_goes_with_its_row() {
    let service = service();
    let make = |body: Value| service.ask("POST", "/internal/repositories", Some(body));
    let made = make(json!({"owner": "ADA", "name": "one", "default_branch": "trunk", "private": true}));
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["data"]["owner"], "ada");
    assert_eq!(ok(git(&service.bare("ada/one")).args(["symbolic-ref", "HEAD"])), "refs/heads/trunk");
    let again = make(json!({"owner": "ada", "name": "ONE"}));
    assert_eq!((again.status, again.code().as_str()), (409, "CONFLICT"));
    let nobody = make(json!({"owner": "eve", "name": "one"}));
    assert_eq!((nobody.status, nobody.code().as_str()), (404, "NOT_FOUND"));
    assert!(!service.root.join("eve").exists());
    let renamed = service.ask("POST", &format!("{ONE}/rename"), Some(json!({"name": "two", "owner": "bob"})));
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert!(service.bare("bob/two").exists() && !service.bare("ada/one").exists());
    assert_eq!(service.ask("DELETE", "/internal/repositories/bob/two", None).status, 204);
    assert!(!service.bare("bob/two").exists());
    assert_eq!(service.ask("GET", "/internal/repositories/bob/two", None).status, 404);
    let kinds = service.forge.query("SELECT kind, priority, previous FROM search_outbox ORDER BY id", &[]);
    let kinds: Vec<(String, i16, String)> = kinds.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let expected = [("repository_created", 1, ""), ("transferred", 0, "ada/one"), ("deleted", 0, "")];
    assert_eq!(kinds, expected.map(|(kind, priority, previous)| (kind.to_owned(), priority, previous.to_owned())));
    assert_eq!(make(json!({"owner": "ada", "name": "one"})).status, 201, "the name is free again");
    let left = fs::read_dir(service.root.join("ada")).unwrap().flatten().count();
    assert_eq!(left, 1, "nothing half made is left");
}

#[test]
fn a_folder_that_a_crash_left_is_set_aside_not_lost_and_in_nobodys_way() {
    let service = service();
    let orphan = service.bare("ada/one");
    fs::create_dir_all(&orphan).unwrap();
    fs::write(orphan.join("precious"), "x").unwrap();
    service.create("ada", "one");
    assert!(orphan.join("HEAD").exists() && !orphan.join("precious").exists());
    let kept = fs::read_dir(service.root.join("ada")).unwrap().flatten();
    assert_eq!(kept.filter(|file| file.path().join("precious").exists()).count(), 1);
}

#[test]
fn a_rename_to_a_taken_name_moves_nothing() {
    let service = service();
    service.create("ada", "one");
    service.create("ada", "two");
    let answer = service.ask("POST", &format!("{ONE}/rename"), Some(json!({"name": "two"})));
    assert_eq!((answer.status, answer.code().as_str()), (409, "CONFLICT"));
    assert!(service.bare("ada/one").exists() && service.bare("ada/two").exists());
}

/// A service with `ada/one`: two commits on `main`, `topic` one commit ahead of the first.
fn with_history() -> (Service, std::path::PathBuf) {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    fs::create_dir(dir.join("src")).unwrap();
    ok(git(&dir).args(["checkout", "--quiet", "-b", "topic"]));
    commit(&dir, "src/ünï code.rs", "fn main() {}\n");
    ok(git(&dir).args(["checkout", "--quiet", "main"]));
    commit(&dir, "base.txt", "base\n");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main", "topic"]));
    (service, dir)
}

#[test]
fn what_is_in_a_repository_can_be_read() {
    let (service, dir) = with_history();
    let data = |path: &str| {
        let answer = service.ask("GET", &format!("{ONE}{path}"), None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let refs = data("/refs?prefix=refs/heads/&limit=1");
    assert_eq!(
        (&refs["data"][0]["name"], &refs["meta"]["next"]),
        (&json!("refs/heads/main"), &json!("refs/heads/main"))
    );
    let rest = data("/refs?prefix=refs/heads/&after=refs/heads/main");
    assert_eq!(rest["data"], json!([{"name": "refs/heads/topic", "id": tip(&dir, "topic")}]));
    let commits = data("/commits?per_page=1");
    assert_eq!((&commits["data"][0]["id"], &commits["meta"]["more"]), (&json!(tip(&dir, "main")), &json!(true)));
    assert_eq!(commits["data"][0]["author"]["name"], "Ada");
    assert_eq!(data("/commits?per_page=1&page=2")["data"][0]["id"], tip(&dir, "main~1"));
    assert_eq!(data("/commits?ref=topic&path=src")["data"].as_array().unwrap().len(), 1);
    let tree = data("/tree?ref=topic");
    let kinds: Vec<_> =
        tree["data"].as_array().unwrap().iter().map(|e| (e["name"].clone(), e["type"].clone())).collect();
    assert_eq!(kinds, [(json!("README.md"), json!("blob")), (json!("src"), json!("tree"))]);
    assert_eq!(data("/tree?ref=topic&path=src")["data"][0]["name"], "ünï code.rs");
    let blob = service.ask("GET", &format!("{ONE}/blob?ref=topic&path=src/%C3%BCn%C3%AF%20code.rs"), None);
    assert_eq!((blob.status, blob.body.as_slice()), (200, &b"fn main() {}\n"[..]));
    assert_eq!(blob.headers["content-length"], "13");
    let compared = data("/compare?base=main&head=topic");
    let compared = &compared["data"];
    assert_eq!(
        (&compared["ahead"], &compared["behind"], &compared["fast_forward"]),
        (&json!(1), &json!(1), &json!(false))
    );
    assert_eq!(compared["merge_base"], tip(&dir, "main~1"));
    assert_eq!(
        (&compared["files"][0]["path"], &compared["files"][0]["status"]),
        (&json!("src/ünï code.rs"), &json!("A"))
    );
    for (path, status) in [
        ("/tree?ref=none", 404),
        ("/tree?path=none", 404),
        ("/tree?path=README.md", 400),
        ("/tree?path=../..", 400),
        ("/blob?path=none", 404),
        ("/blob", 400),
        ("/blob?id=zz", 400),
        ("/commits?ref=--all", 400),
        ("/commits?ref=main..topic", 400),
        ("/commits?page=x", 400),
        ("/compare?base=main", 400),
    ] {
        let answer = service.ask("GET", &format!("{ONE}{path}"), None);
        assert_eq!(answer.status, status, "{path}");
        answer.code();
    }
}

#[test]
fn a_file_over_the_limit_is_told_not_sent() {
    let service = service_with(&[("GIT_MAX_BLOB_BYTES", "3")]);
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let answer = service.ask("GET", &format!("{ONE}/blob?path=README.md"), None);
    assert_eq!((answer.status, answer.code().as_str()), (413, "TOO_LARGE"));
    assert_eq!(answer.json()["error"]["details"], json!({"size": 6, "limit": 3}));
}

#[test]
fn an_empty_repository_has_no_commits_and_that_is_no_error() {
    let service = service();
    service.create("ada", "one");
    assert_eq!(service.ask("GET", &format!("{ONE}/commits"), None).json()["data"], json!([]));
    assert_eq!(service.ask("GET", &format!("{ONE}/tree"), None).json()["data"], json!([]));
    assert_eq!(service.ask("GET", ONE, None).json()["data"]["empty"], true);
}

fn merge(service: &Service, number: i32, extra: &Value) -> Answer {
    let mut body = json!({"by": "bob", "author": {"name": "Bob", "email": "bob@example.org"}});
    body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    service.ask("POST", &format!("{ONE}/pulls/{number}/merge"), Some(body))
}

#[test]
fn a_pull_request_is_merged_in_git_and_in_its_row() {
    let (service, dir) = with_history();
    let (base, head) = (tip(&dir, "main"), tip(&dir, "topic"));
    let number = service.forge.open_pull("one", "topic", &head, "main");
    let moved = merge(&service, number, &json!({"expected_head": "e".repeat(40)}));
    assert_eq!((moved.status, moved.code().as_str()), (409, "HEAD_MOVED"));
    let diverged = merge(&service, number, &json!({"strategy": "fast-forward"}));
    assert_eq!((diverged.status, diverged.code().as_str()), (409, "NOT_FAST_FORWARD"));
    let answer = merge(&service, number, &json!({"expected_head": head}));
    assert_eq!(answer.status, 200, "{answer:?}");
    let made = answer.json()["data"]["merge_commit"].as_str().unwrap().to_owned();
    let bare = service.bare("ada/one");
    assert_eq!(tip(&bare, "main"), made);
    assert_eq!(ok(git(&bare).args(["rev-list", "--parents", "-1", &made])), format!("{made} {base} {head}"));
    assert_eq!(ok(git(&bare).args(["log", "-1", "--format=%an %ce", &made])), "Bob bob@example.org");
    let row = &service.forge.query(
        "SELECT merge_commit, merged_by, state, head_commit FROM pull_request p JOIN issue i ON i.id = p.issue_id",
        &[],
    )[0];
    assert_eq!((row.get::<_, String>(0), row.get::<_, i64>(1)), (made.clone(), 2));
    assert_eq!((row.get::<_, String>(2), row.get::<_, String>(3)), ("closed".to_owned(), head.clone()));
    let last = service.forge.events("push").pop().unwrap();
    let update = json!({"ref": "refs/heads/main", "old": base, "new": made});
    assert!(last.as_array().unwrap().contains(&update), "{last}");
    let summary = service.ask("GET", ONE, None).json();
    assert_eq!(summary["data"]["digest"], service.forge.digest("one").unwrap());
    let again = merge(&service, number, &json!({}));
    assert_eq!((again.status, again.code().as_str()), (409, "ALREADY_MERGED"));
    eventually("the spool is empty", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    ok(git(&bare).args(["fsck", "--strict"]));
}

#[test]
fn a_conflict_is_told_by_path_and_changes_nothing() {
    let (service, dir) = with_history();
    ok(git(&dir).args(["checkout", "--quiet", "topic"]));
    let head = commit(&dir, "base.txt", "theirs\n");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "topic"]));
    let number = service.forge.open_pull("one", "topic", &head, "main");
    service.ask("POST", &format!("{ONE}/sync"), None);
    let events = service.forge.events("push").len();
    let answer = merge(&service, number, &json!({}));
    assert_eq!((answer.status, answer.code().as_str()), (409, "MERGE_CONFLICT"));
    assert_eq!(answer.json()["error"]["details"]["files"], json!(["base.txt"]));
    assert_eq!(tip(&service.bare("ada/one"), "main"), tip(&dir, "main"));
    let state: String = service.forge.query("SELECT state FROM issue", &[])[0].get(0);
    assert_eq!(state, "open");
    eventually("the spool is empty", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    assert_eq!(service.forge.events("push").len(), events);
}

#[test]
fn a_fast_forward_makes_no_commit() {
    let (service, dir) = with_history();
    ok(git(&dir).args(["checkout", "--quiet", "-b", "next", "main"]));
    let head = commit(&dir, "next", "x");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "next"]));
    let number = service.forge.open_pull("one", "next", &head, "main");
    let answer = merge(&service, number, &json!({"strategy": "fast-forward"}));
    assert_eq!(answer.json()["data"]["merge_commit"], head, "{answer:?}");
    assert_eq!(tip(&service.bare("ada/one"), "main"), head);
}

/// What is left when the database went away between the branch and the row.
#[test]
fn a_merge_whose_row_was_lost_is_completed_by_asking_again() {
    let (service, dir) = with_history();
    let head = tip(&dir, "topic");
    let number = service.forge.open_pull("one", "topic", &head, "main");
    ok(git(&dir).args(["merge", "--quiet", "--no-ff", "-m", "by hand", "topic"]));
    let made = tip(&dir, "HEAD");
    commit(&dir, "later", "x");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let answer = merge(&service, number, &json!({}));
    assert_eq!(answer.json()["data"]["merge_commit"], made, "{answer:?}");
    let stored: String = service.forge.query("SELECT merge_commit FROM pull_request", &[])[0].get(0);
    assert_eq!(stored, made);
}

#[test]
fn the_default_branch_is_changed_in_git_and_in_the_row() {
    let (service, _) = with_history();
    let answer = service.ask("PUT", &format!("{ONE}/default-branch"), Some(json!({"branch": "topic"})));
    assert_eq!(answer.status, 200);
    assert_eq!(service.ask("GET", ONE, None).json()["data"]["default_branch"], "topic");
    let row: String = service.forge.query("SELECT default_branch FROM repository", &[])[0].get(0);
    assert_eq!(row, "topic");
    let bad = service.ask("PUT", &format!("{ONE}/default-branch"), Some(json!({"branch": "a..b"})));
    assert_eq!((bad.status, bad.code().as_str()), (400, "BAD_REQUEST"));
}

#[test]
fn nothing_but_health_is_told_without_the_token() {
    let service = service();
    service.create("ada", "one");
    let long = format!("Bearer {TOKEN}x");
    let short = format!("Bearer {}", &TOKEN[1..]);
    for auth in ["", "Bearer", "Bearer ", "Basic abc", TOKEN, &long, &short] {
        for path in ["/ada/one.git/info/refs?service=git-upload-pack", ONE, "/nothing", "/ada/none.git/info/refs"] {
            let answer = service.request("GET", path, &[("authorization", auth)], b"");
            assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "{auth:?} {path}");
        }
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(service.request("GET", path, &[], b"").status, 200, "{path}");
    }
    let auth = format!("Bearer {TOKEN}");
    let read = [("authorization", auth.as_str()), ("x-engineroom-access", "read")];
    let push = service.request("GET", "/ada/one.git/info/refs?service=git-receive-pack", &read, b"");
    assert_eq!((push.status, push.code().as_str()), (403, "FORBIDDEN"));
    let fetch = service.request("GET", "/ada/one.git/info/refs?service=git-upload-pack", &read, b"");
    assert_eq!(fetch.status, 200);
}

#[test]
fn names_that_are_none_are_refused_before_the_disk_is_touched() {
    let service = service();
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str())];
    let long = "a".repeat(101);
    fs::create_dir_all(service.work.path().join("outside.git/objects")).unwrap();
    fs::write(service.work.path().join("outside.git/HEAD"), "ref: refs/heads/main\n").unwrap();
    let names = [
        "../outside",
        "..%2Foutside",
        "ada/..",
        "ada/..%2F..%2Foutside",
        "ada%2F../outside",
        "/outside",
        "ada//outside",
        "ada/",
        "/",
        "./outside",
        "ada/.",
        "ada/-x",
        "ada/a%00b",
        "ada/a%20b",
        "ada/a..b",
        "ada/a.lock",
        "ada/b/c",
        "ada/%2e%2e",
        "%2Ftmp/x",
        "a.git/one",
        "ada/one.git",
        &format!("ada/{long}"),
        &format!("{long}/one"),
        "ada/\u{e4}",
    ];
    for name in names {
        for (method, rest) in [("GET", "info/refs?service=git-upload-pack"), ("POST", "git-receive-pack")] {
            let answer = service.request(method, &format!("/{name}.git/{rest}"), &headers, b"");
            assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{method} {name}");
        }
    }
    for path in [
        "ada/..",
        "ada/%2e%2e",
        "../outside",
        "ada/..%2Foutside",
        "%2Ftmp/x",
        "ada/a%00b",
        "ada/%ff",
        "/one/refs",
        "ada//refs",
    ] {
        let answer = service.request("GET", &format!("/internal/repositories/{path}"), &headers, b"");
        assert_eq!(answer.status, 400, "{path}");
        answer.code();
    }
    for name in ["", ".", "..", "a/b", "/a", "a\0b", "a.git", &long] {
        let answer = service.ask("POST", "/internal/repositories", Some(json!({"owner": "ada", "name": name})));
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{name:?}");
        let answer = service.ask("POST", "/internal/repositories", Some(json!({"owner": name, "name": "one"})));
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{name:?}");
    }
    let made: Vec<_> = fs::read_dir(&service.root).unwrap().flatten().map(|file| file.file_name()).collect();
    assert_eq!(made, [".engineroom"]);
    let count: i64 = service.forge.query("SELECT count(*) FROM repository", &[])[0].get(0);
    assert_eq!(count, 0);
}

/// Method, path, headers, body, and the status it must get.
type Case<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8], u16);

#[test]
fn bad_requests_have_the_right_status_and_the_envelope() {
    let service = service();
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let token = ("authorization", auth.as_str());
    let pack = ("content-type", "application/x-git-upload-pack-request");
    let jsons = ("content-type", "application/json");
    let big = "x".repeat(1 << 20);
    let url = format!("/{}", "y".repeat(5000));
    let cases: Vec<Case<'_>> = vec![
        ("GET", "/nothing/here", vec![token], b"", 404),
        ("GET", "/ada/none.git/info/refs?service=git-upload-pack", vec![token], b"", 404),
        ("POST", "/ada/none.git/git-upload-pack", vec![token, pack], b"0000", 404),
        (
            "POST",
            "/ada/none.git/git-receive-pack",
            vec![token, ("content-type", "application/x-git-receive-pack-request")],
            b"0000",
            404,
        ),
        ("GET", "/ada/one.git/info/refs", vec![token], b"", 400),
        ("GET", "/ada/one.git/info/refs?service=git-evil", vec![token], b"", 400),
        ("GET", "/ada/one.git/git-upload-pack", vec![token], b"", 405),
        ("BREW", "/ada/one.git/info/refs", vec![token], b"", 405),
        ("PATCH", ONE, vec![token], b"", 405),
        ("POST", "/ada/one.git/git-upload-pack", vec![token], b"0000", 415),
        ("POST", "/ada/one.git/git-upload-pack", vec![token, pack, ("content-encoding", "br")], b"0000", 415),
        ("POST", "/internal/repositories", vec![token], b"{}", 415),
        ("POST", "/internal/repositories", vec![token, jsons], b"{", 400),
        ("POST", "/internal/repositories", vec![token, jsons], b"{\"owner\": \"ada\"}", 400),
        (
            "POST",
            "/internal/repositories",
            vec![token, jsons],
            b"{\"owner\": \"ada\", \"name\": \"x\", \"odd\": 1}",
            400,
        ),
        ("GET", "/healthz", vec![("x-large", big.as_str())], b"", 431),
        ("GET", &url, vec![token], b"", 414),
        ("GET", ONE, vec![token, ("x-engineroom-user", "../x")], b"", 400),
        ("GET", ONE, vec![token, ("x-engineroom-access", "all")], b"", 400),
    ];
    for (method, path, headers, body, status) in cases {
        let answer = service.request(method, path, &headers, body);
        let shown = &path[..path.len().min(60)];
        assert_eq!(answer.status, status, "{method} {shown}: {}", String::from_utf8_lossy(&answer.body));
        answer.code();
        assert!(!answer.headers["x-request-id"].is_empty());
    }
    let cut = service.raw(&head("POST", "/internal/repositories", &[token, jsons], 100, b"{"), true);
    assert_eq!((cut.status, cut.code().as_str()), (400, "BAD_REQUEST"));
    let long = format!("{{\"owner\": \"{big}\"}}");
    let long = service.request("POST", "/internal/repositories", &[token, jsons], long.as_bytes());
    assert_eq!((long.status, long.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
    let log = service.log.lock().unwrap();
    assert!(log.iter().all(|line| !line.contains("panicked") && !line.contains("\"level\":\"error\"")), "{log:#?}");
    assert!(log.iter().all(|line| !line.contains(TOKEN)), "the token is in no line");
}

#[test]
fn a_request_is_one_line_that_carries_the_callers_trace() {
    let service = service();
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let lines = |id: &str| -> Vec<Value> {
        let log = service.log.lock().unwrap();
        let all = log.iter().map(|line| serde_json::from_str(line).unwrap());
        all.filter(|line: &Value| line["request_id"] == id).collect()
    };
    let headers =
        |id: &'static str, parent| [("authorization", auth.as_str()), ("x-request-id", id), ("traceparent", parent)];
    let path = "/ada/one.git/info/refs?service=git-upload-pack";
    let answer = service.request("GET", path, &headers("known-1", &parent), b"");
    assert_eq!(answer.headers["x-request-id"], "known-1");
    let line = eventually("the line is written", || lines("known-1").pop());
    assert_eq!(lines("known-1").len(), 1);
    assert_eq!((&line["trace_id"], &line["http_response_status_code"]), (&json!(trace), &json!(200)));
    assert_eq!(line["http_route"], "/{owner}/{repository}.git/info/refs");
    assert!(line["span_id"].as_str().is_some_and(|id| id.len() == 16 && id != "00f067aa0ba902b7"));
    for bad in ["", "zz", "00-0000-11-1", &parent.replace('4', "X"), &format!("{parent}{parent}")] {
        assert_eq!(service.request("GET", path, &headers("known-2", bad), b"").status, 200, "{bad}");
    }
    let odd = service.request("GET", path, &[("authorization", auth.as_str()), ("x-request-id", "a b\tc")], b"");
    assert_ne!(odd.headers["x-request-id"], "a b\tc");
}

#[test]
fn unknown_paths_and_odd_methods_make_no_new_series() {
    let service = service();
    let auth = format!("Bearer {TOKEN}");
    let series = || {
        let text = String::from_utf8(service.request("GET", "/metrics", &[], b"").body).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).count()
    };
    let ask = |number: u32| {
        let method = format!("ODD{}", number % 7);
        service.request(&method, &format!("/x{number}/y"), &[("authorization", auth.as_str())], b"");
        service.request(
            "GET",
            &format!("/x{number}/y.git/info/refs?service=git-upload-pack"),
            &[("authorization", auth.as_str())],
            b"",
        );
    };
    ask(0);
    series();
    let before = series();
    (1..200).for_each(ask);
    assert_eq!(series(), before);
}

/// A collector that answers one request after another and keeps their bodies.
fn collector() -> (String, std::sync::mpsc::Receiver<(String, Vec<u8>)>) {
    use std::io::{BufRead, BufReader, Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut first, mut length) = (String::new(), 0);
            while reader.read_line(&mut first).is_ok_and(|count| count > 0) {
                let mut line = String::new();
                loop {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.trim().is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
                if sender.send((std::mem::take(&mut first), body)).is_err() {
                    return;
                }
            }
        }
    });
    (address, receiver)
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

#[test]
fn spans_reach_the_collector_as_children_of_the_callers() {
    let (address, spans) = collector();
    let service = service_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("OTEL_BSP_SCHEDULE_DELAY", "50")]);
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let parent_header = format!("00-{trace}-{parent}-01");
    let headers = [("authorization", auth.as_str()), ("traceparent", parent_header.as_str())];
    let path = "/ada/one.git/info/refs?service=git-upload-pack";
    assert_eq!(service.request("GET", path, &headers, b"").status, 200);
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    let mut seen = Vec::new();
    let (trace, parent) = (bytes(trace), bytes(parent));
    eventually("both spans arrive", || {
        let (line, body) = spans.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        assert!(line.starts_with("POST /v1/traces "), "{line}");
        assert!(!holds(&body, TOKEN.as_bytes()), "no token in a span");
        seen.extend(body);
        let names: [&[u8]; 2] = [b"GET /{owner}/{repository}.git/info/refs", b"git upload-pack"];
        (names.iter().all(|name| holds(&seen, name)) && holds(&seen, &trace) && holds(&seen, &parent)).then_some(())
    });
    eventually("they are counted", || (service.metric("otel_spans_exported_total") >= 2.0).then_some(()));
}

#[test]
fn without_its_collector_the_service_serves_and_counts_what_it_dropped() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = format!("http://{nobody}");
    let service = service_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &address), ("OTEL_BSP_SCHEDULE_DELAY", "50")]);
    service.create("ada", "one");
    assert_eq!(service.ask("GET", ONE, None).status, 200);
    eventually("spans are dropped, and said to be", || {
        (service.metric("otel_spans_dropped_total") > 0.0).then_some(())
    });
}
