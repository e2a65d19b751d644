package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/api"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/cache"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/objects"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

func TestMain(m *testing.M) { testkit.Run(m) }

// service is the api as it runs, with everything behind it.
type service struct {
	t        testing.TB
	url      string
	address  string
	database *testkit.Database
	git      *testkit.Git
	metrics  *metrics.Metrics
	log      *lines
	server   *api.Server
	stop     func()
}

type registered struct{ method, pattern string }

func (s *service) routes(t testing.TB) (all []registered) {
	t.Helper()
	for _, pair := range s.server.Routes() {
		all = append(all, registered{pair[0], pair[1]})
	}
	return all
}

type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

func (l *lines) all() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// of are the lines about one request.
func (l *lines) of(request string) []map[string]any {
	var found []map[string]any
	for _, line := range strings.Split(l.all(), "\n") {
		var said map[string]any
		if json.Unmarshal([]byte(line), &said) == nil && said["request_id"] == request && said["message"] == "request" {
			found = append(found, said)
		}
	}
	return found
}

var shared struct {
	sync.Once
	*service
}

// common is one service for all tests that break nothing; their names never meet.
func common(t testing.TB) *service {
	t.Helper()
	shared.Do(func() { shared.service = start(t, nil) })
	if shared.service == nil {
		t.Fatal("the service could not be started; see the first test")
	}
	copied := *shared.service
	copied.t = t
	return &copied
}

// start runs a service on a database of its own.
func start(t testing.TB, changes map[string]string) *service {
	t.Helper()
	database := testkit.NewDatabase(t, true)
	return startOn(t, database, testkit.NewGit(t, database), changes)
}

func startOn(t testing.TB, database *testkit.Database, git *testkit.Git, changes map[string]string) *service {
	t.Helper()
	values := map[string]string{
		"DATABASE_URL": database.URL, "GIT_URL": git.URL, "GIT_TOKEN": testkit.GitToken, "API_BCRYPT_COST": "4",
		"API_LOG_LEVEL": "debug", "API_DATABASE_POOL": "20", "API_GRACE_SECONDS": "5",
	}
	for name, value := range changes {
		values[name] = value
	}
	settings, err := config.Read(func(name string) (string, bool) { value, ok := values[name]; return value, ok })
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, database: database, git: git, metrics: metrics.New(), log: &lines{}}
	logger := telemetry.Logger(s.log, settings.LogLevel, "api")
	ctx, cancel := context.WithCancel(context.Background())
	opened, err := store.Open(ctx, settings.Database, settings.DatabaseTimeout, &telemetry.Statements{Metrics: s.metrics})
	if err != nil {
		t.Fatal(err)
	}
	s.metrics.Pool(opened.Pool)
	parts := api.Parts{
		Config: settings, Version: "test", Logger: logger, Metrics: s.metrics, Store: opened,
		Cache: cache.Open(settings.RedisNodes, settings.RedisPassword, settings.Cache, s.metrics),
		Git:   upstream.NewGit(settings.GitURL, settings.GitToken, upstream.Transport("git", s.metrics)),
	}
	if settings.SearchURL != "" {
		parts.Search = upstream.NewSearch(settings.SearchURL, settings.SearchToken, upstream.Transport("search", s.metrics))
	}
	if settings.Objects != nil {
		transport := upstream.Transport("s3", s.metrics)
		transport.Foreign = true
		if parts.Objects, err = objects.Open(settings.Objects, transport); err != nil {
			t.Fatal(err)
		}
	}
	server, err := api.New(parts)
	if err != nil {
		t.Fatal(err)
	}
	s.server = server
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.url = "http://" + s.address
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	var once sync.Once
	s.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the server ended with %v", err)
			}
			opened.Close()
			parts.Cache.Close()
		})
	}
	return s
}

// own runs a service that the test may break.
func own(t testing.TB, changes map[string]string) *service {
	t.Helper()
	s := start(t, changes)
	t.Cleanup(s.stop)
	return s
}

// person is somebody with a token; nobody is anonymous.
type person struct {
	id          int64
	name, token string
	password    string
}

var (
	nobody   = &person{}
	counter  atomic.Int64
	password = "correct horse battery"
)

// stored is how the database keeps everybody's password.
var stored = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

func unique(stem string) string { return fmt.Sprintf("%s%d", stem, counter.Add(1)) }

// person makes a user with a session, by the shortest way.
func (s *service) person(stem string) *person {
	s.t.Helper()
	p := &person{name: unique(stem), password: password}
	p.token = "ers_test-" + p.name + "-0123456789abcdef"
	hash := sha256.Sum256([]byte(p.token))
	p.id = testkit.Value[int64](s.t, s.database, `
		WITH o AS (INSERT INTO owner (kind, name) VALUES ('user', $1) RETURNING id),
		u AS (INSERT INTO "user" (id, username, email, password_hash) SELECT id, $1, $1 || '@example.org', $2 FROM o RETURNING id)
		SELECT id FROM u`, p.name, stored())
	s.database.Exec(s.t, `INSERT INTO session (user_id, token_hash, expires_at) VALUES ($1, $2, now() + interval '1 day')`,
		p.id, hash[:])
	return p
}

// answer is what came back.
type answer struct {
	status  int
	headers http.Header
	body    []byte
	data    any
	meta    map[string]any
	code    string
	message string
	details map[string]any
}

func (a *answer) object() map[string]any {
	found, _ := a.data.(map[string]any)
	return found
}

func (a *answer) list() []any {
	found, _ := a.data.([]any)
	return found
}

func (a *answer) String() string {
	return fmt.Sprintf("%d %s", a.status, a.body[:min(len(a.body), 500)])
}

// ask sends a request as somebody; a body that is no reader goes as JSON.
func (s *service) ask(as *person, method, path string, body any, headers ...string) *answer {
	s.t.Helper()
	var reader io.Reader
	kind := ""
	switch body := body.(type) {
	case nil:
	case io.Reader:
		reader = body
	case string:
		reader, kind = strings.NewReader(body), "application/json"
	default:
		text, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader, kind = bytes.NewReader(text), "application/json"
	}
	request, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	if as != nil && as.token != "" {
		request.Header.Set("Authorization", "Bearer "+as.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return s.read(response)
}

func (s *service) read(response *http.Response) *answer {
	s.t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatalf("the answer is cut off: %v", err)
	}
	got := &answer{status: response.StatusCode, headers: response.Header, body: text}
	var envelope struct {
		Data  any            `json:"data"`
		Meta  map[string]any `json:"meta"`
		Error struct {
			Code    string         `json:"code"`
			Message string         `json:"message"`
			Details map[string]any `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &envelope) == nil {
		got.data, got.meta = envelope.Data, envelope.Meta
		got.code, got.message, got.details = envelope.Error.Code, envelope.Error.Message, envelope.Error.Details
	}
	return got
}

// must asks for something that has to succeed.
func (s *service) must(as *person, method, path string, body any) *answer {
	s.t.Helper()
	got := s.ask(as, method, path, body)
	if got.status >= 300 {
		s.t.Fatalf("%s %s: %s", method, path, got)
	}
	return got
}

// want asks for something that has to be answered with a status, and with its code in the envelope.
func (s *service) want(status int, as *person, method, path string, body any) *answer {
	s.t.Helper()
	got := s.ask(as, method, path, body)
	if got.status != status {
		s.t.Errorf("%s %s: wanted %d, got %s", method, path, status, got)
	}
	if got.status >= 400 && method != "HEAD" && (got.code == "" || got.message == "") {
		s.t.Errorf("%s %s: not in the envelope: %s", method, path, got)
	}
	return got
}

// repo makes a repository.
func (s *service) repo(owner *person, private bool) string {
	s.t.Helper()
	name := unique("repo")
	s.must(owner, "POST", "/api/v1/repos", map[string]any{"name": name, "private": private})
	return owner.name + "/" + name
}

// command runs git as a client of this service.
func (s *service) command(folder string, arguments ...string) (string, error) {
	command := exec.Command("git", append([]string{"-c", "user.name=A", "-c", "user.email=a@example.org"}, arguments...)...)
	command.Dir = folder
	command.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + folder, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

func (s *service) gitIn(folder string, arguments ...string) string {
	s.t.Helper()
	output, err := s.command(folder, arguments...)
	if err != nil {
		s.t.Fatalf("git %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(output)
}

// remote is a clone's address with somebody's token as its password.
func (s *service) remote(as *person, repo string) string {
	if as.token == "" {
		return s.url + "/" + repo + ".git"
	}
	return "http://x:" + as.token + "@" + s.address + "/" + repo + ".git"
}

// push commits files to a branch and pushes it; the commit.
func (s *service) push(as *person, repo, branch string, files map[string]string) string {
	s.t.Helper()
	folder := s.t.TempDir()
	s.gitIn(folder, "init", "--quiet", "--initial-branch="+branch)
	if output, err := s.command(folder, "pull", "--quiet", s.remote(as, repo), branch); err != nil {
		_, _ = s.command(folder, "pull", "--quiet", s.remote(as, repo), "main")
		_ = output
	}
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	s.gitIn(folder, "add", "--all")
	s.gitIn(folder, "commit", "--quiet", "--message", "change "+branch)
	s.gitIn(folder, "push", "--quiet", s.remote(as, repo), "HEAD:refs/heads/"+branch)
	return s.gitIn(folder, "rev-parse", "HEAD")
}
