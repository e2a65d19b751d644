// Package cache talks to Redis Cluster, and gets by without it: whatever it can't say is a miss, and a cluster that is
// away is left alone for a moment, so that it costs nobody any time.
package cache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/metrics"
)

const (
	patience = 150 * time.Millisecond
	pause    = 2 * time.Second
	// Longer than any entry lives, so that a generation never comes back while entries of it are there.
	generationLife = time.Hour
)

// Cache is what other instances of this service know too. Its zero value with metrics knows nothing.
type Cache struct {
	client  redis.UniversalClient
	metrics *metrics.Metrics
	life    time.Duration
	until   atomic.Int64 // unix nanoseconds until which the cluster is left alone
}

// Open makes a client that connects when it is asked to; without nodes there is no cache.
func Open(nodes []string, password string, life time.Duration, counted *metrics.Metrics) *Cache {
	c := &Cache{metrics: counted, life: life}
	if len(nodes) > 0 {
		c.client = redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: nodes, Password: password, ClientName: "engineroom-api", MaxRedirects: 3,
			DialTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience,
			MaxRetries: 1, PoolSize: 16, ContextTimeoutEnabled: true,
		})
	}
	return c
}

// Close ends the connections.
func (c *Cache) Close() {
	if c.client != nil {
		_ = c.client.Close()
	}
}

// Present says whether there is a cluster to ask at all.
func (c *Cache) Present() bool { return c.client != nil }

// Ping asks the cluster for an answer.
func (c *Cache) Ping(ctx context.Context) error {
	if c.client == nil {
		return nil
	}
	return c.client.Ping(ctx).Err()
}

var errAway = errors.New("the cache is left alone for a moment")

// ask bounds a question, counts its result, and remembers that the cluster is away.
func ask[T any](
	ctx context.Context, c *Cache, operation string, question func(ctx context.Context) (T, error),
) (T, error) {
	var none T
	if c.client == nil {
		return none, errAway
	}
	if time.Now().UnixNano() < c.until.Load() {
		c.metrics.Cache(operation, "error")
		return none, errAway
	}
	// Not the request's own end: a client that leaves must not look like a cluster that is away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	type answer struct {
		value T
		err   error
	}
	answered := make(chan answer, 1)
	go func() {
		defer cancel()
		value, err := question(ctx)
		answered <- answer{value, err}
	}()
	var got answer
	select {
	case got = <-answered:
	case <-ctx.Done(): // the driver may wait for a node or a lock of its own; we don't
		select {
		case got = <-answered:
		default:
			got.err = ctx.Err()
		}
	}
	switch {
	case got.err == nil:
		c.metrics.Cache(operation, "hit")
	case errors.Is(got.err, redis.Nil):
		c.metrics.Cache(operation, "miss")
	default:
		c.metrics.Cache(operation, "error")
		c.until.Store(time.Now().Add(pause).UnixNano())
	}
	return got.value, got.err
}

// Entry is a place in the cache that was looked at: what is put into it belongs to the generation that was current
// before the database was asked, so a change in between makes it unfindable.
type Entry struct {
	key  string
	used bool
}

// One hash tag for an owner: the generation and its entries are on one node, and one command invalidates them all.
func tag(owner string) string { return "er:{" + strings.ToLower(owner) + "}" }

// Lookup reads an entry below an owner; whether it was there.
func (c *Cache) Lookup(ctx context.Context, owner, key string, into any) (Entry, bool) {
	if c.life <= 0 {
		return Entry{}, false
	}
	type found struct {
		entry Entry
		text  []byte
	}
	got, err := ask(ctx, c, "permissions", func(ctx context.Context) (found, error) {
		generation, err := c.client.Get(ctx, tag(owner)).Result()
		if errors.Is(err, redis.Nil) {
			generation = fresh()
			made, err := c.client.SetNX(ctx, tag(owner), generation, generationLife).Result()
			if err != nil {
				return found{}, err
			}
			// Whoever was first has another generation; this time there is no entry then.
			return found{entry: Entry{tag(owner) + generation + ":" + key, made}}, redis.Nil
		}
		if err != nil {
			return found{}, err
		}
		entry := Entry{tag(owner) + generation + ":" + key, true}
		text, err := c.client.Get(ctx, entry.key).Bytes()
		return found{entry, text}, err
	})
	return got.entry, err == nil && json.Unmarshal(got.text, into) == nil
}

// Keep puts a value into an entry that was looked up, for a moment that differs a little each time.
func (c *Cache) Keep(ctx context.Context, entry Entry, value any) {
	if !entry.used {
		return
	}
	text, err := json.Marshal(value)
	if err != nil {
		return
	}
	life := c.life*3/4 + time.Duration(mathrand.Int64N(int64(c.life/4)+1))
	_, _ = ask(ctx, c, "keep", func(ctx context.Context) (string, error) {
		return c.client.Set(ctx, entry.key, text, life).Result()
	})
}

// Forget makes every entry below an owner unfindable.
func (c *Cache) Forget(ctx context.Context, owner string) {
	if c.client == nil || c.life <= 0 {
		return
	}
	// Tried even while the cluster is left alone: what stays findable is wrong, if only for a moment.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*patience)
	defer cancel()
	result := "hit"
	if err := c.client.Set(ctx, tag(owner), fresh(), generationLife).Err(); err != nil {
		result = "error"
	}
	c.metrics.Cache("forget", result)
}

// Content reads a value that never changes under its key.
func (c *Cache) Content(ctx context.Context, key string, into any) bool {
	text, err := ask(ctx, c, "metadata", func(ctx context.Context) ([]byte, error) {
		return c.client.Get(ctx, "er:"+key).Bytes()
	})
	return err == nil && json.Unmarshal(text, into) == nil
}

// KeepContent puts it there for a day.
func (c *Cache) KeepContent(ctx context.Context, key string, value any) {
	if text, err := json.Marshal(value); err == nil {
		_, _ = ask(ctx, c, "keep", func(ctx context.Context) (string, error) {
			return c.client.Set(ctx, "er:"+key, text, 24*time.Hour).Result()
		})
	}
}

// Count adds one to a counter that ends with its window; an error when the cluster can't count.
func (c *Cache) Count(ctx context.Context, key string, window time.Duration) (int64, error) {
	return ask(ctx, c, "limits", func(ctx context.Context) (int64, error) {
		key := windowed(key, window)
		count, err := c.client.Incr(ctx, key).Result()
		if err == nil && count == 1 {
			err = c.client.Expire(ctx, key, 2*window).Err()
		}
		return count, err
	})
}

// Counted reads such a counter.
func (c *Cache) Counted(ctx context.Context, key string, window time.Duration) (int64, error) {
	count, err := ask(ctx, c, "limits", func(ctx context.Context) (int64, error) {
		return c.client.Get(ctx, windowed(key, window)).Int64()
	})
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	return count, err
}

func windowed(key string, window time.Duration) string {
	return fmt.Sprintf("er:limit:%s:%d", key, time.Now().UnixNano()/int64(window))
}

func fresh() string {
	var random [8]byte
	_, _ = rand.Read(random[:])
	return hex.EncodeToString(random[:])
}
