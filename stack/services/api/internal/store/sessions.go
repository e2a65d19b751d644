package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Caller is who a token belongs to.
type Caller struct {
	ID        int64      `db:"id"`
	Username  string     `db:"username"`
	Kind      string     `db:"kind"` // session or access
	TokenID   int64      `db:"token_id"`
	Scopes    []string   `db:"scopes"`
	Stale     bool       `db:"stale"`
	ExpiresAt *time.Time `db:"expires_at"`
}

// Caller finds the active user of a token by its SHA-256, or nil.
func (s *Store) Caller(ctx context.Context, hash []byte) (*Caller, error) {
	return one[Caller](ctx, s, s.Pool, `
		SELECT u.id, u.username, 'session' AS kind, t.id AS token_id, '{}'::text[] AS scopes,
			t.last_seen_at < now() - interval '1 minute' AS stale, t.expires_at
		FROM session t JOIN "user" u ON u.id = t.user_id AND u.is_active
		WHERE t.token_hash = $1 AND t.expires_at > now()
		UNION ALL
		SELECT u.id, u.username, 'access', t.id, t.scopes,
			COALESCE(t.last_used_at < now() - interval '1 minute', true), t.expires_at
		FROM access_token t JOIN "user" u ON u.id = t.user_id AND u.is_active
		WHERE t.token_hash = $1 AND (t.expires_at IS NULL OR t.expires_at > now())
		LIMIT 1`, hash)
}

// Seen remembers that a token was used. Nothing depends on it, so its failure is nobody's.
func (s *Store) Seen(ctx context.Context, caller *Caller) {
	query := `UPDATE session SET last_seen_at = now() WHERE id = $1`
	if caller.Kind == "access" {
		query = `UPDATE access_token SET last_used_at = now() WHERE id = $1`
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, _ = s.Pool.Exec(ctx, query, caller.TokenID)
}

// Credentials are what a password is compared with.
type Credentials struct {
	ID       int64  `db:"id"`
	Username string `db:"username"`
	Hash     string `db:"hash"`
	Active   bool   `db:"is_active"`
}

// Credentials of a user by name; nil when there is none.
func (s *Store) Credentials(ctx context.Context, username string) (*Credentials, error) {
	return one[Credentials](ctx, s, s.Pool, `
		SELECT id, username, COALESCE(password_hash, '') AS hash, is_active FROM "user"
		WHERE lower(username) = lower($1)`, username)
}

// OpenSession keeps the SHA-256 of a new session's token, and clears away what has expired of the user.
func (s *Store) OpenSession(ctx context.Context, user int64, hash []byte, expires time.Time) (*User, error) {
	var signedIn *User
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := exec(ctx, tx, `DELETE FROM session WHERE user_id = $1 AND expires_at < now()`, user); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO session (user_id, token_hash, expires_at) VALUES ($1, $2, $3)`,
			user, hash, expires); err != nil {
			return err
		}
		var err error
		signedIn, err = one[User](ctx, s, tx,
			`UPDATE "user" u SET last_login_at = now() WHERE id = $1 RETURNING `+userColumns, user)
		return err
	})
	return signedIn, err
}

// CloseToken forgets the token that a caller came with.
func (s *Store) CloseToken(ctx context.Context, caller *Caller) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		query := `DELETE FROM session WHERE id = $1`
		if caller.Kind == "access" {
			query = `DELETE FROM access_token WHERE id = $1`
		}
		_, err := exec(ctx, tx, query, caller.TokenID)
		return err
	})
}

// AccessToken is a row of access_token, without its hash.
type AccessToken struct {
	ID         int64      `db:"id" json:"id"`
	Name       string     `db:"name" json:"name"`
	Scopes     []string   `db:"scopes" json:"scopes"`
	CreatedAt  time.Time  `db:"created_at" json:"created_at"`
	LastUsedAt *time.Time `db:"last_used_at" json:"last_used_at"`
	ExpiresAt  *time.Time `db:"expires_at" json:"expires_at"`
}

const tokenColumns = `id, name, scopes, created_at, last_used_at, expires_at`

// AccessTokens of a user, newest first.
func (s *Store) AccessTokens(ctx context.Context, user int64, page Page) ([]AccessToken, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*) FROM access_token WHERE user_id = $1`, user)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[AccessToken](ctx, s, s.Pool, `SELECT `+tokenColumns+` FROM access_token
		WHERE user_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3`, user, page.Size, page.offset())
	return found, total, err
}

// AddAccessToken keeps the SHA-256 of a new token.
func (s *Store) AddAccessToken(
	ctx context.Context, user int64, name string, hash []byte, scopes []string, expires *time.Time,
) (made *AccessToken, err error) {
	if scopes == nil {
		scopes = []string{}
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		made, err = one[AccessToken](ctx, s, tx, `
			INSERT INTO access_token (user_id, name, token_hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5)
			RETURNING `+tokenColumns, user, name, hash, scopes, expires)
		return err
	})
	return made, err
}

// RemoveAccessToken forgets a token of a user; whether there was one.
func (s *Store) RemoveAccessToken(ctx context.Context, user, id int64) (removed bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		count, err := exec(ctx, tx, `DELETE FROM access_token WHERE user_id = $1 AND id = $2`, user, id)
		removed = count > 0
		return err
	})
	return removed, err
}
