package api_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func withObjects(t *testing.T, changes map[string]string) (*service, *testkit.Objects) {
	t.Helper()
	base, o := common(t), testkit.NewObjects(t)
	values := map[string]string{"S3_ENDPOINT": o.Endpoint, "S3_ACCESS_KEY": o.Access, "S3_SECRET_KEY": o.Secret, "S3_BUCKET": o.Bucket}
	for name, value := range changes {
		values[name] = value
	}
	s := startOn(t, base.database, base.git, values)
	t.Cleanup(s.stop)
	return s, o
}

func TestAttachmentsComeBackAsTheyWereSent(t *testing.T) {
	s, _ := withObjects(t, map[string]string{"API_MAX_ATTACHMENT_BYTES": fmt.Sprint(20 << 20)})
	repo, all := s.cast(true)
	s.push(all[owner], repo, "main", map[string]string{"a": "a"})
	base := "/api/v1/repos/" + repo + "/releases"
	made := s.want(201, all[writer], "POST", base, map[string]any{"tag": "v1/rc", "name": "One", "prerelease": true}).object()
	if made["prerelease"] != true || len(fmt.Sprint(made["commit"])) != 40 || fmt.Sprint(made["attachments"]) != "[]" {
		t.Error(made)
	}
	at := base + "/v1%2Frc/attachments"
	for name, size := range map[string]int{"empty.bin": 0, "small.txt": 5, "large.bin": 18 << 20} {
		data := make([]byte, size)
		_, _ = rand.Read(data)
		sum := sha256.Sum256(data)
		for i, body := range []io.Reader{bytes.NewReader(data), io.MultiReader(bytes.NewReader(data))} { // with its length, and chunked
			given := fmt.Sprintf("%d-%s", i, name)
			got := s.ask(all[writer], "POST", at+"?name="+given, body, "Content-Type", "text/html")
			if got.status != 201 || got.object()["sha256"] != hex.EncodeToString(sum[:]) || got.object()["size"] != float64(size) {
				t.Fatalf("%s: %s", given, got)
			}
			back := s.ask(all[reader], "GET", at+"/"+given, nil)
			if !bytes.Equal(back.body, data) || back.headers.Get("X-Content-Type-Options") != "nosniff" ||
				!strings.HasPrefix(back.headers.Get("Content-Disposition"), "attachment") {
				t.Errorf("%s: %d bytes, %v", given, len(back.body), back.headers)
			}
		}
	}
	s.want(409, all[writer], "POST", at+"?name=0-small.txt", strings.NewReader("again"))
	s.want(422, all[writer], "POST", at+"?name=a/b", strings.NewReader("x"))
	s.want(422, all[writer], "POST", at+"?name=", strings.NewReader("x"))
	s.want(413, all[writer], "POST", at+"?name=huge", bytes.NewReader(make([]byte, 21<<20)))
	s.want(413, all[writer], "POST", at+"?name=huge", io.MultiReader(bytes.NewReader(make([]byte, 21<<20))))
	s.want(403, all[reader], "POST", at+"?name=x", strings.NewReader("x"))
	s.want(404, all[other], "GET", at+"/0-small.txt", nil)
	s.want(404, all[reader], "GET", at+"/none", nil)
	if got := s.must(all[reader], "GET", base+"/v1%2Frc", nil).object(); len(got["attachments"].([]any)) != 6 {
		t.Error(got)
	}
	s.must(all[writer], "DELETE", at+"/0-small.txt", nil)
	s.want(404, all[reader], "GET", at+"/0-small.txt", nil)

	// A body that is cut off leaves nothing.
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(connection, "POST %s?name=cut HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\nhalf", at, all[writer].token)
	_ = connection.(*net.TCPConn).CloseWrite()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.ReadAll(connection)
	connection.Close()
	s.want(404, all[reader], "GET", at+"/cut", nil)
	s.must(all[writer], "DELETE", base+"/v1%2Frc", nil)
	s.want(404, all[reader], "GET", base+"/v1%2Frc", nil)
}

func TestWithoutObjectStorageItsRoutesAre503(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	s.must(ada, "POST", "/api/v1/repos/"+repo+"/releases", map[string]any{"tag": "v1"})
	s.unavailable(ada, "POST", "/api/v1/repos/"+repo+"/releases/v1/attachments?name=x", strings.NewReader("x"))
	away := startOn(t, s.database, s.git, map[string]string{"S3_ENDPOINT": "http://127.0.0.1:9", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b", "S3_BUCKET": "c"})
	t.Cleanup(away.stop)
	away.unavailable(ada, "POST", "/api/v1/repos/"+repo+"/releases/v1/attachments?name=x", strings.NewReader("x"))
	ready := away.ask(nobody, "GET", "/readyz", nil)
	if ready.status != 200 || !strings.Contains(string(ready.body), `"objects":"degraded"`) {
		t.Error(ready)
	}
}

func TestAJobsLife(t *testing.T) {
	s, o := withObjects(t, nil)
	repo, all := s.cast(false)
	commit := s.push(all[owner], repo, "main", map[string]string{"a": "a"})
	base := "/api/v1/repos/" + repo + "/jobs"
	trace := "4bf92f3577b34da6a3ce929d0e0e4736"
	got := s.ask(all[writer], "POST", base, map[string]any{"kind": "steps", "ref": "main", "steps": []any{
		map[string]any{"name": "build", "run": "make", "timeout_seconds": 60}, map[string]any{"run": "true"}}},
		"traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	if got.status != 201 || got.object()["state"] != "queued" || got.object()["commit"] != commit || got.object()["ref"] != "main" {
		t.Fatal(got)
	}
	id := int64(got.object()["id"].(float64))
	payload := testkit.Value[string](t, s.database, `SELECT payload::text FROM job WHERE id = $1`, id)
	for _, part := range []string{`"ref": "main"`, `"commit": "` + commit + `"`, fmt.Sprintf(`"log_key": "jobs/%d/log"`, id),
		`"run": "make"`, `"timeout_seconds": 60`, `"name": "step 2"`, trace} {
		if !strings.Contains(payload, part) {
			t.Errorf("%s is not in %s", part, payload)
		}
	}
	at := fmt.Sprintf("%s/%d", base, id)
	if log := s.ask(all[writer], "GET", at+"/log", nil); log.status != 200 || len(log.body) != 0 || log.headers.Get("X-Log-Complete") != "false" {
		t.Error(log)
	}
	s.database.Exec(t, `UPDATE job SET state = 'running', attempts = 2, locked_by = 'r', locked_until = now() + interval '1 minute' WHERE id = $1`, id)
	s.database.Exec(t, `INSERT INTO job_log (job_id, attempt, parts, bytes) VALUES ($1, 1, 1, 3), ($1, 2, 2, 8)`, id)
	for key, text := range map[string]string{"1/000001": "old", "2/000001": "one\n", "2/000002": "two\n", "2/000003": "beyond"} {
		o.Put(t, fmt.Sprintf("jobs/%d/%s.log", id, key), text)
	}
	if log := s.ask(all[writer], "GET", at+"/log", nil); string(log.body) != "one\ntwo\n" || log.headers.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%q", log.body)
	}
	if got := s.must(all[writer], "GET", base+"?state=running", nil); len(got.list()) != 1 || got.list()[0].(map[string]any)["attempts"] != float64(2) {
		t.Error(got)
	}
	if got := s.must(all[writer], "POST", at+"/cancel", nil).object(); got["state"] != "cancelled" || got["finished_at"] == nil {
		t.Error(got)
	}
	s.must(all[writer], "POST", at+"/cancel", nil) // asking twice does no harm
	s.database.Exec(t, `UPDATE job SET state = 'succeeded' WHERE id = $1`, id)
	s.want(409, all[writer], "POST", at+"/cancel", nil)
	s.want(422, all[writer], "POST", base, map[string]any{"kind": "steps", "ref": "nope", "steps": []any{map[string]any{"run": "true"}}})
	elsewhere := s.repo(all[owner], false)
	s.want(404, all[owner], "GET", fmt.Sprintf("/api/v1/repos/%s/jobs/%d", elsewhere, id), nil)
}

func TestTheSearchIsAskedForTheCallerAndAnswersAreHandedOn(t *testing.T) {
	base := common(t)
	type seen struct{ path, query, user, token string }
	arrived := make(chan seen, 1)
	answer := `{"data":{"query":"x","total":42,"exact":true,"hits":[],"unknown":"kept"}}`
	status := 200
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stub := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			arrived <- seen{r.URL.Path, r.URL.Query().Get("q"), r.Header.Get("X-Engineroom-User"), r.Header.Get("Authorization")}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})}
	go func() { _ = stub.Serve(listener) }()
	t.Cleanup(func() { _ = stub.Close() })
	s := startOn(t, base.database, base.git, map[string]string{"SEARCH_URL": "http://" + listener.Addr().String(), "SEARCH_TOKEN": "search-token"})
	t.Cleanup(s.stop)
	ada := s.person("ada")
	for path, want := range map[string]string{
		"/api/v1/search?q=fn+main":                   "fn main",
		"/api/v1/search?q=fn&type=issue":             "fn type:issue",
		"/api/v1/search?q=a+or+b&type=pr":            "(a or b) type:pr",
		"/api/v1/search/code?q=word":                 "word type:code",
		"/api/v1/search/repos?q=":                    "type:repo",
		"/api/v1/repos/search?q=priority&per_page=5": "priority type:repo",
	} {
		got := s.must(ada, "GET", path, nil)
		it := <-arrived
		if it.path != "/search" || it.query != want || it.user != ada.name || it.token != "Bearer search-token" {
			t.Errorf("%s: %+v", path, it)
		}
		if got.object()["unknown"] != "kept" || got.meta["total"] != float64(42) {
			t.Error(got)
		}
	}
	s.must(nobody, "GET", "/api/v1/search?q=x", nil)
	if it := <-arrived; it.user != "" {
		t.Errorf("anonymous is %q", it.user)
	}
	answer = `{"data":[{"kind":"symbol","text":"main"}]}`
	if got := s.must(ada, "GET", "/api/v1/search/suggest?q=ma&limit=3", nil); len(got.list()) != 1 {
		t.Error(got)
	}
	<-arrived
	s.want(400, ada, "GET", "/api/v1/search?q=x&type=odd", nil)
	s.want(400, ada, "GET", "/api/v1/search/suggest?q=x&limit=1000", nil)
	status, answer = 400, `{"error":{"code":"BAD_REQUEST","message":"the phrase is empty","details":{"hint":"leave it out"}}}`
	got := s.want(400, ada, "GET", "/api/v1/search?q=x", nil)
	<-arrived
	if got.message != "the phrase is empty" || got.details["hint"] != "leave it out" {
		t.Error(got)
	}
	for _, bad := range []int{401, 500, 503, 302} {
		status, answer = bad, `{"error":{"code":"X","message":"inside"}}`
		s.unavailable(ada, "GET", "/api/v1/search?q=x", nil)
		<-arrived
	}
	base.unavailable(ada, "GET", "/api/v1/search?q=x", nil)
	if strings.Contains(s.log.all(), "priority") {
		t.Error("a search query is in the log")
	}
}
