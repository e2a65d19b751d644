package api

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/store"
)

// bcrypt reads no further; a longer password would be cut without a word.
const mostPassword = 72

func hashPassword(password string, cost int) ([]byte, error) {
	return bcrypt.GenerateFromPassword([]byte(password), cost)
}

func newToken(prefix string) (token string, hash []byte) {
	var random [32]byte
	_, _ = rand.Read(random[:])
	token = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return token, tokenHash(token)
}

func tokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// hash computes bcrypt when there is a place for it.
func (s *Server) hash(ctx context.Context, work func() error) error {
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return work()
	case <-wait.Done():
		busy := fault.Unavailable("Too many people sign in at this moment", wait.Err())
		return busy
	}
}

// signIn compares a password. It takes as much work for a name that nobody has as for one that somebody has, and
// doesn't tell one from the other. Failures are counted by name and address, and by address.
func (s *Server) signIn(c *call, username, password string) (*store.Credentials, error) {
	ctx := c.r.Context()
	address := c.client()
	pair := username + "\x00" + address
	for key, factor := range map[string]int64{pair: 1, address: 20} {
		if reached, wait := s.signIns.Reached(ctx, key, factor); reached {
			s.Metrics.Limited.Inc()
			c.w.Header().Set("Retry-After", strconv.Itoa(wait))
			return nil, fault.New(http.StatusTooManyRequests, "Too many failed attempts; try again later")
		}
	}
	known, err := s.Store.Credentials(ctx, username)
	if err != nil {
		return nil, err
	}
	hash := s.dummy
	usable := known != nil && known.Active && known.Hash != "" && len(password) <= mostPassword
	if usable {
		hash = []byte(known.Hash)
	}
	if usable && s.verified.holds(known, password) {
		return known, nil
	}
	var differs error
	if err := s.hash(ctx, func() error {
		differs = bcrypt.CompareHashAndPassword(hash, []byte(password[:min(len(password), mostPassword)]))
		return nil
	}); err != nil {
		return nil, err
	}
	if !usable || differs != nil {
		if usable && !errors.Is(differs, bcrypt.ErrMismatchedHashAndPassword) {
			s.Logger.WarnContext(ctx, "a stored password hash can't be read", "user_id", known.ID)
		}
		s.signIns.Failed(ctx, pair)
		s.signIns.Failed(ctx, address)
		return nil, fault.Unauthorized("The username or the password is wrong")
	}
	s.verified.keep(known, password)
	return known, nil
}

// verified remembers for a minute which passwords were right, so that a clone doesn't compute bcrypt for each of its
// requests. Keyed with a secret of this process and the stored hash, so a changed password is forgotten at once.
type verified struct {
	key   [32]byte
	mutex sync.Mutex
	until map[[32]byte]time.Time
}

const verifiedLife = time.Minute

func newVerified() *verified {
	v := &verified{until: map[[32]byte]time.Time{}}
	_, _ = rand.Read(v.key[:])
	return v
}

func (v *verified) of(known *store.Credentials, password string) (sum [32]byte) {
	mac := hmac.New(sha256.New, v.key[:])
	mac.Write([]byte(strconv.FormatInt(known.ID, 10) + "\x00" + known.Hash + "\x00" + password))
	copy(sum[:], mac.Sum(nil))
	return sum
}

func (v *verified) holds(known *store.Credentials, password string) bool {
	sum := v.of(known, password)
	v.mutex.Lock()
	defer v.mutex.Unlock()
	return time.Now().Before(v.until[sum])
}

func (v *verified) keep(known *store.Credentials, password string) {
	sum := v.of(known, password)
	v.mutex.Lock()
	defer v.mutex.Unlock()
	now := time.Now()
	if len(v.until) > 10_000 {
		clear(v.until)
	}
	v.until[sum] = now.Add(verifiedLife)
}
