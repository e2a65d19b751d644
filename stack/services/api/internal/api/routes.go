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
