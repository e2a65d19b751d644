package api

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/names"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// need is what a route asks of its caller. It is declared with the route, and enforced in admit and nowhere else;
// handlers add only what depends on the thing itself, such as "its author or a writer".
type need struct {
	signedIn bool
	level    access.Level // on the repository; None: not a route of a repository
	scope    access.Level // of an access token; None: as much as the method says
	changes  bool         // refused when the repository is archived
}

// serve makes a route of a handler.
func (s *Server) serve(to route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		stateOf(r).route = to.pattern
		c := &call{Server: s, w: w, r: r}
		err := s.admit(c, to)
		if err == nil {
			err = to.do(c)
		}
		if err != nil {
			c.fail(err)
		}
	}
}

func (s *Server) admit(c *call, to route) error {
	if err := checkQuery(c.r); err != nil {
		return err
	}
	if to.open {
		return nil
	}
	if err := s.identify(c); err != nil {
		return err
	}
	if to.need.level > access.None {
		repo, err := s.find(c, c.raw("owner"), c.raw("repo"))
		if err != nil {
			return err
		}
		c.repo = repo
	}
	return s.permit(c, to.need)
}

// permit is where permissions are enforced.
func (s *Server) permit(c *call, need need) error {
	if need.signedIn && c.caller == nil {
		return fault.Unauthorized("Sign in first")
	}
	scope := need.scope
	if scope == access.None {
		scope = access.Read
		if c.r.Method != http.MethodGet && c.r.Method != http.MethodHead {
			scope = max(access.Write, need.level)
		}
	}
	if c.caller != nil && scopeOf(c.caller) < scope {
		return fault.Forbidden("This access token's scopes don't allow that")
	}
	if need.level == access.None {
		return nil
	}
	if c.repo.Level < need.level {
		if c.caller == nil {
			return fault.Unauthorized("Sign in first")
		}
		return fault.Forbidden("You need the level " + need.level.String() + " on this repository")
	}
	if need.changes && c.repo.Archived {
		return fault.Forbidden("This repository is archived: it can only be read")
	}
	return nil
}

// scopeOf is the highest level that a caller's token can be used for.
func scopeOf(caller *store.Caller) access.Level {
	if caller.Kind == "session" || len(caller.Scopes) == 0 {
		return access.Owner
	}
	highest := access.None
	for _, scope := range caller.Scopes {
		switch scope {
		case "admin":
			highest = access.Owner
		case "read", "write":
			level, _ := access.Parse(scope)
			highest = max(highest, level)
		}
	}
	return highest
}

// find is a repository that the caller may know of; to everybody else it isn't there.
func (s *Server) find(c *call, owner, name string) (*store.Repository, error) {
	if !names.IsOwner(owner) || !names.IsRepository(name) {
		return nil, noRepository()
	}
	repo, err := s.lookup(c, owner, name)
	if err != nil {
		return nil, err
	}
	if repo == nil || repo.Level < access.Read {
		return nil, noRepository()
	}
	return repo, nil
}

func noRepository() error {
	return fault.NotFound("There is no such repository")
}

// lookup reads a repository with the caller's level. The cache is asked only by those who read and have signed in: who
// they are was just asked of the database, so an outage never hides behind the cache; and changes are always judged by
// what the database says now.
func (s *Server) lookup(c *call, owner, name string) (*store.Repository, error) {
	ctx := c.r.Context()
	if c.caller == nil {
		return s.Store.FindRepository(ctx, nil, owner, name)
	}
	reads := c.r.Method == http.MethodGet || c.r.Method == http.MethodHead
	if !reads {
		return s.Store.FindRepository(ctx, &c.caller.ID, owner, name)
	}
	var known store.Repository
	entry, found := s.Cache.Lookup(ctx, owner, cacheKey(name, c.caller.ID), &known)
	if found {
		return &known, nil
	}
	repo, err := s.Store.FindRepository(ctx, &c.caller.ID, owner, name)
	if err == nil && repo != nil {
		s.Cache.Keep(ctx, entry, repo)
	}
	return repo, err
}

// identify finds out who calls. A token that isn't known is refused, whatever the route; no token is anonymous.
func (s *Server) identify(c *call) error {
	header := c.r.Header.Get("Authorization")
	if header == "" {
		return nil
	}
	kind, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(kind, "Bearer") {
		return fault.Unauthorized("Only bearer tokens are taken here")
	}
	caller, err := s.callerOf(c, strings.TrimSpace(token))
	if err != nil {
		return err
	}
	if caller == nil {
		return fault.Unauthorized("The token is not known, or has expired")
	}
	c.as(caller)
	return nil
}

func (c *call) as(caller *store.Caller) {
	c.caller = caller
	stateOf(c.r).user = caller.ID
}

// callerOf is the user of a token, or nil.
func (s *Server) callerOf(c *call, token string) (*store.Caller, error) {
	if len(token) < 16 || len(token) > 512 {
		return nil, nil
	}
	caller, err := s.Store.Caller(c.r.Context(), tokenHash(token))
	if err != nil || caller == nil {
		return nil, err
	}
	if caller.Stale {
		s.Store.Seen(c.r.Context(), caller)
	}
	return caller, nil
}

// userID is the caller's id, or null.
func (c *call) userID() *int64 {
	if c.caller == nil {
		return nil
	}
	return &c.caller.ID
}

func (c *call) username() string {
	if c.caller == nil {
		return ""
	}
	return c.caller.Username
}

// client is the address that a request comes from; of proxies that are trusted, whom they name.
func (c *call) client() string {
	peer, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	address := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(c.r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && c.trusts(address); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		address = next.Unmap()
	}
	return address.String()
}

func (c *call) trusts(address netip.Addr) bool {
	for _, network := range c.Config.Proxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

// forget makes what the cache knows below an owner unfindable, after a change.
func (c *call) forget(owners ...string) {
	for _, owner := range owners {
		c.Cache.Forget(c.r.Context(), owner)
	}
}
