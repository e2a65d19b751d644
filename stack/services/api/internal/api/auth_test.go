package api_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func (s *service) login(name, word string) *answer {
	s.t.Helper()
	return s.ask(nobody, "POST", "/api/v1/auth/login", map[string]any{"username": name, "password": word})
}

func TestAWrongPasswordAndAnUnknownUserAreAnsweredAlike(t *testing.T) {
	s := common(t)
	ada, gone, mute := s.person("ada"), s.person("gone"), s.person("mute")
	s.database.Exec(t, `UPDATE "user" SET is_active = false WHERE id = $1`, gone.id)
	s.database.Exec(t, `UPDATE "user" SET password_hash = NULL WHERE id = $1`, mute.id)
	wrong := s.login(ada.name, "not the password")
	for what, got := range map[string]*answer{
		"unknown": s.login("nobody-here", password), "inactive": s.login(gone.name, password), "without a password": s.login(mute.name, password),
		"not a name": s.login("no name at all", password), "long": s.login(ada.name, password+strings.Repeat("x", 100)),
	} {
		if got.status != 401 || string(got.body) != string(wrong.body) {
			t.Errorf("%s: %s instead of %s", what, got, wrong)
		}
	}
	if got := s.login(strings.ToUpper(ada.name), password); got.status != 200 {
		t.Error(got)
	}
	s.want(401, gone, "GET", "/api/v1/user", nil)
}

func TestATokenIsWorthNothingAfterwards(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	got := s.login(ada.name, password)
	session := &person{name: ada.name, token: got.object()["token"].(string)}
	s.must(session, "GET", "/api/v1/user", nil)
	hash := sha256.Sum256([]byte(session.token))
	if n := testkit.Value[int64](t, s.database, `SELECT count(*) FROM session WHERE token_hash = $1`, hash[:]); n != 1 {
		t.Errorf("%d sessions with the token's SHA-256", n)
	}
	s.must(session, "POST", "/api/v1/auth/logout", nil)
	got = s.want(401, session, "GET", "/api/v1/user", nil)
	if !strings.HasPrefix(got.headers.Get("WWW-Authenticate"), "Bearer") {
		t.Error(got.headers)
	}
	s.want(401, session, "GET", "/api/v1/repos", nil) // a token that isn't known is refused where none would do
	s.want(401, session, "POST", "/api/v1/auth/logout", nil)

	s.database.Exec(t, `UPDATE session SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	s.want(401, ada, "GET", "/api/v1/user", nil)
}

func TestAuthorizationHeadersThatMakeNoSense(t *testing.T) {
	s := common(t)
	for _, header := range []string{"Bearer", "Bearer ", "Bearer x", "bearer " + strings.Repeat("x", 600), "Basic eDp5", "Digest x", "ers_token"} {
		if got := s.ask(nobody, "GET", "/api/v1/repos", nil, "Authorization", header); got.status != 401 || got.code != "UNAUTHORIZED" {
			t.Errorf("%q: %s", header, got)
		}
	}
	for _, header := range []string{"Basic", "Basic ", "Basic !!", "Basic AAAA", "Basic eA==", "Negotiate x"} {
		got := s.ask(nobody, "GET", "/a/b.git/info/refs?service=git-upload-pack", nil, "Authorization", header)
		if got.status != 401 || !strings.HasPrefix(got.headers.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%q: %s", header, got)
		}
	}
}

func TestAccessTokensAreShownOnceAndTheirScopesHold(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, true)
	made := map[string]*person{}
	for _, scope := range []string{"read", "write", "admin", "all"} {
		body := map[string]any{"name": scope, "scopes": []string{scope}}
		if scope == "all" {
			delete(body, "scopes")
		}
		got := s.want(201, ada, "POST", "/api/v1/user/tokens", body).object()
		made[scope] = &person{name: ada.name, token: got["token"].(string)}
	}
	s.want(409, ada, "POST", "/api/v1/user/tokens", map[string]any{"name": "read"})
	listed := s.must(ada, "GET", "/api/v1/user/tokens", nil)
	if len(listed.list()) != 4 || strings.Contains(string(listed.body), "era_") {
		t.Error(listed)
	}
	base := "/api/v1/repos/" + repo
	for scope, want := range map[string][]int{
		// read, open an issue, label (write), describe (admin), list tokens (account)
		"read": {200, 403, 403, 403, 403}, "write": {200, 201, 201, 403, 403}, "admin": {200, 201, 201, 200, 200}, "all": {200, 201, 201, 200, 200},
	} {
		who := made[scope]
		got := []int{
			s.ask(who, "GET", base, nil).status,
			s.ask(who, "POST", base+"/issues", map[string]any{"title": "t"}).status,
			s.ask(who, "POST", base+"/labels", map[string]any{"name": scope}).status,
			s.ask(who, "PATCH", base, map[string]any{"description": "d"}).status,
			s.ask(who, "GET", "/api/v1/user/tokens", nil).status,
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v instead of %v", scope, got, want)
		}
	}
	id := int64(listed.list()[0].(map[string]any)["id"].(float64))
	s.want(404, s.person("other"), "DELETE", fmt.Sprintf("/api/v1/user/tokens/%d", id), nil)
	s.must(ada, "DELETE", fmt.Sprintf("/api/v1/user/tokens/%d", id), nil)
	s.want(404, ada, "DELETE", fmt.Sprintf("/api/v1/user/tokens/%d", id), nil)
	s.want(401, made["all"], "GET", "/api/v1/user", nil)
	s.database.Exec(t, `UPDATE access_token SET expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	s.want(401, made["read"], "GET", "/api/v1/user", nil)
}

func TestFailuresCountForWhomATrustedProxyNames(t *testing.T) {
	base := common(t)
	for proxies, others := range map[string]int{"127.0.0.0/8,192.0.2.128/25": 200, "": 429} {
		s := startOn(t, base.database, base.git, map[string]string{"API_SIGN_IN_FAILURES": "3", "API_TRUSTED_PROXIES": proxies})
		t.Cleanup(s.stop)
		ada := s.person("ada")
		from := func(hops, secret string) int {
			body := map[string]any{"username": ada.name, "password": secret}
			return s.ask(nobody, "POST", "/api/v1/auth/login", body, "X-Forwarded-For", hops).status
		}
		for range 3 {
			if status := from("192.0.2.1", "wrong"); status != 401 {
				t.Fatal(status)
			}
		}
		if status := from("192.0.2.1", password); status != 429 {
			t.Errorf("with proxies %q the one who failed gets %d", proxies, status)
		}
		if status := from("192.0.2.2", password); status != others {
			t.Errorf("with proxies %q another one gets %d instead of %d", proxies, status, others)
		}
		// What stands before the first hop that nobody trusts is the client's own word; a trusted one is passed over.
		if status := from("192.0.2.2, 192.0.2.1, 192.0.2.200", password); status != 429 {
			t.Errorf("with proxies %q a made-up hop helps: %d", proxies, status)
		}
	}
}

func TestTooManyFailuresAreRefusedForThatNameOnly(t *testing.T) {
	base := common(t)
	s := startOn(t, base.database, base.git, map[string]string{"API_SIGN_IN_FAILURES": "3", "API_SIGN_IN_WINDOW_SECONDS": "600"})
	t.Cleanup(s.stop)
	ada, bela := s.person("ada"), s.person("bela")
	for range 3 {
		if got := s.login(ada.name, "wrong"); got.status != 401 {
			t.Fatal(got)
		}
	}
	got := s.login(ada.name, password)
	if got.status != 429 || got.code != "TOO_MANY_REQUESTS" || got.headers.Get("Retry-After") == "" {
		t.Error(got)
	}
	if got := s.ask(nobody, "GET", "/a/b.git/info/refs?service=git-upload-pack", nil, "Authorization", basic(ada.name, password)); got.status != 429 {
		t.Error("the limit is not git's too:", got)
	}
	if got := s.login(bela.name, password); got.status != 200 {
		t.Error(got)
	}
	s.must(ada, "GET", "/api/v1/user", nil) // who is signed in stays so
	if text := string(s.ask(nobody, "GET", "/metrics", nil).body); !strings.Contains(text, "api_rate_limited_total 2") ||
		!strings.Contains(text, `api_sign_ins_total{result="refused"} 4`) || !strings.Contains(text, `api_sign_ins_total{result="success"} 1`) {
		t.Error("the counters say otherwise")
	}
}

func TestAChangedPasswordIsForgottenAtOnce(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, true)
	path := "/" + repo + ".git/info/refs?service=git-upload-pack"
	if got := s.ask(nobody, "GET", path, nil, "Authorization", basic(ada.name, password)); got.status != 200 {
		t.Fatal(got)
	}
	s.database.Exec(t, `UPDATE "user" SET password_hash = NULL WHERE id = $1`, ada.id)
	if got := s.ask(nobody, "GET", path, nil, "Authorization", basic(ada.name, password)); got.status != 401 {
		t.Error(got)
	}
}

func TestRegistrationMakesOneUserOfAName(t *testing.T) {
	s := common(t)
	name := unique("new")
	body := map[string]any{"username": name, "email": name + "@example.org", "password": password, "full_name": "N. E. W."}
	got := s.want(201, nobody, "POST", "/api/v1/auth/register", body)
	if strings.Contains(string(got.body), "@") || got.object()["full_name"] != "N. E. W." {
		t.Error(got)
	}
	body["username"] = strings.ToUpper(name)
	body["email"] = "x" + name + "@example.org"
	s.want(409, nobody, "POST", "/api/v1/auth/register", body)
	body["username"], body["email"] = unique("new"), strings.ToUpper(name)+"@example.org"
	s.want(409, nobody, "POST", "/api/v1/auth/register", body)
	org := unique("org")
	s.must(s.person("ada"), "POST", "/api/v1/orgs", map[string]any{"name": org})
	body["username"], body["email"] = org, org+"@example.org"
	s.want(409, nobody, "POST", "/api/v1/auth/register", body)

	hash := testkit.Value[string](t, s.database, `SELECT password_hash FROM "user" WHERE username = $1`, name)
	if !strings.HasPrefix(hash, "$2a$") {
		t.Error(hash)
	}
	closed := startOn(t, s.database, s.git, map[string]string{"API_REGISTRATION": "closed"})
	t.Cleanup(closed.stop)
	body["username"], body["email"] = unique("new"), unique("new")+"@example.org"
	closed.want(403, nobody, "POST", "/api/v1/auth/register", body)
}

func TestNobodySeesAnothersAddress(t *testing.T) {
	s := common(t)
	ada, cleo := s.person("ada"), s.person("cleo")
	repo := s.repo(ada, false)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	s.must(ada, "POST", "/api/v1/repos/"+repo+"/issues", map[string]any{"title": "t"})
	for _, path := range []string{"/api/v1/users/" + ada.name, "/api/v1/users?q=" + ada.name, "/api/v1/repos/" + repo,
		"/api/v1/repos/" + repo + "/issues", "/api/v1/repos/" + repo + "/commits", "/api/v1/repos/" + repo + "/commits?path=a"} {
		for _, who := range []*person{nobody, cleo, ada} {
			if got := s.must(who, "GET", path, nil); strings.Contains(string(got.body), "@example.org") {
				t.Errorf("%s: %s", path, got)
			}
		}
	}
	if got := s.must(ada, "GET", "/api/v1/user", nil).object(); got["email"] != ada.name+"@example.org" {
		t.Error(got)
	}
	changed := s.must(ada, "PATCH", "/api/v1/user", map[string]any{"full_name": "Ada", "website": "https://example.org/"}).object()
	if changed["full_name"] != "Ada" || changed["website"] != "https://example.org/" || changed["bio"] != "" {
		t.Error(changed)
	}
	if _, err := time.Parse(time.RFC3339, fmt.Sprint(changed["created_at"])); err != nil || !strings.HasSuffix(fmt.Sprint(changed["created_at"]), "Z") {
		t.Error(changed["created_at"])
	}
}
