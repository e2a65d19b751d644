// Package api is the forge's HTTP interface: its routes, who may use them, and what they answer.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/cache"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/config"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/objects"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/upstream"
)

// Parts are what the server is made of.
type Parts struct {
	Config  *config.Config
	Version string
	Logger  *slog.Logger
	Metrics *metrics.Metrics
	Store   *store.Store
	Cache   *cache.Cache
	Git     *upstream.Git
	Search  *upstream.Search // nil: there is none
	Objects *objects.Store   // nil: there is none
}

// Server answers requests.
type Server struct {
	Parts
	handler  http.Handler
	proxy    *httputil.ReverseProxy
	signIns  *cache.Limit
	verified *verified
	hashing  chan struct{} // places for computing bcrypt, which would otherwise take every processor
	dummy    []byte
	shapes   shapes
	draining atomic.Bool
}

// New puts a server together; it connects to nothing yet.
func New(parts Parts) (*Server, error) {
	s := &Server{
		Parts:    parts,
		signIns:  cache.NewLimit(parts.Cache, parts.Config.SignInFailures, parts.Config.SignInWindow),
		verified: newVerified(),
		hashing:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0))),
	}
	var err error
	if s.dummy, err = hashPassword("nobody has this password", parts.Config.BcryptCost); err != nil {
		return nil, err
	}
	s.proxy = s.newProxy(upstream.Transport("git", parts.Metrics))
	s.handler = s.observe(s.router())
	return s, nil
}

// Handler is everything, with its limits, its log line and its counters.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on a listener until the context ends, then lets what runs finish within the grace.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.Config.Header,
		IdleTimeout:       2 * time.Minute,
		// Above our own limit, so that a head that is too long still gets an answer in the envelope.
		MaxHeaderBytes: max(2<<20, 2*s.Config.MaxHeaderBytes),
		ErrorLog:       slog.NewLogLogger(s.Logger.With("part", "http").Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() {
		ended <- server.Serve(&limitedListener{Listener: listener, server: s, places: make(chan struct{}, s.Config.MaxConnections)})
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.Logger.Info("ending: requests that run may finish", "grace_seconds", s.Config.Grace.Seconds())
	grace, cancel := context.WithTimeout(context.Background(), s.Config.Grace)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		s.Logger.Warn("requests were cut off at the end of the grace", "error", telemetry.Cause(err))
		_ = server.Close()
	}
	if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
