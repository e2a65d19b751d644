package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

const prefix = "/api/v1"

// route is one thing that can be asked for, with what it needs.
type route struct {
	method  string
	pattern string // as it is shown in metrics, spans and logs
	at      string // as the router matches it, where that differs
	need    need
	open    bool // nobody is asked who they are
	do      func(c *call) error
}

// What routes of a repository need: the level, and that the repository isn't archived when something changes.
var (
	anybody  = need{}
	user     = need{signedIn: true}
	account  = need{signedIn: true, scope: access.Owner} // with a session, or a token for everything
	reads    = need{level: access.Read}
	takes    = need{level: access.Read, signedIn: true, scope: access.Write} // e.g. open an issue
	discuss  = need{level: access.Read, signedIn: true, scope: access.Write, changes: true}
	inspects = need{level: access.Write}
	writes   = need{level: access.Write, changes: true}
	manages  = need{level: access.Admin}
	owns     = need{level: access.Owner}
)

func (s *Server) routes() []route {
	own := func(path string) string { return prefix + path }
	repo := func(path string) string { return prefix + "/repos/{owner}/{repo}" + path }
	all := []route{
		{method: "GET", pattern: "/healthz", open: true, do: (*call).healthz},
		{method: "GET", pattern: "/readyz", open: true, do: (*call).readyz},
		{method: "GET", pattern: "/metrics", open: true, do: s.metricsHandler()},
		{method: "GET", pattern: own("/health"), open: true, do: (*call).health},

		{method: "POST", pattern: own("/auth/register"), open: true, do: (*call).register},
		{method: "POST", pattern: own("/auth/login"), open: true, do: (*call).login},
		{method: "POST", pattern: own("/auth/logout"), need: need{signedIn: true, scope: access.Read}, do: (*call).logout},

		{method: "GET", pattern: own("/user"), need: user, do: (*call).getSelf},
		{method: "PATCH", pattern: own("/user"), need: account, do: (*call).patchSelf},
		{method: "GET", pattern: own("/user/tokens"), need: account, do: (*call).listTokens},
		{method: "POST", pattern: own("/user/tokens"), need: account, do: (*call).createToken},
		{method: "DELETE", pattern: own("/user/tokens/{id}"), need: account, do: (*call).deleteToken},
		{method: "GET", pattern: own("/users"), need: anybody, do: (*call).listUsers},
		{method: "GET", pattern: own("/users/{username}"), need: anybody, do: (*call).getUser},
		{method: "GET", pattern: own("/users/{username}/repos"), need: anybody, do: (*call).userRepos},

		{method: "GET", pattern: own("/orgs"), need: anybody, do: (*call).listOrgs},
		{method: "POST", pattern: own("/orgs"), need: account, do: (*call).createOrg},
		{method: "GET", pattern: own("/orgs/{org}"), need: anybody, do: (*call).getOrg},
		{method: "PATCH", pattern: own("/orgs/{org}"), need: account, do: (*call).patchOrg},
		{method: "DELETE", pattern: own("/orgs/{org}"), need: account, do: (*call).deleteOrg},
		{method: "GET", pattern: own("/orgs/{org}/members"), need: anybody, do: (*call).listMembers},
		{method: "PUT", pattern: own("/orgs/{org}/members/{username}"), need: account, do: (*call).putMember},
		{method: "DELETE", pattern: own("/orgs/{org}/members/{username}"), need: account, do: (*call).deleteMember},
		{method: "GET", pattern: own("/orgs/{org}/teams"), need: anybody, do: (*call).listTeams},
		{method: "POST", pattern: own("/orgs/{org}/teams"), need: account, do: (*call).createTeam},
		{method: "GET", pattern: own("/orgs/{org}/teams/{team}"), need: anybody, do: (*call).getTeam},
		{method: "PATCH", pattern: own("/orgs/{org}/teams/{team}"), need: account, do: (*call).patchTeam},
		{method: "DELETE", pattern: own("/orgs/{org}/teams/{team}"), need: account, do: (*call).deleteTeam},
		{method: "PUT", pattern: own("/orgs/{org}/teams/{team}/members/{username}"), need: account, do: (*call).putTeamMember},
		{method: "DELETE", pattern: own("/orgs/{org}/teams/{team}/members/{username}"), need: account, do: (*call).deleteTeamMember},
		{method: "PUT", pattern: own("/orgs/{org}/teams/{team}/repos/{repo}"), need: account, do: (*call).putTeamRepo},
		{method: "DELETE", pattern: own("/orgs/{org}/teams/{team}/repos/{repo}"), need: account, do: (*call).deleteTeamRepo},

		{method: "GET", pattern: own("/repos"), need: anybody, do: (*call).listRepos},
		{method: "POST", pattern: own("/repos"), need: account, do: (*call).createRepo},
		{method: "GET", pattern: repo(""), need: reads, do: (*call).getRepo},
		{method: "PATCH", pattern: repo(""), need: manages, do: (*call).patchRepo},
		{method: "DELETE", pattern: repo(""), need: owns, do: (*call).deleteRepo},
		{method: "PUT", pattern: repo("/star"), need: takes, do: (*call).star},
		{method: "DELETE", pattern: repo("/star"), need: takes, do: (*call).unstar},

		{method: "GET", pattern: repo("/branches"), need: reads, do: (*call).branches},
		{method: "GET", pattern: repo("/tags"), need: reads, do: (*call).tags},
		{method: "GET", pattern: repo("/commits"), need: reads, do: (*call).commits},
		{method: "GET", pattern: repo("/commits/{sha}"), need: reads, do: (*call).commit},
		{method: "GET", pattern: repo("/tree"), need: reads, do: (*call).tree},
		{method: "GET", pattern: repo("/file"), need: reads, do: (*call).file},
		{method: "GET", pattern: repo("/raw"), need: reads, do: (*call).rawFile},
		{method: "GET", pattern: repo("/compare"), need: reads, do: (*call).compare},

		{method: "GET", pattern: repo("/collaborators"), need: inspects, do: (*call).listCollaborators},
		{method: "PUT", pattern: repo("/collaborators/{username}"), need: manages, do: (*call).putCollaborator},
		{method: "DELETE", pattern: repo("/collaborators/{username}"), need: takes, do: (*call).deleteCollaborator},

		{method: "GET", pattern: repo("/issues"), need: reads, do: (*call).listIssues},
		{method: "POST", pattern: repo("/issues"), need: discuss, do: (*call).openIssue},
		{method: "GET", pattern: repo("/issues/{number}"), need: reads, do: (*call).getIssue},
		{method: "PATCH", pattern: repo("/issues/{number}"), need: discuss, do: (*call).patchIssue},
		{method: "GET", pattern: repo("/issues/{number}/comments"), need: reads, do: (*call).listComments},
		{method: "POST", pattern: repo("/issues/{number}/comments"), need: discuss, do: (*call).addComment},
		{method: "PATCH", pattern: repo("/comments/{id}"), need: discuss, do: (*call).patchComment},
		{method: "DELETE", pattern: repo("/comments/{id}"), need: discuss, do: (*call).deleteComment},
		{method: "GET", pattern: repo("/labels"), need: reads, do: (*call).listLabels},
		{method: "POST", pattern: repo("/labels"), need: writes, do: (*call).createLabel},

		{method: "GET", pattern: repo("/pulls"), need: reads, do: (*call).listPulls},
		{method: "POST", pattern: repo("/pulls"), need: discuss, do: (*call).openPull},
		{method: "GET", pattern: repo("/pulls/{number}"), need: reads, do: (*call).getPull},
		{method: "PATCH", pattern: repo("/pulls/{number}"), need: discuss, do: (*call).patchPull},
		{method: "GET", pattern: repo("/pulls/{number}/commits"), need: reads, do: (*call).pullCommits},
		{method: "GET", pattern: repo("/pulls/{number}/files"), need: reads, do: (*call).pullFiles},
		{method: "POST", pattern: repo("/pulls/{number}/merge"), need: writes, do: (*call).mergePull},

		{method: "GET", pattern: repo("/releases"), need: reads, do: (*call).listReleases},
		{method: "POST", pattern: repo("/releases"), need: writes, do: (*call).publish},
		{method: "GET", pattern: repo("/releases/{tag}"), need: reads, do: (*call).getRelease},
		{method: "PATCH", pattern: repo("/releases/{tag}"), need: writes, do: (*call).patchRelease},
		{method: "DELETE", pattern: repo("/releases/{tag}"), need: writes, do: (*call).deleteRelease},
		{method: "POST", pattern: repo("/releases/{tag}/attachments"), need: writes, do: (*call).attach},
		{method: "GET", pattern: repo("/releases/{tag}/attachments/{name}"), need: reads, do: (*call).getAttachment},
		{method: "DELETE", pattern: repo("/releases/{tag}/attachments/{name}"), need: writes, do: (*call).deleteAttachment},

		{method: "GET", pattern: repo("/commits/{sha}/statuses"), need: reads, do: (*call).listStatuses},
		{method: "POST", pattern: repo("/commits/{sha}/statuses"), need: writes, do: (*call).setStatus},

		{method: "GET", pattern: repo("/wiki"), need: reads, do: (*call).wiki},
		{method: "GET", pattern: repo("/wiki/page"), need: reads, do: (*call).wikiPage},

		{method: "GET", pattern: repo("/jobs"), need: inspects, do: (*call).listJobs},
		{method: "POST", pattern: repo("/jobs"), need: writes, do: (*call).createJob},
		{method: "GET", pattern: repo("/jobs/{id}"), need: inspects, do: (*call).getJob},
		{method: "GET", pattern: repo("/jobs/{id}/log"), need: inspects, do: (*call).jobLog},
		{method: "POST", pattern: repo("/jobs/{id}/cancel"), need: inspects, do: (*call).cancelJob},

		{method: "GET", pattern: own("/search"), need: anybody, do: (*call).search},
		{method: "GET", pattern: own("/search/code"), need: anybody, do: (*call).searchCode},
		{method: "GET", pattern: own("/search/repos"), need: anybody, do: (*call).searchRepos},
		{method: "GET", pattern: own("/search/suggest"), need: anybody, do: (*call).suggest},
		{method: "GET", pattern: own("/repos/search"), need: anybody, do: (*call).searchRepos},

		{method: "GET", at: "/{owner}/{folder}/info/refs", pattern: "/{owner}/{repo}.git/info/refs", open: true, do: (*call).git},
		{method: "POST", at: "/{owner}/{folder}/git-upload-pack", pattern: "/{owner}/{repo}.git/git-upload-pack", open: true, do: (*call).git},
		{method: "POST", at: "/{owner}/{folder}/git-receive-pack", pattern: "/{owner}/{repo}.git/git-receive-pack", open: true, do: (*call).git},
	}
	return all
}

func (s *Server) router() http.Handler {
	mux := chi.NewRouter()
	for _, to := range s.routes() {
		at := to.at
		if at == "" {
			at = to.pattern
		}
		handler := s.serve(to)
		mux.Method(to.method, at, handler)
		if to.method == http.MethodGet {
			mux.Method(http.MethodHead, at, handler)
		}
	}
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		(&call{Server: s, w: w, r: r}).fail(fault.NotFound("There is nothing here"))
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Server: s, w: w, r: r}
		if allowed := methodsAt(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		c.fail(fault.New(http.StatusMethodNotAllowed, "This route doesn't take this method"))
	})
	return mux
}

func methodsAt(mux chi.Routes, r *http.Request) []string {
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if mux.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	slices.Sort(allowed)
	return allowed
}
