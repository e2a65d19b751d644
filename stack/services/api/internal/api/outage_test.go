package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func (s *service) unavailable(as *person, method, path string, body any) {
	s.t.Helper()
	got := s.want(503, as, method, path, body)
	if got.code != "UNAVAILABLE" || got.headers.Get("Retry-After") == "" {
		s.t.Errorf("%s %s: %s, Retry-After %q", method, path, got, got.headers.Get("Retry-After"))
	}
}

func TestWithoutADatabaseEverythingIs503AndComesBack(t *testing.T) {
	s := own(t, nil)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	s.must(ada, "GET", "/api/v1/repos/"+repo, nil)
	login := map[string]any{"username": ada.name, "password": password}
	end := s.database.Outage(t)
	for _, route := range s.routes(t) {
		if !strings.HasPrefix(route.pattern, "/api/v1/") || route.pattern == "/api/v1/health" ||
			strings.HasPrefix(route.pattern, "/api/v1/auth/") {
			continue
		}
		path := strings.NewReplacer("{owner}/{repo}", repo, "{sha}", strings.Repeat("a", 40), "{number}", "1", "{id}", "1",
			"{tag}", "v1", "{name}", "x", "{username}", ada.name, "{org}", "org", "{team}", "t", "{repo}", "r").Replace(route.pattern)
		s.unavailable(ada, route.method, path, nil)
		if strings.Contains(route.pattern, "/repos/{owner}/{repo}") {
			s.unavailable(nobody, route.method, path, nil)
		}
	}
	s.unavailable(nobody, "POST", "/api/v1/auth/login", login)
	s.unavailable(nobody, "POST", "/api/v1/auth/register", map[string]any{"username": "x", "email": "x@y", "password": password})
	s.unavailable(ada, "POST", "/api/v1/auth/logout", nil)
	s.unavailable(nobody, "GET", "/"+repo+".git/info/refs?service=git-upload-pack", nil)
	s.unavailable(ada, "GET", "/"+repo+".git/info/refs?service=git-receive-pack", nil)
	s.unavailable(nobody, "GET", "/"+ada.name+"/none.git/info/refs?service=git-upload-pack", nil)
	ready := s.ask(nobody, "GET", "/readyz", nil)
	if ready.status != 503 || !strings.Contains(string(ready.body), `"database":"failed"`) {
		t.Error(ready)
	}
	s.want(200, nobody, "GET", "/healthz", nil)
	metrics := string(s.ask(nobody, "GET", "/metrics", nil).body)
	if !strings.Contains(metrics, `api_sign_ins_total{result="unavailable"} 1`) {
		t.Error("the sign-in that couldn't be judged is not counted as such")
	}
	end()
	testkit.Eventually(t, "it recovers", func() error {
		if got := s.ask(ada, "GET", "/api/v1/repos/"+repo, nil); got.status != 200 {
			return errText(got.String())
		}
		return nil
	})
	s.want(200, nobody, "GET", "/readyz", nil)
}

type errText string

func (e errText) Error() string { return string(e) }

func TestADatabaseThatHangsIs503WithinItsTime(t *testing.T) {
	// It takes connections and never says anything.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	database := &testkit.Database{URL: "postgresql://forge@" + listener.Addr().String() + "/forge?sslmode=disable"}
	s := startOn(t, database, &testkit.Git{URL: "http://127.0.0.1:9"}, map[string]string{"API_DATABASE_SECONDS": "0.3"})
	t.Cleanup(s.stop)
	started := time.Now()
	s.unavailable(nobody, "GET", "/api/v1/users/ada", nil)
	s.unavailable(&person{token: "ers_some-token-that-is-long"}, "GET", "/api/v1/user", nil)
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestAnAbsentSchemaIsNamedAndNothingIsMigrated(t *testing.T) {
	database := testkit.NewDatabase(t, false)
	s := startOn(t, database, &testkit.Git{URL: "http://127.0.0.1:9"}, nil)
	t.Cleanup(s.stop)
	ready := s.ask(nobody, "GET", "/readyz", nil)
	text := string(ready.body)
	if ready.status != 503 || !strings.Contains(text, `"schema":"failed"`) || !strings.Contains(text, `"database":"ok"`) ||
		!strings.Contains(text, `"git":"failed"`) {
		t.Error(ready)
	}
	s.unavailable(nobody, "GET", "/api/v1/users/ada", nil)
	if tables := testkit.Value[int64](t, database, `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`); tables != 0 {
		t.Errorf("%d tables were made", tables)
	}
}

func TestWithoutGitItsAnswersAre503AndTheOthersGoOn(t *testing.T) {
	base := common(t)
	ada := base.person("ada")
	repo := base.repo(ada, false)
	s := startOn(t, base.database, &testkit.Git{URL: "http://127.0.0.1:9"}, nil)
	t.Cleanup(s.stop)
	for _, path := range []string{"/branches", "/tags", "/commits", "/tree", "/file?path=a", "/raw?path=a", "/compare?head=main", "/wiki",
		"/wiki/page?path=a", "/commits/" + strings.Repeat("a", 40)} {
		s.unavailable(ada, "GET", "/api/v1/repos/"+repo+path, nil)
	}
	s.unavailable(ada, "POST", "/api/v1/repos", map[string]any{"name": "new"})
	s.unavailable(ada, "DELETE", "/api/v1/repos/"+repo, nil)
	s.unavailable(ada, "GET", "/"+repo+".git/info/refs?service=git-upload-pack", nil)
	s.must(ada, "GET", "/api/v1/user", nil)
	s.must(ada, "GET", "/api/v1/repos?owner="+ada.name, nil)
	if shown := s.must(ada, "GET", "/api/v1/repos/"+repo, nil).object(); shown["empty"] != nil || shown["name"] == nil {
		t.Error(shown)
	}
	s.must(ada, "POST", "/api/v1/repos/"+repo+"/issues", map[string]any{"title": "git is away"})
}

func TestAWrongTokenBetweenServicesIsNotTheClientsFault(t *testing.T) {
	base := common(t)
	ada := base.person("ada")
	repo := base.repo(ada, false)
	s := startOn(t, base.database, base.git, map[string]string{"GIT_TOKEN": "not-the-token-of-git"})
	t.Cleanup(s.stop)
	s.unavailable(ada, "GET", "/api/v1/repos/"+repo+"/branches", nil)
	s.unavailable(ada, "GET", "/"+repo+".git/info/refs?service=git-upload-pack", nil)
}

func TestItEndsInOrder(t *testing.T) {
	s := start(t, nil)
	ada := s.person("ada")
	s.must(ada, "GET", "/api/v1/user", nil)
	// A request whose body still arrives when the end is asked for is answered.
	running, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	body := `{"name":"last"}`
	_, _ = fmt.Fprintf(running, "POST /api/v1/repos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", ada.token, len(body), body[:5])
	testkit.Eventually(t, "the request is being served", func() error {
		if !strings.Contains(string(s.ask(nobody, "GET", "/metrics", nil).body), "http_server_active_requests 2") {
			return errText("not yet")
		}
		return nil
	})
	go func() {
		for !s.closed() {
			time.Sleep(10 * time.Millisecond)
		}
		_, _ = io.WriteString(running, body[5:])
	}()
	s.stop()
	_ = running.SetReadDeadline(time.Now().Add(10 * time.Second))
	if response, err := http.ReadResponse(bufio.NewReader(running), nil); err != nil || response.StatusCode != 201 {
		t.Errorf("the request that ran was not answered: %v %v", response, err)
	}
	if _, err := http.Get(s.url + "/healthz"); err == nil {
		t.Error("it still listens")
	}
}

// closed says whether nobody is listening any more.
func (s *service) closed() bool {
	connection, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return true
	}
	connection.Close()
	return false
}
