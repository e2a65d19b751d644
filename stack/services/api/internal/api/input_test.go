package api_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends bytes as they are, and reads what comes back as an HTTP answer (nil: the connection was closed).
func (s *service) raw(text string, wait time.Duration) *answer {
	s.t.Helper()
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(wait))
	go func() { _, _ = io.WriteString(connection, text) }()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return nil
	}
	return s.read(response)
}

func TestBadInputIsAnsweredInTheEnvelopeWithOneLogLine(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	s.push(ada, repo, "main", map[string]string{"a/b.txt": "b"})
	for _, row := range []struct {
		method, path, body, kind string
		status                   int
		code                     string
	}{
		{"GET", "/api/v1/nowhere", "", "", 404, "NOT_FOUND"},
		{"GET", "/", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos//" + repo, "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + ada.name + "/", "", "", 404, "NOT_FOUND"},
		{"BREW", "/api/v1/user", "", "", 405, "METHOD_NOT_ALLOWED"},
		{"DELETE", "/api/v1/user", "", "", 405, "METHOD_NOT_ALLOWED"},
		{"GET", "/api/v1/repos/" + ada.name + "/..%2F..%2Fetc", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + ada.name + "/../../x", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + ada.name + "/a%00b", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/tree?ref=../../etc/passwd", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/tree?path=../../../etc", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos/" + repo + "/file?path=../x", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos/" + repo + "/file?path=a/..", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos/" + repo + "/file", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos/" + repo + "/file?path=a", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos/" + repo + "/file?path=nope", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/file?path=a/b.txt/c", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/commits/HEAD", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/commits/" + strings.Repeat("0", 40), "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/issues/0", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/issues/99999999999999999999", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/issues?state=odd", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?page=minus-one", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?page=0", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?per_page=101", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?page=99999999999", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?sort=%27;drop", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?q=%00", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?q=%ff", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?q=%zz", "", "", 400, "BAD_REQUEST"},
		{"GET", "/api/v1/repos?" + strings.Repeat("a", 5000), "", "", 414, "URI_TOO_LONG"},
		{"POST", "/api/v1/repos", `{"name":`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `[]`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `null`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", ``, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `{"name":"a"} x`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `{"name":"..","private":false}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":""}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":5}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":"a","private":"yes"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":"a","nmae":"b"}`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `{"NAME":"a"}`, "application/json", 400, "BAD_REQUEST"},
		{"POST", "/api/v1/repos", `{"name":"a\u0000b"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", "{\"name\":\"a\xff\"}", "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":"a","owner":"nobody-here"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":"a","description":"x\u0000"}`, "application/json; charset=utf-8", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos", `{"name":"typed"}`, "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"POST", "/api/v1/repos", `{"name":"typed"}`, "", 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"POST", "/api/v1/repos", `{"name":"a","description":"` + strings.Repeat("x", 2<<20) + `"}`, "application/json", 413, "PAYLOAD_TOO_LARGE"},
		{"POST", "/api/v1/repos/" + repo + "/issues", `{"title":"x","body":"a\u0000"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/issues", `{"title":"two\nlines"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/issues", `{"title":"` + strings.Repeat("ü", 256) + `"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/issues", `{"title":"x","labels":["none"]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/issues", `{"title":"x","labels":["a\u0000"]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/jobs", `{"kind":"steps","steps":[{"run":"a\u0000"}]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/jobs", `{"kind":"steps","steps":[{"ran":"a"}]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/jobs", `{"kind":"other","steps":[{"run":"a"}]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/pulls", `{"title":"x","head":"main"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/pulls", `{"title":"x","head":"nope"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/repos/" + repo + "/releases", `{"tag":"a..b"}`, "application/json", 422, "UNPROCESSABLE"},
		{"GET", "/api/v1/repos/" + repo + "/releases/%ff", "", "", 404, "NOT_FOUND"},
		{"GET", "/api/v1/repos/" + repo + "/releases/a%2Fb", "", "", 404, "NOT_FOUND"},
		{"PATCH", "/api/v1/repos/" + repo, `{"default_branch":"nope"}`, "application/json", 422, "UNPROCESSABLE"},
		{"PUT", "/api/v1/repos/" + repo + "/collaborators/nobody-here", `{"level":"read"}`, "application/json", 404, "NOT_FOUND"},
		{"PUT", "/api/v1/repos/" + repo + "/collaborators/" + ada.name, `{"level":"king"}`, "application/json", 422, "UNPROCESSABLE"},
		{"PATCH", "/api/v1/user", `{"website":"javascript:alert(1)"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/user/tokens", `{"name":"x","scopes":["everything"]}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/user/tokens", `{"name":"x","expires_at":"2001-01-01T00:00:00Z"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/auth/register", `{"username":"api","email":"a@b","password":"12345678"}`, "application/json", 422, "UNPROCESSABLE"},
		{"POST", "/api/v1/auth/register", `{"username":"x y","email":"no","password":"1"}`, "application/json", 422, "UNPROCESSABLE"},
	} {
		what := row.method + " " + row.path[:min(len(row.path), 80)] + " " + row.body[:min(len(row.body), 60)]
		id := unique("bad-input-")
		headers := []string{"X-Request-Id", id}
		if row.kind != "" {
			headers = append(headers, "Content-Type", row.kind)
		}
		var body any
		if row.body != "" || row.kind != "" {
			body = strings.NewReader(row.body)
		}
		got := s.ask(ada, row.method, row.path, body, headers...)
		if got.status != row.status || got.code != row.code {
			t.Errorf("%s: wanted %d %s, got %s", what, row.status, row.code, got)
		}
		if got.headers.Get("X-Request-Id") != id {
			t.Errorf("%s: the request's id came back as %q", what, got.headers.Get("X-Request-Id"))
		}
		if strings.Contains(string(got.body), "goroutine") || strings.Contains(string(got.body), "SQLSTATE") {
			t.Errorf("%s: tells of the inside: %s", what, got)
		}
		if lines := s.log.of(id); len(lines) != 1 {
			t.Errorf("%s: %d log lines", what, len(lines))
		}
	}
}

func TestUnknownFieldsAreNamed(t *testing.T) {
	s := common(t)
	got := s.want(400, s.person("ada"), "POST", "/api/v1/repos", `{"name":"a","zeta":1,"alpha":2}`)
	if !strings.Contains(got.message, "alpha, zeta") || fmt.Sprint(got.details["unknown"]) != "[alpha zeta]" {
		t.Error(got)
	}
	got = s.want(422, s.person("ada"), "POST", "/api/v1/repos", `{"name":"..","description":"two\nlines"}`)
	if got.details["name"] == nil || got.details["description"] == nil {
		t.Error("not every wrong field is named:", got)
	}
}

func TestHeadsThatMakeNoSense(t *testing.T) {
	s := common(t)
	get := "GET /api/v1/health HTTP/1.1\r\nHost: x\r\n"
	for what, row := range map[string]struct {
		text   string
		status int
		code   string
	}{
		"malformed traceparent": {get + "traceparent: 00-zz-not a trace-\x7f01\r\ntracestate: =,=,,\r\n\r\n", 400, "BAD_REQUEST"},
		"odd traceparent":       {get + "traceparent: 00-zz-not-a-trace-01\r\ntracestate: =,=,,\r\nbaggage: =;=,%zz\r\n\r\n", 200, ""},
		"zero traceparent":      {get + "traceparent: 00-00000000000000000000000000000000-0000000000000000-01\r\n\r\n", 200, ""},
		"40 KiB header":         {get + "X-Long: " + strings.Repeat("a", 40<<10) + "\r\n\r\n", 431, "HEADERS_TOO_LARGE"},
		"1 MiB header":          {get + "X-Long: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431, "HEADERS_TOO_LARGE"},
		"5 MiB header":          {get + "X-Long: " + strings.Repeat("a", 5<<20) + "\r\n\r\n", 431, "HEADERS_TOO_LARGE"},
		"many headers":          {get + strings.Repeat("X-Many: a\r\n", 4000) + "\r\n", 431, "HEADERS_TOO_LARGE"},
		"bad escape":            {"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, "BAD_REQUEST"},
		"no host":               {"GET / HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"},
		"no HTTP":               {"hello\r\n\r\n", 400, "BAD_REQUEST"},
		"odd version":           {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505, "INTERNAL_ERROR"},
		"odd length":            {"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "BAD_REQUEST"},
		"odd encoding":          {"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n", 501, "INTERNAL_ERROR"},
	} {
		got := s.raw(text2(row.text), 10*time.Second)
		switch {
		case got == nil:
			t.Errorf("%s: no answer", what)
		case got.status != row.status || got.code != row.code:
			t.Errorf("%s: wanted %d %s, got %s", what, row.status, row.code, got)
		case got.headers.Get("X-Request-Id") == "" || !strings.HasPrefix(got.headers.Get("Content-Type"), "application/json"):
			t.Errorf("%s: %v", what, got.headers)
		default:
			if lines := s.log.of(got.headers.Get("X-Request-Id")); len(lines) != 1 {
				t.Errorf("%s: %d log lines", what, len(lines))
			}
		}
	}
}

func text2(text string) string {
	return strings.Replace(text, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
}

func TestAnOddRequestIdIsReplaced(t *testing.T) {
	s := common(t)
	for _, id := range []string{"", "has space", strings.Repeat("a", 65), "semi;colon", "ü"} {
		got := s.ask(nobody, "GET", "/api/v1/health", nil, "X-Request-Id", id)
		if back := got.headers.Get("X-Request-Id"); back == id || len(back) != 32 {
			t.Errorf("%q came back as %q", id, back)
		}
	}
	if back := s.ask(nobody, "GET", "/api/v1/health", nil, "X-Request-Id", "a.B_c-1").headers.Get("X-Request-Id"); back != "a.B_c-1" {
		t.Error(back)
	}
}

func TestASlowBodyIsLetGoAndACutOneChangesNothing(t *testing.T) {
	database := common(t).database
	s := startOn(t, database, common(t).git, map[string]string{"API_BODY_SECONDS": "0.5", "API_HEADER_SECONDS": "0.5"})
	t.Cleanup(s.stop)
	ada := s.person("ada")
	head := "POST /api/v1/repos HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n" +
		"Authorization: Bearer " + ada.token + "\r\n\r\n"

	slow, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_ = slow.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(slow, head)
	go func() {
		for range 100 {
			if _, err := io.WriteString(slow, " "); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil || response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a body of a byte each tenth of a second: %v %v", response, err)
	}

	cut, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(cut, head+`{"name":"half"}`)
	_ = cut.(*net.TCPConn).CloseWrite()
	_ = cut.SetDeadline(time.Now().Add(10 * time.Second))
	if response, err := http.ReadResponse(bufio.NewReader(cut), nil); err == nil && response.StatusCode < 400 {
		t.Errorf("a body that was cut off was taken: %d", response.StatusCode)
	}
	cut.Close()
	s.want(404, ada, "GET", "/api/v1/repos/"+ada.name+"/half", nil)

	silent, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, _ = io.WriteString(silent, "GET / HT")
	_ = silent.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(silent); err != nil {
		t.Errorf("a head that never ends holds its connection: %v", err)
	}
}

func TestUnknownPathsMakeNoSeries(t *testing.T) {
	s := common(t)
	for i := range 200 {
		s.ask(nobody, fmt.Sprintf("ODD%d", i%7), fmt.Sprintf("/unknown/%d/path", i), nil)
		s.ask(nobody, "GET", fmt.Sprintf("/api/v1/unknown-%d", i), nil)
	}
	text := string(s.ask(nobody, "GET", "/metrics", nil).body)
	if strings.Contains(text, "unknown") || strings.Contains(text, "ODD") {
		t.Error("a client's own words are in the metrics")
	}
	if !strings.Contains(text, `http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="405",http_route="unmatched",}`) &&
		!strings.Contains(text, `http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="405",http_route="unmatched"}`) {
		t.Error("odd methods are not counted")
	}
	for _, name := range []string{"http_server_active_requests", "db_client_operation_duration_seconds_bucket", "otel_spans_dropped_total",
		"otel_spans_exported_total", "db_client_connection_count{", "db_client_connection_max", "api_sign_ins_total{result=\"unavailable\"}",
		"api_denied_total", "api_rate_limited_total", "process_resident_memory_bytes", "go_goroutines"} {
		if !strings.Contains(text, name) {
			t.Errorf("%s is not among the metrics", name)
		}
	}
}

func TestEveryLogLineIsJSONWithTheSharedNames(t *testing.T) {
	s := common(t)
	id := unique("log-")
	trace := "4bf92f3577b34da6a3ce929d0e0e4736"
	s.ask(nobody, "GET", "/api/v1/repos?q=secret-words", nil, "X-Request-Id", id, "traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	lines := s.log.of(id)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	line := lines[0]
	for name, want := range map[string]any{
		"level": "info", "service": "api", "message": "request", "http_request_method": "GET", "trace_id": trace,
		"http_route": "/api/v1/repos", "http_response_status_code": float64(200), "request_id": id,
	} {
		if line[name] != want {
			t.Errorf("%s is %v", name, line[name])
		}
	}
	at, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["timestamp"]))
	if err != nil || time.Since(at) > time.Minute || !strings.HasSuffix(fmt.Sprint(line["timestamp"]), "Z") {
		t.Error(line["timestamp"])
	}
	for _, text := range strings.Split(strings.TrimSpace(s.log.all()), "\n") {
		if !json.Valid([]byte(text)) {
			t.Errorf("not JSON: %s", text)
		}
	}
	if all := s.log.all(); strings.Contains(all, "secret-words") || strings.Contains(all, "ers_") || strings.Contains(all, password) ||
		strings.Contains(all, "@example.org") {
		t.Error("the log tells what it must not")
	}
}
