package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// The actors of the table, in its order.
const (
	anonymous = iota
	other
	reader
	writer
	admin
	owner
	site // administers the forge; has no level of their own on anybody's repository, as in the search
	actors
)

var actorNames = [actors]string{"anonymous", "other", "reader", "writer", "admin", "owner", "site"}

// cast makes everybody, with their levels on a repository.
func (s *service) cast(private bool) (repo string, all [actors]*person) {
	s.t.Helper()
	for i, stem := range actorNames {
		if i == anonymous {
			all[i] = nobody
			continue
		}
		all[i] = s.person(stem)
	}
	s.database.Exec(s.t, `UPDATE "user" SET is_admin = true WHERE id = $1`, all[site].id)
	repo = s.repo(all[owner], private)
	for i, level := range map[int]string{reader: "read", writer: "write", admin: "admin"} {
		s.must(all[owner], "PUT", "/api/v1/repos/"+repo+"/collaborators/"+all[i].name, map[string]any{"level": level})
	}
	return repo, all
}

// What a class of routes answers to each actor.
type expected [actors]int

func TestWhoMayDoWhat(t *testing.T) {
	s := common(t)
	const ok = 0
	// Columns:              anonymous other reader writer admin owner site
	publicRead := expected{ok, ok, ok, ok, ok, ok, ok}
	privateRead := expected{404, 404, ok, ok, ok, ok, 404}
	publicTakes := expected{401, ok, ok, ok, ok, ok, ok}
	privateTakes := expected{404, 404, ok, ok, ok, ok, 404}
	publicWrite := expected{401, 403, 403, ok, ok, ok, 403}
	privateWrite := expected{404, 404, 403, ok, ok, ok, 404}
	publicAdmin := expected{401, 403, 403, 403, ok, ok, 403}
	privateAdmin := expected{404, 404, 403, 403, ok, ok, 404}
	publicOwner := expected{401, 403, 403, 403, 403, ok, 403}
	privateOwner := expected{404, 404, 403, 403, 403, ok, 404}

	type row struct {
		class, method, path string
		body                any
		public, private     expected
		fresh               string // each actor needs a repository of its own: empty or full
	}
	steps := map[string]any{"kind": "steps", "steps": []any{map[string]any{"run": "true"}}}
	rows := []row{
		{class: "metadata", method: "GET", path: "", public: publicRead, private: privateRead},
		{class: "branches", method: "GET", path: "/branches", public: publicRead, private: privateRead},
		{class: "tags", method: "GET", path: "/tags", public: publicRead, private: privateRead},
		{class: "commits", method: "GET", path: "/commits", public: publicRead, private: privateRead},
		{class: "commit", method: "GET", path: "/commits/{commit}", public: publicRead, private: privateRead},
		{class: "tree", method: "GET", path: "/tree", public: publicRead, private: privateRead},
		{class: "file", method: "GET", path: "/file?path=a.txt", public: publicRead, private: privateRead},
		{class: "raw", method: "GET", path: "/raw?path=a.txt", public: publicRead, private: privateRead},
		{class: "compare", method: "GET", path: "/compare?head=main", public: publicRead, private: privateRead},
		{class: "issues", method: "GET", path: "/issues", public: publicRead, private: privateRead},
		{class: "issue", method: "GET", path: "/issues/1", public: publicRead, private: privateRead},
		{class: "comments", method: "GET", path: "/issues/1/comments", public: publicRead, private: privateRead},
		{class: "labels", method: "GET", path: "/labels", public: publicRead, private: privateRead},
		{class: "pulls", method: "GET", path: "/pulls", public: publicRead, private: privateRead},
		{class: "pull", method: "GET", path: "/pulls/2", public: publicRead, private: privateRead},
		{class: "pull's commits", method: "GET", path: "/pulls/2/commits", public: publicRead, private: privateRead},
		{class: "pull's files", method: "GET", path: "/pulls/2/files", public: publicRead, private: privateRead},
		{class: "releases", method: "GET", path: "/releases", public: publicRead, private: privateRead},
		{class: "release", method: "GET", path: "/releases/v1", public: publicRead, private: privateRead},
		{class: "statuses", method: "GET", path: "/commits/{commit}/statuses", public: publicRead, private: privateRead},
		{class: "wiki", method: "GET", path: "/wiki", public: publicRead, private: privateRead},
		{class: "head", method: "HEAD", path: "/issues", public: publicRead, private: privateRead},

		{class: "star", method: "PUT", path: "/star", public: publicTakes, private: privateTakes},
		{class: "unstar", method: "DELETE", path: "/star", public: publicTakes, private: privateTakes},
		{class: "open issue", method: "POST", path: "/issues", body: map[string]any{"title": "t"}, public: publicTakes, private: privateTakes},
		{class: "comment", method: "POST", path: "/issues/1/comments", body: map[string]any{"body": "b"}, public: publicTakes, private: privateTakes},
		{class: "open pull", method: "POST", path: "/pulls", body: map[string]any{"title": "t", "head": "{actor}"}, public: publicTakes, private: privateTakes},

		{class: "another's issue", method: "PATCH", path: "/issues/1", body: map[string]any{"title": "u"}, public: publicWrite, private: privateWrite},
		{class: "another's pull", method: "PATCH", path: "/pulls/2", body: map[string]any{"title": "u"}, public: publicWrite, private: privateWrite},
		{class: "another's comment", method: "PATCH", path: "/comments/{comment}", body: map[string]any{"body": "u"}, public: publicWrite, private: privateWrite},
		{class: "label", method: "POST", path: "/labels", body: map[string]any{"name": "{unique}"}, public: publicWrite, private: privateWrite},
		{class: "publish", method: "POST", path: "/releases", body: map[string]any{"tag": "{unique}"}, public: publicWrite, private: privateWrite},
		{class: "edit release", method: "PATCH", path: "/releases/v1", body: map[string]any{"name": "n"}, public: publicWrite, private: privateWrite},
		{class: "set status", method: "POST", path: "/commits/{commit}/statuses", body: map[string]any{"context": "c", "state": "success"}, public: publicWrite, private: privateWrite},
		{class: "jobs", method: "GET", path: "/jobs", public: publicWrite, private: privateWrite},
		{class: "run job", method: "POST", path: "/jobs", body: steps, public: publicWrite, private: privateWrite},
		{class: "job", method: "GET", path: "/jobs/{job}", public: publicWrite, private: privateWrite},
		{class: "job's log", method: "GET", path: "/jobs/{job}/log", public: publicWrite, private: privateWrite},
		{class: "cancel job", method: "POST", path: "/jobs/{job}/cancel", public: publicWrite, private: privateWrite},
		{class: "collaborators", method: "GET", path: "/collaborators", public: publicWrite, private: privateWrite},
		{class: "merge", method: "POST", path: "/pulls/2/merge", body: map[string]any{}, public: publicWrite, private: privateWrite, fresh: "full"},
		{class: "delete release", method: "DELETE", path: "/releases/v1", public: publicWrite, private: privateWrite, fresh: "full"},

		{class: "add collaborator", method: "PUT", path: "/collaborators/{other}", body: map[string]any{"level": "read"}, public: publicAdmin, private: privateAdmin, fresh: "empty"},
		{class: "remove collaborator", method: "DELETE", path: "/collaborators/{reader2}", public: publicAdmin, private: privateAdmin, fresh: "empty"},
		{class: "describe", method: "PATCH", path: "", body: map[string]any{"description": "d"}, public: publicAdmin, private: privateAdmin},
		{class: "rename", method: "PATCH", path: "", body: map[string]any{"name": "{unique}"}, public: publicAdmin, private: privateAdmin, fresh: "empty"},
		{class: "visibility", method: "PATCH", path: "", body: map[string]any{"private": true}, public: publicAdmin, private: privateAdmin, fresh: "empty"},
		{class: "default branch", method: "PATCH", path: "", body: map[string]any{"default_branch": "fix"}, public: publicAdmin, private: privateAdmin, fresh: "full"},
		{class: "archive", method: "PATCH", path: "", body: map[string]any{"archived": true}, public: publicAdmin, private: privateAdmin, fresh: "empty"},

		{class: "give away", method: "PATCH", path: "", body: map[string]any{"owner": "{org}"}, public: publicOwner, private: privateOwner, fresh: "empty"},
		{class: "delete", method: "DELETE", path: "", public: publicOwner, private: privateOwner, fresh: "empty"},
	}
	for _, private := range []bool{false, true} {
		stage := newStage(s, private)
		for _, row := range rows {
			for i := range actors {
				at := stage
				if row.fresh != "" {
					at = stage.fresh(row.fresh == "full")
				}
				want := row.public[i]
				if private {
					want = row.private[i]
				}
				who := at.all[i]
				got := s.ask(who, row.method, "/api/v1/repos/"+at.repo+at.fill(row.path, i), at.fillBody(row.body, i))
				allowed := got.status < 300
				if (want == ok) != allowed || (want != ok && got.status != want) {
					t.Errorf("%s (private: %v) as %s: wanted %d, got %s", row.class, private, actorNames[i], want, got)
				}
			}
		}
	}
}

// stage is a repository with something of everything.
type stage struct {
	s       *service
	private bool
	repo    string
	all     [actors]*person
	commit  string
	comment string
	job     string
	org     string
	reader2 *person
	clone   string // bare, of the repository
}

func newStage(s *service, private bool) *stage {
	s.t.Helper()
	g := &stage{s: s, private: private}
	g.repo, g.all = s.cast(private)
	boss := g.all[owner]
	g.commit = s.push(boss, g.repo, "main", map[string]string{"a.txt": "a\n"})
	for _, name := range actorNames[1:] {
		s.push(boss, g.repo, name, map[string]string{name: name})
	}
	g.furnish()
	g.org = unique("org")
	s.must(boss, "POST", "/api/v1/orgs", map[string]any{"name": g.org})
	g.reader2 = s.person("reader2")
	g.clone = s.t.TempDir()
	s.gitIn(g.clone, "clone", "--quiet", "--bare", s.remote(boss, g.repo), ".")
	return g
}

func (g *stage) furnish() {
	g.s.t.Helper()
	boss, base := g.all[owner], "/api/v1/repos/"+g.repo
	g.s.push(boss, g.repo, "fix", map[string]string{"fix": "fix"})
	g.s.must(boss, "POST", base+"/issues", map[string]any{"title": "one"})
	g.s.must(boss, "POST", base+"/pulls", map[string]any{"title": "two", "head": "fix"})
	g.comment = fmt.Sprint(g.s.must(boss, "POST", base+"/issues/1/comments", map[string]any{"body": "b"}).object()["id"])
	g.s.must(boss, "POST", base+"/releases", map[string]any{"tag": "v1"})
	job := map[string]any{"kind": "steps", "steps": []any{map[string]any{"run": "true"}}}
	g.job = fmt.Sprint(g.s.must(boss, "POST", base+"/jobs", job).object()["id"])
}

// fresh is another repository of the same people, with no more in it than a destructive route needs.
func (g *stage) fresh(full bool) *stage {
	g.s.t.Helper()
	next := *g
	next.repo = g.s.repo(g.all[owner], g.private)
	for i, level := range map[int]string{reader: "read", writer: "write", admin: "admin"} {
		g.s.must(g.all[owner], "PUT", "/api/v1/repos/"+next.repo+"/collaborators/"+g.all[i].name, map[string]any{"level": level})
	}
	g.s.must(g.all[owner], "PUT", "/api/v1/repos/"+next.repo+"/collaborators/"+g.reader2.name, map[string]any{"level": "read"})
	if !full {
		return &next
	}
	g.s.gitIn(g.clone, "push", "--quiet", g.s.remote(g.all[owner], next.repo), "refs/heads/main", "refs/heads/fix")
	base := "/api/v1/repos/" + next.repo
	g.s.must(g.all[owner], "POST", base+"/issues", map[string]any{"title": "one"})
	g.s.must(g.all[owner], "POST", base+"/pulls", map[string]any{"title": "two", "head": "fix"})
	g.s.must(g.all[owner], "POST", base+"/releases", map[string]any{"tag": "v1"})
	return &next
}

func (g *stage) fill(text string, actor int) string {
	return strings.NewReplacer("{commit}", g.commit, "{comment}", g.comment, "{job}", g.job, "{org}", g.org,
		"{other}", g.all[other].name, "{reader2}", g.reader2.name, "{unique}", unique("name"), "{actor}", actorNames[actor]).Replace(text)
}

func (g *stage) fillBody(body any, actor int) any {
	fields, ok := body.(map[string]any)
	if !ok {
		return body
	}
	filled := map[string]any{}
	for name, value := range fields {
		if text, ok := value.(string); ok {
			value = g.fill(text, actor)
		}
		filled[name] = value
	}
	return filled
}

func TestAPrivateRepositoryIsNotThereForStrangersOnAnyRoute(t *testing.T) {
	// A private repository is 404 to a stranger on every route below it, whatever the route does with it.
	s := common(t)
	repo, all := s.cast(true)
	for _, route := range s.routes(t) {
		if !strings.HasPrefix(route.pattern, "/api/v1/repos/{owner}/{repo}") {
			continue
		}
		path := strings.NewReplacer("{owner}/{repo}", repo, "{sha}", strings.Repeat("a", 40), "{number}", "1", "{id}", "1",
			"{tag}", "v1", "{name}", "x", "{username}", "x").Replace(route.pattern)
		for _, i := range []int{anonymous, other, site} {
			got := s.ask(all[i], route.method, path, nil)
			if got.status != http.StatusNotFound || got.message != "There is no such repository" {
				t.Errorf("%s %s as %s: %s", route.method, route.pattern, actorNames[i], got)
			}
		}
	}
}

func TestTeamsAndOrganisationsGiveLevels(t *testing.T) {
	s := common(t)
	boss, member, stranger := s.person("boss"), s.person("member"), s.person("stranger")
	org, base := unique("org"), "/api/v1/orgs/"
	s.must(boss, "POST", "/api/v1/orgs", map[string]any{"name": org})
	s.must(boss, "POST", "/api/v1/repos", map[string]any{"name": "hidden", "owner": org, "private": true})
	s.want(403, stranger, "POST", "/api/v1/repos", map[string]any{"name": "mine", "owner": org})
	repo := "/api/v1/repos/" + org + "/hidden"
	level := func(who *person) any {
		got := s.ask(who, "GET", repo, nil)
		if got.status == 404 {
			return "404"
		}
		return got.object()["permission"]
	}
	check := func(what string, who *person, want any) {
		t.Helper()
		if got := level(who); got != want {
			t.Errorf("%s: wanted %v, got %v", what, want, got)
		}
	}
	check("the organisation's owner", boss, "owner")
	s.must(boss, "PUT", base+org+"/members/"+member.name, map[string]any{"role": "member"})
	check("a member without a team", member, "404")
	s.must(boss, "POST", base+org+"/teams", map[string]any{"name": "crew", "permission": "write"})
	s.must(boss, "PUT", base+org+"/teams/crew/members/"+member.name, nil)
	check("a member of a team without the repository", member, "404")
	s.must(boss, "PUT", base+org+"/teams/crew/repos/hidden", nil)
	check("a member of a team with the repository", member, "write")
	s.must(boss, "PATCH", base+org+"/teams/crew", map[string]any{"permission": "none"})
	check("a team whose level is none", member, "404")
	s.must(boss, "PATCH", base+org+"/teams/crew", map[string]any{"permission": "admin", "all_repositories": true})
	s.must(boss, "DELETE", base+org+"/teams/crew/repos/hidden", nil)
	check("a team of all repositories", member, "admin")
	s.must(boss, "DELETE", base+org+"/members/"+member.name, nil)
	check("who left the organisation", member, "404")

	s.want(404, stranger, "GET", base+org+"/teams", nil)
	s.want(404, stranger, "GET", base+org+"/teams/crew", nil)
	s.want(404, nobody, "GET", base+org+"/teams/crew", nil)
	s.want(404, stranger, "DELETE", base+org+"/teams/crew", nil)
	s.must(boss, "PUT", base+org+"/members/"+member.name, map[string]any{"role": "member"})
	s.must(member, "GET", base+org+"/teams/crew", nil)
	s.want(403, member, "PATCH", base+org+"/teams/crew", map[string]any{"permission": "owner"})
	s.want(403, member, "DELETE", base+org, nil)
	s.want(401, nobody, "DELETE", base+org, nil)
	s.want(409, boss, "DELETE", base+org+"/members/"+boss.name, nil)
	s.want(409, boss, "PUT", base+org+"/members/"+boss.name, map[string]any{"role": "member"})
	s.want(409, boss, "DELETE", base+org, nil)
	s.must(boss, "DELETE", repo, nil)
	s.must(member, "DELETE", base+org+"/members/"+member.name, nil)
	s.must(boss, "DELETE", base+org, nil)
	s.want(404, boss, "GET", base+org, nil)
}

func TestNobodyGivesOrTakesMoreThanTheyHave(t *testing.T) {
	s := common(t)
	repo, all := s.cast(true)
	path := "/api/v1/repos/" + repo + "/collaborators/"
	s.want(403, all[admin], "PUT", path+all[other].name, map[string]any{"level": "owner"})
	s.must(all[owner], "PUT", path+all[other].name, map[string]any{"level": "owner"})
	s.want(403, all[admin], "PUT", path+all[other].name, map[string]any{"level": "read"})
	s.want(403, all[admin], "DELETE", path+all[other].name, nil)
	s.must(all[reader], "DELETE", path+all[reader].name, nil) // everybody may leave
	s.want(404, all[reader], "GET", "/api/v1/repos/"+repo, nil)
}

func TestAnArchivedRepositoryCanOnlyBeRead(t *testing.T) {
	s := common(t)
	ada := s.person("ada")
	repo := s.repo(ada, false)
	s.push(ada, repo, "main", map[string]string{"a": "a"})
	base := "/api/v1/repos/" + repo
	s.must(ada, "PATCH", base, map[string]any{"archived": true})
	s.must(ada, "GET", base+"/file?path=a", nil)
	s.want(403, ada, "POST", base+"/issues", map[string]any{"title": "t"})
	s.want(403, ada, "POST", base+"/labels", map[string]any{"name": "t"})
	s.want(403, ada, "PATCH", base, map[string]any{"description": "t"})
	s.want(403, ada, "PATCH", base, map[string]any{"name": "renamed"})
	s.must(ada, "PATCH", base, map[string]any{"private": true})
	s.must(ada, "PATCH", base, map[string]any{"archived": false, "description": "again"})
	s.must(ada, "POST", base+"/issues", map[string]any{"title": "t"})
}

func TestPrivateRepositoriesAreInNobodyElsesLists(t *testing.T) {
	s := common(t)
	repo, all := s.cast(true)
	owned := "/api/v1/repos?owner=" + all[owner].name
	for i, want := range map[int]int{anonymous: 0, other: 0, reader: 1, writer: 1, admin: 1, owner: 1, site: 0} {
		for _, path := range []string{owned, "/api/v1/users/" + all[owner].name + "/repos", "/api/v1/repos?q=" + repo} {
			got := s.must(all[i], "GET", path, nil)
			if len(got.list()) != want || got.meta["total"] != float64(want) {
				t.Errorf("%s as %s: %d of %v", path, actorNames[i], len(got.list()), got.meta["total"])
			}
		}
	}
}
