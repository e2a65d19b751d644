package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/telemetry"
)

func (c *call) bare(status int, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "5")
	}
	c.w.WriteHeader(status)
	_, err = c.w.Write(append(text, '\n'))
	return sent(err)
}

// healthz: the process lives. Nothing else is looked at, or a database outage would have it restarted.
func (c *call) healthz() error {
	return c.bare(http.StatusOK, map[string]string{"status": "ok", "version": c.Version})
}

func (c *call) health() error {
	return c.ok(map[string]string{"status": "ok", "version": c.Version})
}

// readyz: it can serve. Without database, schema or git it can't; search, cache and objects are told of only, since
// all else goes on without them.
func (c *call) readyz() error {
	ctx, cancel := context.WithTimeout(c.r.Context(), 3*time.Second)
	defer cancel()
	checks := map[string]string{"accepting": "ok"}
	well := true
	var mutex sync.Mutex
	note := func(name string, needed bool, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		checks[name] = "ok"
		if err != nil {
			checks[name] = "failed"
			if needed {
				well = false
				c.Logger.WarnContext(ctx, "not ready", "check", name, "error", causeOf(err))
			} else {
				checks[name] = "degraded"
			}
		}
	}
	if c.draining.Load() {
		checks["accepting"], well = "failed", false
	}
	var all sync.WaitGroup
	all.Go(func() {
		database, schema := c.Store.Ready(ctx)
		note("database", true, database)
		if database == nil {
			note("schema", true, schema)
		}
	})
	all.Go(func() { note("git", true, c.Git.Alive(ctx)) })
	if c.Search != nil {
		all.Go(func() { note("search", false, c.Search.Alive(ctx)) })
	}
	if c.Cache.Present() {
		all.Go(func() { note("cache", false, c.Cache.Ping(ctx)) })
	}
	if c.Objects != nil {
		all.Go(func() { note("objects", false, c.Objects.Ready(ctx)) })
	}
	all.Wait()
	if !well {
		return c.bare(http.StatusServiceUnavailable, map[string]any{
			"status": "not_ready", "checks": checks,
			"error": map[string]string{"code": "UNAVAILABLE", "message": "The service can't serve now"},
		})
	}
	return c.bare(http.StatusOK, map[string]any{"status": "ready", "checks": checks})
}

func (s *Server) metricsHandler() func(c *call) error {
	handler := promhttp.HandlerFor(s.Metrics.Registry, promhttp.HandlerOpts{
		ErrorLog: promLog{s}, DisableCompression: true,
	})
	return func(c *call) error {
		handler.ServeHTTP(c.w, c.r)
		return nil
	}
}

type promLog struct{ s *Server }

func (l promLog) Println(values ...any) {
	for _, value := range values {
		if err, ok := value.(error); ok {
			l.s.Logger.Warn("metrics can't be collected", "error", telemetry.Cause(err))
		}
	}
}
