package api_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/testkit"
)

func TestIssuesOpenedAtOnceHaveNumbersOfTheirOwn(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	base := "/api/v1/repos/" + s.repo(ada, false)
	var wait sync.WaitGroup
	numbers := make([]int, 20)
	for i := range numbers {
		wait.Go(func() {
			got := s.ask(ada, "POST", base+"/issues", map[string]any{"title": fmt.Sprint(i)})
			if got.status == 201 {
				numbers[i] = int(got.object()["number"].(float64))
			}
		})
	}
	wait.Wait()
	slices.Sort(numbers)
	for i, number := range numbers {
		if number != i+1 {
			t.Fatal(numbers)
		}
	}
	if got := s.must(ada, "GET", base+"/issues?per_page=7&page=3", nil); len(got.list()) != 6 || got.meta["total"] != float64(20) ||
		got.meta["page"] != float64(3) || got.meta["per_page"] != float64(7) {
		t.Error(got)
	}
}

func TestAnIssuesLife(t *testing.T) {
	s := common(t)
	repo, all := s.cast(false)
	base := "/api/v1/repos/" + repo
	s.must(all[writer], "POST", base+"/labels", map[string]any{"name": "Bug", "color": "#FF0000"})
	s.want(409, all[writer], "POST", base+"/labels", map[string]any{"name": "bug"})
	made := s.want(201, all[other], "POST", base+"/issues", map[string]any{"title": "it breaks", "body": "often", "labels": []string{"bug"}}).object()
	if made["author"] != all[other].name || fmt.Sprint(made["labels"]) != "[Bug]" || made["state"] != "open" || made["closed_at"] != nil {
		t.Error(made)
	}
	s.must(all[other], "PATCH", base+"/issues/1", map[string]any{"title": "it breaks often"})
	s.want(403, all[other], "PATCH", base+"/issues/1", map[string]any{"labels": []string{}})
	closed := s.must(all[other], "PATCH", base+"/issues/1", map[string]any{"state": "closed"}).object()
	if closed["state"] != "closed" || closed["closed_at"] == nil {
		t.Error(closed)
	}
	for query, want := range map[string]int{"": 0, "?state=closed": 1, "?state=all": 1, "?state=all&label=BUG": 1, "?state=all&label=x": 0,
		"?state=all&author=" + all[other].name: 1, "?state=all&author=" + all[owner].name: 0, "?state=all&author=nobody-here": 0} {
		if got := s.must(nobody, "GET", base+"/issues"+query, nil); len(got.list()) != want || got.meta["total"] != float64(want) {
			t.Errorf("%q: %s", query, got)
		}
	}
	comment := s.want(201, all[reader], "POST", base+"/issues/1/comments", map[string]any{"body": "me too"}).object()
	path := fmt.Sprintf("%s/comments/%v", base, comment["id"])
	s.want(403, all[other], "PATCH", path, map[string]any{"body": "not mine"})
	if got := s.must(all[reader], "PATCH", path, map[string]any{"body": "me three"}).object(); got["body"] != "me three" {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base+"/issues/1", nil).object(); got["comments"] != float64(1) {
		t.Error(got)
	}
	s.must(all[writer], "DELETE", path, nil)
	s.want(404, all[reader], "PATCH", path, map[string]any{"body": "gone"})
	s.want(404, all[reader], "GET", base+"/issues/2", nil)
	// A comment is found below its own repository only.
	elsewhere := s.repo(all[owner], false)
	kept := s.must(all[owner], "POST", base+"/issues/1/comments", map[string]any{"body": "here"}).object()["id"]
	s.want(404, all[owner], "DELETE", fmt.Sprintf("/api/v1/repos/%s/comments/%v", elsewhere, kept), nil)
}

func TestAPullRequestsLife(t *testing.T) {
	s := common(t)
	repo, all := s.cast(true)
	base := "/api/v1/repos/" + repo
	first := s.push(all[owner], repo, "main", map[string]string{"a.txt": "a\n"})
	head := s.push(all[writer], repo, "fix", map[string]string{"a.txt": "fixed\n"})
	made := s.want(201, all[reader], "POST", base+"/pulls", map[string]any{"title": "a fix", "head": "fix"}).object()
	if made["head_commit"] != head || made["base"] != "main" || made["state"] != "open" {
		t.Error(made)
	}
	if got := s.want(409, all[owner], "POST", base+"/pulls", map[string]any{"title": "again", "head": "fix"}); got.details["number"] != float64(1) {
		t.Error(got)
	}
	folder := t.TempDir()
	if got := s.gitIn(folder, "ls-remote", s.remote(all[owner], repo), "refs/pull/1/head"); !strings.HasPrefix(got, head) {
		t.Error("git doesn't have the head:", got)
	}
	head = s.push(all[writer], repo, "fix", map[string]string{"b.txt": "b\n"})
	if got := s.must(all[reader], "GET", base+"/pulls/1", nil).object(); got["head_commit"] != head {
		t.Error("the head did not follow its branch:", got)
	}
	s.want(404, all[reader], "GET", base+"/issues/1", nil) // it is no issue
	s.must(all[reader], "POST", base+"/issues/1/comments", map[string]any{"body": "but can be commented on"})
	counts := func(when string) {
		t.Helper()
		commits := s.must(all[reader], "GET", base+"/pulls/1/commits", nil).list()
		files := s.must(all[reader], "GET", base+"/pulls/1/files", nil)
		if len(commits) != 2 || len(files.list()) != 2 || files.meta["total"] != float64(2) {
			t.Errorf("%s: %d commits, %s", when, len(commits), files)
		}
	}
	counts("open")
	s.want(403, all[reader], "POST", base+"/pulls/1/merge", map[string]any{})
	if got := s.want(409, all[writer], "POST", base+"/pulls/1/merge", map[string]any{"expected_head": first}); got.code != "HEAD_MOVED" {
		t.Error(got)
	}
	merged := s.must(all[writer], "POST", base+"/pulls/1/merge", map[string]any{"message": "Merge the fix", "expected_head": head}).object()
	got := s.must(all[reader], "GET", base+"/pulls/1", nil).object()
	if got["state"] != "merged" || got["merge_commit"] != merged["merge_commit"] || got["merged_by"] != all[writer].name {
		t.Error(got)
	}
	counts("merged")
	commit := s.must(all[reader], "GET", fmt.Sprintf("%s/commits/%v", base, merged["merge_commit"]), nil).object()
	if commit["message"] != "Merge the fix" || commit["author"].(map[string]any)["name"] != all[writer].name || len(commit["files"].([]any)) != 2 {
		t.Error(commit)
	}
	if got := s.want(409, all[writer], "POST", base+"/pulls/1/merge", map[string]any{}); got.code != "ALREADY_MERGED" {
		t.Error(got)
	}
	s.want(409, all[writer], "PATCH", base+"/pulls/1", map[string]any{"state": "open"})
	for query, want := range map[string]int{"": 0, "?state=merged": 1, "?state=closed": 0, "?state=all": 1} {
		if got := s.must(all[reader], "GET", base+"/pulls"+query, nil); len(got.list()) != want {
			t.Errorf("%q: %s", query, got)
		}
	}
	s.push(all[writer], repo, "clash", map[string]string{"a.txt": "one\n"})
	s.push(all[writer], repo, "main", map[string]string{"a.txt": "two\n"})
	s.must(all[writer], "POST", base+"/pulls", map[string]any{"title": "clash", "head": "clash"})
	if got := s.want(409, all[writer], "POST", base+"/pulls/2/merge", map[string]any{}); got.code != "MERGE_CONFLICT" ||
		fmt.Sprint(got.details["files"]) != "[a.txt]" {
		t.Error(got)
	}
}

func TestWhatIsInARepository(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	base := "/api/v1/repos/" + repo
	empty := s.must(nobody, "GET", base+"/tree", nil).object()
	if empty["commit"] != nil || len(empty["entries"].([]any)) != 0 {
		t.Error(empty)
	}
	if shown := s.must(nobody, "GET", base, nil).object(); shown["empty"] != true || shown["permission"] != "read" ||
		shown["clone_url"] != s.url+"/"+repo+".git" {
		t.Error(shown)
	}
	first := s.push(ada, repo, "main", map[string]string{"src/lib.rs": "pub fn a() {}\n", "latin.txt": "caf\xe9\n", "bin": "a\x00b", "long.txt": strings.Repeat("x", 3<<20)})
	second := s.push(ada, repo, "main", map[string]string{"src/lib.rs": "pub fn b() {}\n"})
	folder := t.TempDir()
	s.gitIn(folder, "clone", "--quiet", s.remote(ada, repo), ".")
	s.gitIn(folder, "tag", "light", first)
	s.gitIn(folder, "tag", "--annotate", "--message", "said", "v1", second)
	s.gitIn(folder, "push", "--quiet", s.remote(ada, repo), "--tags")

	if got := s.must(nobody, "GET", base+"/branches", nil); fmt.Sprint(got.list()) != fmt.Sprintf("[map[commit:%s name:main]]", second) {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base+"/tags", nil); fmt.Sprint(got.list()) != fmt.Sprintf("[map[commit:%s name:light] map[commit:%s name:v1]]", first, second) {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base+"/commits?per_page=1", nil); len(got.list()) != 1 || got.meta["more"] != true || got.meta["total"] != nil {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base+"/commits?path=latin.txt&ref=v1", nil); len(got.list()) != 1 || got.list()[0].(map[string]any)["id"] != first {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base+"/commits/"+first, nil).object(); len(got["files"].([]any)) != 4 {
		t.Error(got)
	}
	tree := s.must(nobody, "GET", base+"/tree?path=/src/", nil).object()
	entry := tree["entries"].([]any)[0].(map[string]any)
	if tree["commit"] != second || tree["ref"] != "main" || entry["path"] != "src/lib.rs" || entry["type"] != "blob" || entry["size"] != float64(14) {
		t.Error(tree)
	}
	for path, want := range map[string][]any{
		"src/lib.rs&ref=" + first: {"utf-8", false, false, "pub fn a() {}\n", "Rust"},
		"src/lib.rs&ref=light":    {"utf-8", false, false, "pub fn a() {}\n", "Rust"},
		"latin.txt":               {"windows-1252", false, false, "café\n", "Text"},
		"bin":                     {"binary", true, false, "", ""},
		"long.txt":                {"utf-8", false, true, strings.Repeat("x", 1<<20), "Text"},
	} {
		got := s.must(nobody, "GET", base+"/file?path="+path, nil).object()
		if shown := []any{got["encoding"], got["binary"], got["truncated"], got["content"], got["language"]}; fmt.Sprint(shown) != fmt.Sprint(want) {
			t.Errorf("%s: %.200v", path, shown)
		}
	}
	raw := s.ask(nobody, "GET", base+"/raw?path=long.txt", nil)
	if len(raw.body) != 3<<20 || raw.headers.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(raw.headers.Get("Content-Type"), "text/plain") ||
		!strings.Contains(raw.headers.Get("Content-Security-Policy"), "sandbox") {
		t.Error(len(raw.body), raw.headers)
	}
	if again := s.ask(nobody, "GET", base+"/raw?path=long.txt", nil, "If-None-Match", raw.headers.Get("Etag")); again.status != 304 {
		t.Error(again)
	}
	if head := s.ask(nobody, "HEAD", base+"/raw?path=long.txt", nil); head.status != 200 || len(head.body) != 0 || head.headers.Get("Content-Length") != fmt.Sprint(3<<20) {
		t.Error(head, head.headers)
	}
	bin := s.ask(nobody, "GET", base+"/raw?path=bin", nil)
	if string(bin.body) != "a\x00b" || bin.headers.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(bin.headers.Get("Content-Disposition"), "attachment") {
		t.Error(bin.headers)
	}
	if got := s.must(nobody, "GET", base+"/compare?base=light&head=main", nil).object(); got["ahead"] != float64(1) || len(got["files"].([]any)) != 1 {
		t.Error(got)
	}
	s.want(404, nobody, "GET", base+"/compare?base=light&head=nope", nil)
	s.want(404, nobody, "GET", base+"/tree?ref=nope", nil)
}

func TestARepositoryMovesWithEverythingItHas(t *testing.T) {
	s := common(t)
	ada, bela := s.person("ada"), s.person("bela")
	repo := s.repo(ada, false)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	s.push(ada, repo, "next", map[string]string{"b": "b"})
	org := unique("org")
	s.must(ada, "POST", "/api/v1/orgs", map[string]any{"name": org})
	s.want(403, ada, "PATCH", "/api/v1/repos/"+repo, map[string]any{"owner": bela.name})
	s.want(422, ada, "PATCH", "/api/v1/repos/"+repo, map[string]any{"owner": "nobody-here"})
	moved := s.must(ada, "PATCH", "/api/v1/repos/"+repo, map[string]any{
		"owner": org, "name": "moved", "description": "after", "private": true, "default_branch": "next"}).object()
	if moved["full_name"] != org+"/moved" || moved["private"] != true || moved["default_branch"] != "next" || moved["description"] != "after" {
		t.Error(moved)
	}
	s.want(404, ada, "GET", "/api/v1/repos/"+repo, nil)
	s.want(404, bela, "GET", "/api/v1/repos/"+org+"/moved", nil)
	if got := s.must(ada, "GET", "/api/v1/repos/"+org+"/moved/file?path=b", nil).object(); got["content"] != "b" || got["ref"] != "next" {
		t.Error(got)
	}
	other := s.repo(ada, false)
	if got := s.want(409, ada, "PATCH", "/api/v1/repos/"+other, map[string]any{"owner": org, "name": "MOVED", "description": "must not stay"}); got.code != "CONFLICT" {
		t.Error(got)
	}
	if got := s.must(ada, "GET", "/api/v1/repos/"+other, nil).object(); got["description"] != "" {
		t.Error("a refused change left something:", got)
	}
	s.want(409, ada, "POST", "/api/v1/repos", map[string]any{"name": "Moved", "owner": org})
}

func TestStarsCountOnce(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	base := "/api/v1/repos/" + s.repo(ada, false)
	for range 2 {
		s.must(ada, "PUT", base+"/star", nil)
	}
	if got := s.must(ada, "GET", base, nil).object(); got["stars"] != float64(1) || got["starred"] != true {
		t.Error(got)
	}
	if got := s.must(nobody, "GET", base, nil).object(); got["starred"] != false {
		t.Error(got)
	}
	for range 2 {
		s.must(ada, "DELETE", base+"/star", nil)
	}
	if got := s.must(ada, "GET", base, nil).object(); got["stars"] != float64(0) || got["starred"] != false {
		t.Error(got)
	}
}

func TestEveryWriteThatTheSearchShouldSeeIsAnnounced(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	bela := s.person("bela")
	org := unique("org")
	name := unique("repo")
	full := ada.name + "/" + name
	base := "/api/v1/repos/" + full
	var comment any
	last := func() int64 {
		return testkit.Value[int64](t, s.database, `SELECT COALESCE(max(id), 0) FROM search_outbox`)
	}
	for _, step := range []struct {
		what string
		do   func()
		want string // kind/priority/owner/name/previous
	}{
		{"register", func() {
			s.must(nobody, "POST", "/api/v1/auth/register", map[string]any{"username": "zoe" + name, "email": name + "@x.org", "password": password})
		}, "user/1/zoe" + name + "//"},
		{"profile", func() { s.must(ada, "PATCH", "/api/v1/user", map[string]any{"bio": "b"}) }, "user/1/" + ada.name + "//"},
		{"create", func() { s.must(ada, "POST", "/api/v1/repos", map[string]any{"name": name}) }, "repository_created/1/" + ada.name + "/" + name + "/"},
		{"push", func() {
			s.push(ada, full, "main", map[string]string{"a": "a"})
		}, "push/1/" + ada.name + "/" + name + "/"},
		{"describe", func() { s.must(ada, "PATCH", base, map[string]any{"description": "d"}) }, "repository/1/" + ada.name + "/" + name + "/"},
		{"private", func() { s.must(ada, "PATCH", base, map[string]any{"private": true}) }, "visibility/0/" + ada.name + "/" + name + "/public"},
		{"still private", func() { s.must(ada, "PATCH", base, map[string]any{"private": true}) }, ""},
		{"public", func() { s.must(ada, "PATCH", base, map[string]any{"private": false}) }, "visibility/0/" + ada.name + "/" + name + "/private"},
		{"star", func() { s.must(ada, "PUT", base+"/star", nil) }, "repository/1/" + ada.name + "/" + name + "/"},
		{"star again", func() { s.must(ada, "PUT", base+"/star", nil) }, ""},
		{"collaborator", func() { s.must(ada, "PUT", base+"/collaborators/"+bela.name, map[string]any{"level": "read"}) }, "access/0/" + ada.name + "/" + name + "/"},
		{"no collaborator", func() { s.must(ada, "DELETE", base+"/collaborators/"+bela.name, nil) }, "access/0/" + ada.name + "/" + name + "/"},
		{"issue", func() { s.must(ada, "POST", base+"/issues", map[string]any{"title": "t"}) }, "issue/1/" + ada.name + "/" + name + "/"},
		{"edit issue", func() { s.must(ada, "PATCH", base+"/issues/1", map[string]any{"state": "closed"}) }, "issue/1/" + ada.name + "/" + name + "/"},
		{"comment", func() {
			comment = s.must(ada, "POST", base+"/issues/1/comments", map[string]any{"body": "c"}).object()["id"]
		}, "comment/1/" + ada.name + "/" + name + "/"},
		{"edit comment", func() {
			s.must(ada, "PATCH", fmt.Sprintf("%s/comments/%v", base, comment), map[string]any{"body": "d"})
		}, "comment/1/" + ada.name + "/" + name + "/"},
		{"delete comment", func() { s.must(ada, "DELETE", fmt.Sprintf("%s/comments/%v", base, comment), nil) }, "comment/1/" + ada.name + "/" + name + "/"},
		{"release", func() { s.must(ada, "POST", base+"/releases", map[string]any{"tag": "v1"}) }, "release/1/" + ada.name + "/" + name + "/"},
		{"edit release", func() { s.must(ada, "PATCH", base+"/releases/v1", map[string]any{"body": "b"}) }, "release/1/" + ada.name + "/" + name + "/"},
		{"delete release", func() { s.must(ada, "DELETE", base+"/releases/v1", nil) }, "release/1/" + ada.name + "/" + name + "/"},
		{"organisation", func() { s.must(ada, "POST", "/api/v1/orgs", map[string]any{"name": org}) }, "organization/1/" + org + "//"},
		{"edit organisation", func() { s.must(ada, "PATCH", "/api/v1/orgs/"+org, map[string]any{"description": "d"}) }, "organization/1/" + org + "//"},
		{"member", func() { s.must(ada, "PUT", "/api/v1/orgs/"+org+"/members/"+bela.name, map[string]any{}) }, "access/0/" + org + "//"},
		{"team", func() { s.must(ada, "POST", "/api/v1/orgs/"+org+"/teams", map[string]any{"name": "t"}) }, "access/0/" + org + "//"},
		{"team member", func() { s.must(ada, "PUT", "/api/v1/orgs/"+org+"/teams/t/members/"+bela.name, nil) }, "access/0/" + org + "//"},
		{"no team", func() { s.must(ada, "DELETE", "/api/v1/orgs/"+org+"/teams/t", nil) }, "access/0/" + org + "//"},
		{"no member", func() { s.must(ada, "DELETE", "/api/v1/orgs/"+org+"/members/"+bela.name, nil) }, "access/0/" + org + "//"},
		{"rename", func() { s.must(ada, "PATCH", base, map[string]any{"name": name + "x"}) }, "renamed/1/" + ada.name + "/" + name + "x/" + full},
		{"give away", func() { s.must(ada, "PATCH", base+"x", map[string]any{"owner": org}) }, "transferred/0/" + org + "/" + name + "x/" + full + "x"},
		{"delete", func() { s.must(ada, "DELETE", "/api/v1/repos/"+org+"/"+name+"x", nil) }, "deleted/0/" + org + "/" + name + "x/"},
		{"no organisation", func() { s.must(ada, "DELETE", "/api/v1/orgs/"+org, nil) }, "organization/1/" + org + "//"},
	} {
		before := last()
		step.do()
		got := testkit.Value[string](t, s.database, `SELECT COALESCE(string_agg(kind || '/' || priority || '/' || owner || '/' || name || '/' || previous, ' '
			ORDER BY id), '') FROM search_outbox WHERE id > $1`, before)
		if got != step.want {
			t.Errorf("%s: %q instead of %q", step.what, got, step.want)
		}
	}
}

func TestStatusesAreTheNewestFirst(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	commit := s.push(ada, repo, "main", map[string]string{"a": "a"})
	path := "/api/v1/repos/" + repo + "/commits/" + commit + "/statuses"
	for _, state := range []string{"pending", "success"} {
		s.want(201, ada, "POST", path, map[string]any{"context": "build", "state": state, "target_url": "https://example.org/1"})
	}
	got := s.must(nobody, "GET", path, nil).list()
	if len(got) != 2 || got[0].(map[string]any)["state"] != "success" {
		t.Error(got)
	}
	s.want(422, ada, "POST", path, map[string]any{"context": "build", "state": "fine"})
	s.want(422, ada, "POST", path, map[string]any{"context": "build", "state": "error", "target_url": "javascript:x"})
	s.want(404, ada, "POST", "/api/v1/repos/"+repo+"/commits/"+strings.Repeat("b", 40)+"/statuses", map[string]any{"context": "c", "state": "error"})
}
