package api_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func TestWhatWasPushedIsWhatIsCloned(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	for _, private := range []bool{false, true} {
		repo := s.repo(ada, private)
		commit := s.push(ada, repo, "main", map[string]string{"a.txt": "a", "b/c.txt": "c"})
		who := nobody
		if private {
			who = ada
		}
		folder := t.TempDir()
		s.gitIn(folder, "clone", "--quiet", s.remote(who, repo), "clone")
		if got := s.gitIn(filepath.Join(folder, "clone"), "rev-parse", "HEAD"); got != commit {
			t.Errorf("%s instead of %s", got, commit)
		}
		upper := strings.ToUpper(repo)
		s.gitIn(folder, "ls-remote", s.remote(who, upper)) // names have no case
	}
}

func TestAnEmptyRepositoryCanBeCloned(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	folder := t.TempDir()
	s.gitIn(folder, "clone", "--quiet", s.remote(nobody, repo), "clone")
}

func TestALargePushIsNotRefusedForItsSize(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	folder := t.TempDir()
	s.gitIn(folder, "init", "--quiet", "--initial-branch=main")
	noise := make([]byte, 24<<20)
	_, _ = rand.Read(noise)
	if err := os.WriteFile(filepath.Join(folder, "noise"), noise, 0o644); err != nil {
		t.Fatal(err)
	}
	s.gitIn(folder, "add", "noise")
	s.gitIn(folder, "commit", "--quiet", "--message", "noise")
	s.gitIn(folder, "push", "--quiet", s.remote(ada, repo), "HEAD:refs/heads/main")
	into := t.TempDir()
	s.gitIn(into, "clone", "--quiet", s.remote(nobody, repo), "clone")
	got, err := os.ReadFile(filepath.Join(into, "clone", "noise"))
	if err != nil || !bytes.Equal(got, noise) {
		t.Error("the bytes are not those that were pushed", err)
	}
	metrics := string(s.ask(nobody, "GET", "/metrics", nil).body)
	for _, direction := range []string{"received", "sent"} {
		if !strings.Contains(metrics, `api_git_transferred_bytes_total{direction="`+direction+`"}`) {
			t.Errorf("bytes %s are not counted", direction)
		}
	}
}

func basic(name, word string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+word))
}

func TestWhoMayCloneAndPush(t *testing.T) {
	s := common(t)
	const ok = 200
	for _, private := range []bool{false, true} {
		repo, all := s.cast(private)
		s.push(all[owner], repo, "main", map[string]string{"a": "a"})
		pull := expected{ok, ok, ok, ok, ok, ok, ok}
		push := expected{401, 403, 403, ok, ok, ok, 403}
		if private {
			pull = expected{401, 404, ok, ok, ok, ok, 404}
			push = expected{401, 404, 403, ok, ok, ok, 404}
		}
		for i := range actors {
			for service, want := range map[string]int{"git-upload-pack": pull[i], "git-receive-pack": push[i]} {
				path := "/" + repo + ".git/info/refs?service=" + service
				got := s.ask(all[i], "GET", path, nil)
				if got.status != want {
					t.Errorf("%s of %v as %s: wanted %d, got %s", service, private, actorNames[i], want, got)
				}
				if challenge := got.headers.Get("WWW-Authenticate"); (got.status == 401) != strings.HasPrefix(challenge, "Basic ") {
					t.Errorf("%s as %s: %d with the challenge %q", service, actorNames[i], got.status, challenge)
				}
				if i == anonymous {
					continue
				}
				for word, secret := range map[string]string{"token": all[i].token, "password": password} {
					if with := s.ask(nobody, "GET", path, nil, "Authorization", basic(all[i].name, secret)); with.status != want {
						t.Errorf("%s as %s by %s: wanted %d, got %s", service, actorNames[i], word, want, with)
					}
				}
			}
			calls := map[string]int{"git-upload-pack": pull[i], "git-receive-pack": push[i]}
			for service, want := range calls {
				got := s.ask(all[i], "POST", "/"+repo+".git/"+service, strings.NewReader("0000"), "Content-Type",
					"application/x-"+service+"-request")
				if (want == ok) != (got.status < 300) || (want != ok && got.status != want) {
					t.Errorf("POST %s of %v as %s: wanted %d, got %s", service, private, actorNames[i], want, got)
				}
			}
		}
	}
}

func TestWhatIsPrivateCannotBeToldFromNothing(t *testing.T) {
	s := common(t)
	repo, all := s.cast(true)
	none := all[owner].name + "/never-there"
	for _, who := range []*person{nobody, all[other]} {
		for _, service := range []string{"git-upload-pack", "git-receive-pack"} {
			one := s.ask(who, "GET", "/"+repo+".git/info/refs?service="+service, nil)
			two := s.ask(who, "GET", "/"+none+".git/info/refs?service="+service, nil)
			if one.status != two.status || !bytes.Equal(one.body, two.body) {
				t.Errorf("%s and %s", one, two)
			}
		}
	}
	if got := s.ask(nobody, "GET", "/"+repo+".git/info/refs?service=git-upload-pack", nil, "Authorization",
		basic(all[owner].name, "wrong")); got.status != 401 || got.headers.Get("WWW-Authenticate") == "" {
		t.Error(got)
	}
}

func TestArchivedMeansNoPushAndScopesHold(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, true)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	made := s.must(ada, "POST", "/api/v1/user/tokens", map[string]any{"name": "reads", "scopes": []string{"read"}})
	reads := &person{name: ada.name, token: made.object()["token"].(string)}
	path := "/" + repo + ".git/info/refs?service="
	s.want(200, reads, "GET", path+"git-upload-pack", nil)
	s.want(403, reads, "GET", path+"git-receive-pack", nil)
	s.must(ada, "PATCH", "/api/v1/repos/"+repo, map[string]any{"archived": true})
	s.want(200, ada, "GET", path+"git-upload-pack", nil)
	if got := s.want(403, ada, "GET", path+"git-receive-pack", nil); !strings.Contains(got.message, "archived") {
		t.Error(got)
	}
}

func TestAWikiIsPushedClonedAndShown(t *testing.T) {
	s := common(t)
	repo, all := s.cast(true)
	base := "/api/v1/repos/" + repo
	if got := s.must(all[owner], "GET", base+"/wiki", nil); len(got.list()) != 0 {
		t.Error(got)
	}
	folder := t.TempDir()
	s.gitIn(folder, "init", "--quiet", "--initial-branch=main")
	if err := os.WriteFile(filepath.Join(folder, "Getting-Started.md"), []byte("# Start\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "picture.png"), []byte{0, 1}, 0o644); err != nil {
		t.Fatal(err)
	}
	s.gitIn(folder, "add", "--all")
	s.gitIn(folder, "commit", "--quiet", "--message", "a page")
	if _, err := s.command(folder, "push", s.remote(all[reader], repo+".wiki"), "HEAD:refs/heads/main"); err == nil {
		t.Error("a reader wrote the wiki")
	}
	s.gitIn(folder, "push", "--quiet", s.remote(all[writer], repo+".wiki"), "HEAD:refs/heads/main")
	pages := s.must(all[reader], "GET", base+"/wiki", nil).list()
	if len(pages) != 1 || pages[0].(map[string]any)["title"] != "Getting Started" {
		t.Error(pages)
	}
	for _, path := range []string{"Getting-Started.md", "Getting-Started"} {
		if got := s.must(all[reader], "GET", base+"/wiki/page?path="+path, nil).object(); got["content"] != "# Start\n" {
			t.Error(got)
		}
	}
	s.want(404, all[reader], "GET", base+"/wiki/page?path=Other", nil)
	s.want(400, all[reader], "GET", base+"/wiki/page?path=../x", nil)
	s.want(404, all[other], "GET", base+"/wiki/page?path=Getting-Started.md", nil)
	s.want(401, nobody, "GET", "/"+repo+".wiki.git/info/refs?service=git-upload-pack", nil)
}

func TestNamesThatLeadElsewhereAreNoRepositories(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	s.repo(ada, false)
	for _, path := range []string{
		"/" + ada.name + "/..%2F..%2Fetc.git/info/refs?service=git-upload-pack",
		"/" + ada.name + "/../../etc.git/info/refs?service=git-upload-pack",
		"//.git/info/refs?service=git-upload-pack",
		"/" + ada.name + "/.git/info/refs?service=git-upload-pack",
		"/" + ada.name + "/target%00.git/info/refs?service=git-upload-pack",
		"/" + ada.name + "/target.git/../../secrets",
		"/" + ada.name + "/x.git.git/info/refs?service=git-upload-pack",
		"/" + ada.name + "/x/info/refs?service=git-upload-pack",
	} {
		got := s.raw("GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer "+ada.token+"\r\n\r\n", 5*time.Second)
		if got == nil || got.status != 404 || got.code != "NOT_FOUND" {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// behind is a service that stands where git does, and looks at what arrives.
func behind(t *testing.T, handler http.HandlerFunc) (*service, *person, string) {
	t.Helper()
	base := common(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	ada := base.person("ada")
	repo := base.repo(ada, true)
	s := startOn(t, base.database, &testkit.Git{URL: "http://" + listener.Addr().String()}, map[string]string{"API_IDLE_SECONDS": "1"})
	t.Cleanup(s.stop)
	return s, ada, repo
}

func TestTheProxyHandsOnWhatGitNeedsAndNothingElse(t *testing.T) {
	type seen struct {
		path, query string
		headers     http.Header
		body        []byte
		length      int64
	}
	arrived := make(chan seen, 1)
	s, ada, repo := behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- seen{r.URL.Path, r.URL.RawQuery, r.Header, body, r.ContentLength}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		_, _ = w.Write([]byte("packed"))
	})
	var zipped bytes.Buffer
	packer := gzip.NewWriter(&zipped)
	_, _ = packer.Write([]byte("0011want everything"))
	_ = packer.Close()
	sent := bytes.Clone(zipped.Bytes())
	got := s.ask(ada, "POST", "/"+strings.ToUpper(repo)+".git/git-upload-pack", &zipped, "Content-Type",
		"application/x-git-upload-pack-request", "Content-Encoding", "gzip", "Git-Protocol", "version=2", "X-Request-Id", "id-1",
		"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Cookie", "session=1", "X-Engineroom-User", "root",
		"X-Engineroom-Access", "write", "X-Forwarded-For", "1.2.3.4", "baggage", "a=b")
	if got.status != 200 || string(got.body) != "packed" {
		t.Fatal(got)
	}
	it := <-arrived
	if it.path != "/"+repo+".git/git-upload-pack" || !bytes.Equal(it.body, sent) || it.length != int64(len(sent)) {
		t.Errorf("%+v", it)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer " + testkit.GitToken, "X-Engineroom-User": ada.name, "X-Engineroom-Access": "read",
		"X-Request-Id": "id-1", "Git-Protocol": "version=2", "Content-Encoding": "gzip", "Cookie": "", "X-Forwarded-For": "", "Baggage": "",
	} {
		if it.headers.Get(name) != want {
			t.Errorf("%s is %q", name, it.headers.Get(name))
		}
	}
	if !strings.HasPrefix(it.headers.Get("Traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-") {
		t.Errorf("traceparent is %q", it.headers.Get("Traceparent"))
	}
}

func TestTheProxyStreamsBothWays(t *testing.T) {
	s, ada, repo := behind(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		first := make([]byte, 5)
		_, _ = io.ReadFull(r.Body, first)
		_, _ = w.Write(append([]byte("got "), first...))
		_ = control.Flush()
		rest, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, " and %d", len(rest))
	})
	// What git says of the beginning arrives before the rest was sent.
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(connection, "POST /%s.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/x-git-receive-pack-request\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", repo, ada.token)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	early := make([]byte, 9)
	if _, err := io.ReadFull(response.Body, early); err != nil || string(early) != "got hello" {
		t.Fatalf("%q %v", early, err)
	}
	_, _ = io.WriteString(connection, "6\r\n world\r\n0\r\n\r\n")
	rest, err := io.ReadAll(response.Body)
	if err != nil || string(rest) != " and 6" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestExpectContinueIsAnsweredByWhoReadsTheBody(t *testing.T) {
	s, ada, repo := behind(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	head := "POST /%s.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\n" +
		"Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 4\r\n\r\n"
	_, _ = fmt.Fprintf(connection, head, repo, ada.token)
	reader := bufio.NewReader(connection)
	line, err := reader.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q %v", line, err)
	}
	for line != "\r\n" && err == nil {
		line, err = reader.ReadString('\n')
	}
	_, _ = io.WriteString(connection, "0000")
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("%v %v", response, err)
	}
	// Who may not push is told before they send anything.
	refused, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	_ = refused.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = fmt.Fprintf(refused, head, repo, s.person("other").token)
	line, err = bufio.NewReader(refused).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 404") {
		t.Errorf("%q %v", line, err)
	}
}

func TestACloneMayTakeLongButNotStandStill(t *testing.T) {
	left := make(chan struct{})
	s, ada, repo := behind(t, func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if strings.HasSuffix(r.URL.Path, "upload-pack") {
			for range 8 { // longer than the idle limit in all, never between two pieces
				_, _ = w.Write([]byte("piece"))
				_ = control.Flush()
				time.Sleep(300 * time.Millisecond)
			}
			return
		}
		_, _ = io.ReadAll(r.Body)
		close(left)
	})
	got := s.ask(ada, "POST", "/"+repo+".git/git-upload-pack", strings.NewReader("0000"), "Content-Type", "application/x-git-upload-pack-request")
	if got.status != 200 || len(got.body) != 40 {
		t.Error(got)
	}
	connection, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_, _ = fmt.Fprintf(connection, "POST /%s.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Length: 100\r\n\r\nhalf", repo, ada.token)
	_ = connection.SetDeadline(time.Now().Add(20 * time.Second))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil || response.StatusCode != http.StatusRequestTimeout {
		t.Errorf("a push that stands still: %v %v", response, err)
	}
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("git still waits for a push whose client is gone")
	}
}

func TestAnAnswerThatBreaksIsCutNotFinished(t *testing.T) {
	s, ada, repo := behind(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half of a pack"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	request, _ := http.NewRequest("POST", s.url+"/"+repo+".git/git-upload-pack", strings.NewReader("0000"))
	request.Header.Set("Authorization", "Bearer "+ada.token)
	request.Header.Set("X-Request-Id", "cut-answer")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("%q looks whole", text)
	}
	testkit.Eventually(t, "the line says so", func() error {
		lines := s.log.of("cut-answer")
		if len(lines) != 1 || lines[0]["complete"] != false {
			return errText(fmt.Sprint(lines))
		}
		return nil
	})
}
