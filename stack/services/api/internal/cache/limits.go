package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// Limit counts failures within a window: for all instances in Redis, and in this process for when that is away.
type Limit struct {
	cache  *Cache
	most   int64
	window time.Duration

	mutex sync.Mutex
	began time.Time
	local map[string]int64
}

// NewLimit makes one.
func NewLimit(cache *Cache, most int, window time.Duration) *Limit {
	return &Limit{cache: cache, most: int64(most), window: window, local: map[string]int64{}}
}

// The names of those who fail to sign in may be passwords typed into the wrong field: only their digest is kept.
func digest(key string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(key)))
	return hex.EncodeToString(sum[:16])
}

// Reached says whether there were too many already, and how many seconds to wait.
func (l *Limit) Reached(ctx context.Context, key string, factor int64) (bool, int) {
	key = digest(key)
	count := l.known(key, 0)
	if shared, err := l.cache.Counted(ctx, key, l.window); err == nil {
		count = max(count, shared)
	}
	return count >= l.most*factor, int(l.window.Seconds())
}

// Failed counts one.
func (l *Limit) Failed(ctx context.Context, key string) {
	key = digest(key)
	l.known(key, 1)
	_, _ = l.cache.Count(ctx, key, l.window)
}

const mostKeys = 100_000

func (l *Limit) known(key string, add int64) int64 {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if time.Since(l.began) > l.window || len(l.local) > mostKeys {
		l.began, l.local = time.Now(), map[string]int64{}
	}
	if add > 0 {
		l.local[key] += add
	}
	return l.local[key]
}
