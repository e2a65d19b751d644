//! Clone, fetch and push with the real git client.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use common::*;

#[test]
fn a_push_is_cloned_as_it_was() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/one"), "b"]));
    let copy = service.work.path().join("b");
    assert_eq!(tip(&copy, "HEAD"), tip(&dir, "HEAD"));
    assert_eq!(fs::read_to_string(copy.join("README.md")).unwrap(), "hello\n");
    ok(git(&service.bare("ada/one")).args(["fsck", "--strict"]));
}

#[test]
fn an_empty_repository_can_be_cloned() {
    let service = service();
    service.create("ada", "empty");
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/empty"), "copy"]));
    let head = ok(git(&service.work.path().join("copy")).args(["symbolic-ref", "HEAD"]));
    assert_eq!(head, "refs/heads/main");
}

#[test]
fn shallow_and_partial_clones_get_what_they_ask_for() {
    let service = service();
    service.create("ada", "deep");
    let dir = service.checkout("a", "ada/deep");
    for number in 0..5 {
        commit(&dir, "file", &number.to_string());
    }
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let url = service.url("ada/deep");
    ok(service.git(service.work.path()).args(["clone", "--quiet", "--depth=2", &url, "shallow"]));
    let shallow = service.work.path().join("shallow");
    assert_eq!(ok(git(&shallow).args(["rev-list", "--count", "HEAD"])), "2");
    ok(service.git(&shallow).args(["fetch", "--quiet", "--unshallow"]));
    assert_eq!(ok(git(&shallow).args(["rev-list", "--count", "HEAD"])), "6");
    ok(service.git(service.work.path()).args(["clone", "--quiet", "--bare", "--filter=blob:none", &url, "partial"]));
    let missing =
        ok(git(&service.work.path().join("partial")).args(["rev-list", "--objects", "--all", "--missing=print"]));
    assert!(missing.lines().filter(|line| line.starts_with('?')).count() >= 5);
}

#[test]
fn protocol_version_2_is_spoken_and_older_clients_are_served() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let auth = format!("Bearer {TOKEN}");
    let ask = |extra: &[(&str, &str)]| {
        let headers: Vec<_> = [("authorization", auth.as_str())].into_iter().chain(extra.iter().copied()).collect();
        service.request("GET", "/ada/one.git/info/refs?service=git-upload-pack", &headers, b"")
    };
    let new = ask(&[("git-protocol", "version=2")]);
    assert!(new.body.starts_with(b"000eversion 2\n"), "{new:?}");
    assert_eq!(new.headers["content-type"], "application/x-git-upload-pack-advertisement");
    let old = ask(&[]);
    assert!(old.body.starts_with(b"001e# service=git-upload-pack\n0000"), "{old:?}");
    for version in ["0", "1", "2"] {
        let setting = format!("protocol.version={version}");
        ok(service.git(service.work.path()).args([
            "-c",
            &setting,
            "ls-remote",
            &service.url("ada/one"),
            "refs/heads/main",
        ]));
        let name = format!("v{version}");
        ok(service.git(service.work.path()).args(["-c", &setting, "clone", "--quiet", &service.url("ada/one"), &name]));
    }
}

#[test]
fn a_long_negotiation_arrives_compressed_and_is_understood() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/one"), "b"]));
    // Hundreds of commits that the server doesn't know, on branches of their own, make the client tell many.
    let other = service.work.path().join("b");
    let mut script = String::new();
    for number in 0..600 {
        script.push_str(&format!(
            "commit refs/heads/b{number}\ncommitter A <a@x> {} +0000\ndata 1\nx\nM 644 inline f\ndata {}\n{number}\n",
            2_000_000_000 + number,
            number.to_string().len(),
        ));
    }
    fs::write(other.join("script"), script).unwrap();
    let input = fs::File::open(other.join("script")).unwrap();
    assert!(git(&other).args(["fast-import", "--quiet"]).stdin(input).status().unwrap().success());
    commit(&dir, "more", "more");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    for version in ["0", "2"] {
        let before = tip(&other, "refs/remotes/origin/main");
        let trace = run(service.git(&other).env("GIT_TRACE_CURL", "1").args([
            "-c",
            &format!("protocol.version={version}"),
            "fetch",
            "origin",
            "main",
        ]));
        let said = String::from_utf8_lossy(&trace.stderr).to_lowercase();
        assert!(trace.status.success(), "{said}");
        assert!(said.contains("content-encoding: gzip"), "the client did not compress");
        assert_eq!(tip(&other, "FETCH_HEAD"), tip(&dir, "HEAD"));
        ok(git(&other).args(["update-ref", "refs/remotes/origin/main", &before]));
        ok(git(&other).args(["update-ref", "refs/remotes/origin/main", &tip(&dir, "HEAD~1")]));
        commit(&dir, "again", version);
        ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    }
}

#[test]
fn branches_are_forced_and_deleted_and_tags_pushed() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main", "main:topic"]));
    ok(git(&dir).args(["commit", "--quiet", "--amend", "-m", "another"]));
    let said = fails(service.git(&dir).args(["push", "origin", "main"]));
    assert!(said.contains("non-fast-forward") || said.contains("rejected"), "{said}");
    ok(service.git(&dir).args(["push", "--quiet", "--force", "origin", "main"]));
    ok(git(&dir).args(["tag", "-a", "v1", "-m", "one"]));
    ok(service.git(&dir).args(["push", "--quiet", "origin", "v1", ":topic"]));
    let refs = ok(service.git(&dir).args(["ls-remote", "origin"]));
    assert!(refs.contains("refs/tags/v1^{}") && !refs.contains("topic"), "{refs}");
    assert!(refs.contains(&tip(&dir, "HEAD")));
}

#[test]
fn a_hundred_megabytes_go_both_ways_in_little_memory() {
    let service = service();
    service.create("ada", "large");
    let dir = service.checkout("a", "ada/large");
    let mut state = 1_u64; // xorshift: bytes that don't compress
    for number in 0..10 {
        let mut data = Vec::with_capacity(10 << 20);
        while data.len() < 10 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            data.extend_from_slice(&state.to_le_bytes());
        }
        fs::write(dir.join(format!("{number}.bin")), data).unwrap();
    }
    ok(git(&dir).args(["-c", "core.compression=0", "add", "."]));
    ok(git(&dir).args(["commit", "--quiet", "-m", "large"]));
    ok(service.git(&dir).args(["-c", "pack.compression=0", "push", "--quiet", "origin", "main"]));
    ok(service.git(service.work.path()).args(["clone", "--quiet", "--bare", &service.url("ada/large"), "copy"]));
    assert_eq!(tip(&service.work.path().join("copy"), "HEAD"), tip(&dir, "HEAD"));
    let status = fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    assert!(peak < 64 * 1024, "the service took {peak} kB: a pack was held in memory");
    assert!(service.metric("git_transferred_bytes_total{direction=\"in\",service=\"receive-pack\"}") > 1e8);
    assert!(service.metric("git_transferred_bytes_total{direction=\"out\",service=\"upload-pack\"}") > 1e8);
}

#[test]
fn pushes_at_once_all_arrive() {
    let service = service();
    service.create("ada", "busy");
    let first = service.checkout("a", "ada/busy");
    ok(service.git(&first).args(["push", "--quiet", "origin", "main"]));
    let copies: Vec<_> = (0..8)
        .map(|number| {
            let name = format!("copy{number}");
            ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/busy"), &name]));
            let dir = service.work.path().join(name);
            commit(&dir, &format!("file{number}"), "x");
            dir
        })
        .collect();
    std::thread::scope(|scope| {
        for (number, dir) in copies.iter().enumerate() {
            let service = &service;
            scope.spawn(move || {
                ok(service.git(dir).args(["push", "--quiet", "origin", &format!("main:branch{number}")]));
            });
        }
    });
    let events = service.forge.events("push");
    assert_eq!(events.len(), 9);
    for (number, dir) in copies.iter().enumerate() {
        let name = format!("refs/heads/branch{number}");
        let told: Vec<_> = events.iter().flat_map(|e| e.as_array().unwrap()).filter(|u| u["ref"] == *name).collect();
        assert_eq!(told.len(), 1, "each move is told once");
        assert_eq!(told[0]["new"], tip(dir, "HEAD"));
        assert!(told[0]["old"].is_null());
    }
    let summary = service.ask("GET", "/internal/repositories/ada/busy", None).json();
    assert_eq!(summary["data"]["digest"], service.forge.digest("busy").unwrap(), "the last digest is of the last refs");
}

#[test]
fn a_race_for_one_branch_has_one_winner() {
    let service = service();
    service.create("ada", "race");
    let first = service.checkout("a", "ada/race");
    ok(service.git(&first).args(["push", "--quiet", "origin", "main"]));
    let copies: Vec<_> = (0..4)
        .map(|number| {
            let name = format!("copy{number}");
            ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/race"), &name]));
            let dir = service.work.path().join(name);
            commit(&dir, &format!("file{number}"), "x");
            dir
        })
        .collect();
    let won: Vec<bool> = std::thread::scope(|scope| {
        let race: Vec<_> = copies
            .iter()
            .map(|dir| {
                let service = &service;
                scope.spawn(move || run(service.git(dir).args(["push", "origin", "main"])).status.success())
            })
            .collect();
        race.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = copies.iter().zip(&won).find(|(_, won)| **won).unwrap().0;
    let events = service.forge.events("push");
    assert_eq!(events.len(), 2);
    assert_eq!(events[1][0]["new"], tip(winner, "HEAD"));
}

/// What a client sends to change a ref, with something after it that should be a pack.
fn broken_push(old: &str, new: &str, pack: &[u8]) -> Vec<u8> {
    let mut body = pkt(&format!("{old} {new} refs/heads/main\0 report-status side-band-64k agent=test\n"));
    body.extend_from_slice(b"0000");
    body.extend_from_slice(pack);
    body
}

#[test]
fn a_broken_pack_changes_nothing_and_is_no_event() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let before = service.ask("GET", "/internal/repositories/ada/one", None).json();
    let old = tip(&dir, "HEAD");
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    for pack in [&b"PACK\0\0\0\x02\0\0\0\x01garbage"[..], b"", b"not a pack at all"] {
        let body = broken_push(&old, &"b".repeat(40), pack);
        let answer = service.request("POST", "/ada/one.git/git-receive-pack", &headers, &body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let told = answer.status == 200 && (text.contains("unpack ") && text.contains("ng refs/heads/main"));
        assert!(told || [400, 500].contains(&answer.status), "{answer:?}");
    }
    let garbage = service.request("POST", "/ada/one.git/git-receive-pack", &headers, b"zzzz this is no protocol");
    assert_eq!((garbage.status, garbage.code().as_str()), (400, "BAD_REQUEST"));
    let zipped = [headers[0], headers[1], ("content-encoding", "gzip")];
    let damaged = service.request("POST", "/ada/one.git/git-receive-pack", &zipped, b"\x1f\x8b this is not gzip");
    assert_eq!((damaged.status, damaged.code().as_str()), (400, "BAD_REQUEST"));
    let after = service.ask("GET", "/internal/repositories/ada/one", None).json();
    assert_eq!(before, after);
    eventually("the spool is empty", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    assert_eq!(service.forge.events("push").len(), 1);
    ok(git(&service.bare("ada/one")).args(["fsck", "--strict"]));
}

#[test]
fn a_client_that_is_cut_off_in_its_push_changes_nothing() {
    let service = service();
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    let body = broken_push(&"0".repeat(40), &"b".repeat(40), b"PACK\0\0\0\x02\0\0\0\x01");
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(&head("POST", "/ada/one.git/git-receive-pack", &headers, body.len() + 1_000_000, &body)).unwrap();
    eventually("git runs", || (service.metric("git_processes") == 1.0).then_some(()));
    drop(stream);
    eventually("git is gone", || (service.metric("git_processes") == 0.0).then_some(()));
    eventually("the spool is empty", || (service.metric("git_spool_entries") == 0.0).then_some(()));
    assert!(service.forge.events("push").is_empty());
    let leftovers = fs::read_dir(service.bare("ada/one").join("objects")).unwrap();
    let quarantine =
        leftovers.flatten().filter(|file| file.file_name().to_string_lossy().starts_with("tmp_objdir")).count();
    assert_eq!(quarantine, 0, "git's own cleaning was cut short");
}

/// A repository that takes long to send, and a client that leaves in the middle.
#[test]
fn a_client_that_leaves_takes_its_git_along() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    let mut state = 7_u64;
    let mut data = Vec::new();
    while data.len() < 30 << 20 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        data.extend_from_slice(&(state >> 16).to_le_bytes());
    }
    fs::write(dir.join("large"), data).unwrap();
    ok(git(&dir).args(["-c", "core.compression=0", "add", "."]));
    ok(git(&dir).args(["commit", "--quiet", "-m", "large"]));
    ok(service.git(&dir).args(["-c", "pack.compression=0", "push", "--quiet", "origin", "main"]));
    let mut body = pkt(&format!("want {} ofs-delta side-band-64k agent=test\n", tip(&dir, "HEAD")));
    body.extend_from_slice(b"0000");
    body.extend_from_slice(&pkt("done\n"));
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-upload-pack-request")];
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(&head("POST", "/ada/one.git/git-upload-pack", &headers, body.len(), &body)).unwrap();
    let mut start = [0_u8; 4096];
    stream.read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"HTTP/1.1 200"));
    assert_eq!(service.metric("git_processes"), 1.0, "git waits for the client");
    drop(stream);
    eventually("git is gone", || (service.metric("git_processes") == 0.0).then_some(()));
    let gone = "git_service_ends_total{outcome=\"client_gone\",service=\"upload-pack\"}";
    assert_eq!(service.metric(gone), 1.0);
}

#[test]
fn a_slow_body_loses_its_place() {
    let service = service_with(&[("GIT_IDLE_SECONDS", "1")]);
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    let answer = service.raw(&head("POST", "/ada/one.git/git-receive-pack", &headers, 1000, b"00"), false);
    assert_eq!((answer.status, answer.code().as_str()), (408, "REQUEST_TIMEOUT"));
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(&head("POST", "/ada/one.git/git-receive-pack", &headers, 100_000, b"")).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0_u8; 16];
    eventually("a trickle is cut as well", || {
        let _ = stream.write_all(b"0");
        stream.read(&mut answer).ok()
    });
    eventually("git is gone", || (service.metric("git_processes") == 0.0).then_some(()));
}

#[test]
fn slow_headers_are_not_waited_for() {
    let service = service_with(&[("GIT_HEADER_SECONDS", "1")]);
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn more_than_allowed_at_once_is_told_to_come_again() {
    let service = service_with(&[("GIT_MAX_PROCESSES", "1"), ("GIT_QUEUE_SECONDS", "0.2")]);
    service.create("ada", "one");
    let auth = format!("Bearer {TOKEN}");
    let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-receive-pack-request")];
    let mut stream = TcpStream::connect(service.address).unwrap();
    stream.write_all(&head("POST", "/ada/one.git/git-receive-pack", &headers, 1000, b"00")).unwrap();
    eventually("git runs", || (service.metric("git_processes") == 1.0).then_some(()));
    let answer = service.request("GET", "/ada/one.git/info/refs?service=git-upload-pack", &headers[..1], b"");
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert!(answer.headers["retry-after"].parse::<u32>().unwrap() > 0);
    assert_eq!(service.request("GET", "/healthz", &[], b"").status, 200, "a full house is alive");
    drop(stream);
    eventually("the place is free again", || {
        let path = "/ada/one.git/info/refs?service=git-upload-pack";
        (service.request("GET", path, &headers[..1], b"").status == 200).then_some(())
    });
}

#[test]
fn when_git_fails_the_status_says_so() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let auth = format!("Bearer {TOKEN}");
    let fetch = |body: &[u8]| {
        let headers = [("authorization", auth.as_str()), ("content-type", "application/x-git-upload-pack-request")];
        service.request("POST", "/ada/one.git/git-upload-pack", &headers, body)
    };
    let unknown = [pkt(&format!("want {}\n", "c".repeat(40))), b"0000".to_vec(), pkt("done\n")].concat();
    let answer = fetch(&unknown);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(answer.status == 400 || text.contains("not our ref"), "{answer:?}");
    fs::write(service.bare("ada/one").join("config"), "[core\n").unwrap();
    let answer = fetch(&[pkt(&format!("want {}\n", tip(&dir, "HEAD"))), b"0000".to_vec(), pkt("done\n")].concat());
    assert_eq!((answer.status, answer.code().as_str()), (500, "INTERNAL_ERROR"));
    eventually("git's own words are in the log", || {
        service.log.lock().unwrap().iter().any(|line| line.contains("bad config")).then_some(())
    });
}

#[test]
fn another_owner_of_the_files_is_no_lost_data() {
    let service = service();
    service.create("ada", "one");
    let dir = service.checkout("a", "ada/one");
    ok(service.git(&dir).args(["push", "--quiet", "origin", "main"]));
    let bare = service.bare("ada/one");
    if std::os::unix::fs::chown(&bare, Some(12345), Some(12345)).is_err() {
        // Only root can give files away; then the owner stays, and the clone below is the usual one.
        eprintln!("not root: the owner stays the same");
    }
    ok(service.git(service.work.path()).args(["clone", "--quiet", &service.url("ada/one"), "copy"]));
    assert!(Path::new(&service.work.path().join("copy/README.md")).exists());
}
