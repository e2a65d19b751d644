package api

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
)

// What of a git client's head is handed on; nothing else is the git service's business.
var handed = []string{
	"Accept", "Content-Encoding", "Content-Type", "Expect", "Git-Protocol", "User-Agent", "Traceparent", "Tracestate",
}

const gitChallenge = `Basic realm="smsly-code", charset="UTF-8"`

// newProxy hands git's protocol on as it comes, both ways, without keeping any of it.
func (s *Server) newProxy(transport http.RoundTripper) *httputil.ReverseProxy {
	base, err := url.Parse(s.Git.Base())
	if err != nil {
		base = &url.URL{} // config has checked it
	}
	return &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		BufferPool:    newBuffers(128 << 10),
		ErrorLog:      slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn), // why an answer was cut off
		Rewrite: func(to *httputil.ProxyRequest) {
			path := to.In.URL.Path // canonical: put there by git
			to.Out.URL = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: base.Path + path, RawQuery: to.In.URL.RawQuery}
			to.Out.Host = ""
			headers := http.Header{}
			for _, name := range handed {
				if values := to.In.Header.Values(name); len(values) > 0 {
					headers[name] = values
				}
			}
			headers.Set("Authorization", "Bearer "+s.Git.Token())
			for _, name := range []string{"X-Engineroom-User", "X-Engineroom-Access"} {
				if value := to.In.Header.Get(name); value != "" {
					headers.Set(name, value)
				}
			}
			headers.Set("X-Request-Id", telemetry.RequestID(to.In.Context()))
			if headers.Get("User-Agent") == "" {
				headers.Set("User-Agent", "")
			}
			to.Out.Header = headers
		},
		ModifyResponse: func(response *http.Response) error {
			for _, name := range []string{"Server", "X-Request-Id", "X-Content-Type-Options", "Set-Cookie"} {
				response.Header.Del(name)
			}
			if response.StatusCode >= 300 {
				return s.Git.Refusal(response)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if body := stateOf(r).body; body != nil && body.failed != nil {
				err = unread(body.failed)
			} else if _, ok := fault.As(err); !ok {
				err = s.Git.Away(err)
			}
			(&call{Server: s, w: w, r: r}).fail(err)
		},
	}
}

// git serves one of git's three paths. Anonymous callers are asked for a name and a password wherever they may not
// read, whether there is something or not: so that git asks its user, and nobody learns what is private.
func (c *call) git() error {
	folder := c.raw("folder")
	name, wiki, ok := names.Folder(folder)
	owner := c.raw("owner")
	if !strings.HasSuffix(folder, ".git") {
		stateOf(c.r).route = unmatched
	}
	if !ok || !names.IsOwner(owner) {
		return fault.NotFound("There is no such repository")
	}
	action := c.r.URL.Path[strings.LastIndex(c.r.URL.Path, "/")+1:]
	push := action == "git-receive-pack" || (action == "refs" && c.query("service") == "git-receive-pack")
	if action == "refs" {
		action = "info/refs"
	}
	if err := c.identifyGit(); err != nil {
		return err
	}
	repo, err := c.Store.FindRepository(c.r.Context(), c.userID(), owner, name)
	if err != nil {
		return err
	}
	if err := c.permitGit(repo, push); err != nil {
		return err
	}
	suffix := ".git"
	if wiki {
		suffix = ".wiki.git"
	}
	header := c.r.Header
	header.Del("X-Engineroom-User")
	if c.caller != nil {
		header.Set("X-Engineroom-User", c.caller.Username)
	}
	header.Set("X-Engineroom-Access", "read")
	if push {
		header.Set("X-Engineroom-Access", "write")
	}
	c.r.URL.Path, c.r.URL.RawPath = fmt.Sprintf("/%s/%s%s/%s", repo.Owner, repo.Name, suffix, action), ""
	// Git may answer before it has read everything; without this net/http would first want to have the rest.
	_ = http.NewResponseController(c.w).EnableFullDuplex()
	pace(c, c.Config.GitIdle, func(n int64) { c.Metrics.Streamed("received", n) })
	c.proxy.ServeHTTP(&counted{ResponseWriter: c.w, count: func(n int64) { c.Metrics.Streamed("sent", n) }}, c.r)
	if push {
		c.forget(repo.Owner) // updated_at, and what was empty is not any more
	}
	return nil
}

func (c *call) permitGit(repo *store.Repository, push bool) error {
	readable := repo != nil && repo.Level >= access.Read
	if c.caller == nil {
		if !readable || push {
			return challenge("Sign in first")
		}
		return nil
	}
	if !readable {
		return fault.NotFound("There is no such repository")
	}
	allowed := min(repo.Level, scopeOf(c.caller))
	switch {
	case allowed < access.Read || (push && allowed < access.Write):
		return fault.Forbidden("You may not push to this repository")
	case push && repo.Archived:
		return fault.Forbidden("This repository is archived: it can only be read")
	}
	return nil
}

func challenge(message string) error {
	refused := fault.Unauthorized(message)
	refused.Challenge = gitChallenge
	return refused
}

// identifyGit takes what git clients send: a name and a password, which may be an access token, a session's token or
// the account's own; or a bearer token.
func (c *call) identifyGit() error {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return nil
	}
	kind, given, _ := strings.Cut(header, " ")
	username, password := "", strings.TrimSpace(given)
	if strings.EqualFold(kind, "Basic") {
		decoded, err := base64.StdEncoding.DecodeString(password)
		if err != nil || !storable(string(decoded)) {
			return challenge("The name or the password can't be read")
		}
		username, password, _ = strings.Cut(string(decoded), ":")
	} else if !strings.EqualFold(kind, "Bearer") {
		return challenge("Send a name and a password, or a token")
	}
	caller, err := c.callerOf(c, password)
	if err != nil {
		return err
	}
	if caller == nil && username != "" && password != "" && !strings.HasPrefix(password, "ers_") &&
		!strings.HasPrefix(password, "era_") {
		known, err := c.signIn(c, username, password)
		if fault.Is(err, http.StatusUnauthorized) {
			return challenge("The username or the password is wrong")
		}
		if err != nil {
			return err
		}
		caller = &store.Caller{ID: known.ID, Username: known.Username, Kind: "session"}
	}
	if caller == nil {
		return challenge("The username or the password is wrong")
	}
	c.as(caller)
	return nil
}

// counted counts what is written, and stays flushable.
type counted struct {
	http.ResponseWriter
	count func(int64)
}

func (w *counted) Write(text []byte) (int, error) {
	n, err := w.ResponseWriter.Write(text)
	w.count(int64(n))
	return n, err
}

func (w *counted) Unwrap() http.ResponseWriter { return w.ResponseWriter }
