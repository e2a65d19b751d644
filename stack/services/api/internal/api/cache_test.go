package api_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func hits(s *service) (found int) {
	s.t.Helper()
	for _, line := range strings.Split(string(s.ask(nobody, "GET", "/metrics", nil).body), "\n") {
		if strings.HasPrefix(line, `cache_operations_total{operation="permissions",result="hit"}`) {
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &found)
		}
	}
	return found
}

func TestPermissionsAreCachedAndForgottenWithEveryChange(t *testing.T) {
	base := common(t)
	redis := testkit.NewRedis(t)
	settings := map[string]string{"REDIS_NODES": redis, "API_CACHE_SECONDS": "60"}
	s := startOn(t, base.database, base.git, settings)
	t.Cleanup(s.stop)
	twin := startOn(t, base.database, base.git, settings) // another instance
	t.Cleanup(twin.stop)
	repo, all := s.cast(true)
	path := "/api/v1/repos/" + repo
	before := hits(s)
	for range 3 {
		s.must(all[reader], "GET", path+"/issues", nil)
		twin.must(all[reader], "GET", path+"/issues", nil)
	}
	if got := hits(s) - before; got < 2 {
		t.Errorf("%d hits", got)
	}
	if hits(twin) < 2 {
		t.Error("the other instance doesn't share the cache")
	}
	// What somebody may not do any more they may not do at once, on whichever instance.
	s.must(all[owner], "DELETE", path+"/collaborators/"+all[reader].name, nil)
	twin.want(404, all[reader], "GET", path+"/issues", nil)
	s.want(404, all[reader], "GET", path+"/issues", nil)

	s.must(all[writer], "GET", path, nil)
	if got := twin.must(all[writer], "GET", path, nil).object()["permission"]; got != "write" {
		t.Error(got)
	}
	twin.must(all[owner], "PUT", path+"/collaborators/"+all[writer].name, map[string]any{"level": "read"})
	if got := s.must(all[writer], "GET", path, nil).object()["permission"]; got != "read" {
		t.Error(got)
	}
	twin.must(all[owner], "PATCH", path, map[string]any{"private": false})
	s.must(all[other], "GET", path, nil)
	twin.must(all[owner], "PATCH", path, map[string]any{"private": true})
	s.want(404, all[other], "GET", path, nil)

	org := unique("org")
	s.must(all[owner], "POST", "/api/v1/orgs", map[string]any{"name": org})
	s.must(all[owner], "POST", "/api/v1/orgs/"+org+"/teams", map[string]any{"name": "t", "all_repositories": true})
	s.must(all[owner], "PUT", "/api/v1/orgs/"+org+"/teams/t/members/"+all[other].name, nil)
	s.must(all[owner], "PATCH", path, map[string]any{"owner": org})
	moved := "/api/v1/repos/" + org + "/" + strings.Split(repo, "/")[1]
	s.want(404, all[owner], "GET", path, nil)
	s.must(all[other], "GET", moved, nil)
	twin.must(all[other], "GET", moved, nil)
	s.must(all[owner], "DELETE", "/api/v1/orgs/"+org+"/teams/t/members/"+all[other].name, nil)
	twin.want(404, all[other], "GET", moved, nil)
	s.must(all[owner], "DELETE", moved, nil)
	twin.want(404, all[owner], "GET", moved, nil)

	// Limits are shared as well.
	for range 10 {
		s.login(all[other].name, "wrong")
	}
	if got := twin.login(all[other].name, password); got.status != 429 {
		t.Error(got)
	}
}

func TestAnOutageNeverHidesBehindTheCache(t *testing.T) {
	s := own(t, map[string]string{"REDIS_NODES": testkit.NewRedis(t), "API_CACHE_SECONDS": "60"})
	ada := s.person("ada")
	repo := s.repo(ada, false)
	for _, who := range []*person{ada, nobody} {
		s.must(who, "GET", "/api/v1/repos/"+repo, nil)
		s.must(who, "GET", "/api/v1/repos/"+repo+"/branches", nil)
	}
	s.database.Outage(t)
	for _, who := range []*person{ada, nobody} {
		s.unavailable(who, "GET", "/api/v1/repos/"+repo, nil)
		s.unavailable(who, "GET", "/api/v1/repos/"+repo+"/branches", nil)
	}
}

func TestNobodyNoticesThatTheCacheIsAway(t *testing.T) {
	base := common(t)
	// Nobody listens at the first; the second takes connections and never answers.
	silent := silentListener(t)
	for _, nodes := range []string{"127.0.0.1:9", silent} {
		s := startOn(t, base.database, base.git, map[string]string{"REDIS_NODES": nodes})
		ada := s.person("ada")
		started := time.Now()
		repo := s.repo(ada, false)
		for range 20 {
			s.must(ada, "GET", "/api/v1/repos/"+repo, nil)
		}
		if got := s.login(ada.name, password); got.status != 200 {
			t.Error(got)
		}
		if took := time.Since(started); took > 5*time.Second {
			t.Errorf("%s: it took %s", nodes, took)
		}
		ready := s.ask(nobody, "GET", "/readyz", nil)
		if ready.status != 200 || !strings.Contains(string(ready.body), `"cache":"degraded"`) {
			t.Error(ready)
		}
		s.stop()
	}
}

func silentListener(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}
