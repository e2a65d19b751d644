package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// User is a row of "user".
type User struct {
	ID        int64     `db:"id"`
	Username  string    `db:"username"`
	Email     string    `db:"email"`
	FullName  string    `db:"full_name"`
	AvatarURL string    `db:"avatar_url"`
	Bio       string    `db:"bio"`
	Location  string    `db:"location"`
	Website   string    `db:"website"`
	IsAdmin   bool      `db:"is_admin"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
}

const userColumns = `u.id, u.username, u.email, u.full_name, u.avatar_url, u.bio, u.location, u.website, u.is_admin,
	u.created_at, u.updated_at`

// Register adds a user, whose name no user and no organisation has.
func (s *Store) Register(ctx context.Context, user User, passwordHash string) (*User, error) {
	var made *User
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		id, _, err := value[int64](ctx, s, tx,
			`INSERT INTO owner (kind, name) VALUES ('user', $1) RETURNING id`, user.Username)
		if err != nil {
			return err
		}
		made, err = one[User](ctx, s, tx, `
			INSERT INTO "user" AS u (id, username, email, password_hash, full_name) VALUES ($1, $2, $3, $4, $5)
			RETURNING `+userColumns, id, user.Username, user.Email, passwordHash, user.FullName)
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventUser, subject: &id, owner: user.Username})
	})
	return made, err
}

// FindUser is an active user by name, or nil.
func (s *Store) FindUser(ctx context.Context, username string) (*User, error) {
	return one[User](ctx, s, s.Pool,
		`SELECT `+userColumns+` FROM "user" u WHERE lower(u.username) = lower($1) AND u.is_active`, username)
}

// Users are active users whose name holds a text.
func (s *Store) Users(ctx context.Context, text string, page Page) ([]User, int64, error) {
	const where = ` FROM "user" u WHERE u.is_active
		AND ($1 = '' OR strpos(lower(u.username), lower($1)) > 0 OR strpos(lower(u.full_name), lower($1)) > 0)`
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*)`+where, text)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[User](ctx, s, s.Pool, `SELECT `+userColumns+where+`
		ORDER BY lower(u.username) LIMIT $2 OFFSET $3`, text, page.Size, page.offset())
	return found, total, err
}

// Profile is what a user changes; nil stays.
type Profile struct{ FullName, Bio, Location, Website *string }

// UpdateUser changes a profile.
func (s *Store) UpdateUser(ctx context.Context, id int64, to Profile) (*User, error) {
	var changed *User
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		changed, err = one[User](ctx, s, tx, `
			UPDATE "user" u SET full_name = COALESCE($2, full_name), bio = COALESCE($3, bio),
				location = COALESCE($4, location), website = COALESCE($5, website), updated_at = now()
			WHERE id = $1 RETURNING `+userColumns, id, to.FullName, to.Bio, to.Location, to.Website)
		if err != nil {
			return err
		}
		if changed == nil {
			return fault.NotFound("There is no such user")
		}
		return announce(ctx, tx, event{kind: eventUser, subject: &id, owner: changed.Username})
	})
	return changed, err
}

// userID is the id of a user by name, inside a transaction.
func userID(ctx context.Context, s *Store, tx pgx.Tx, username string) (int64, error) {
	id, found, err := value[int64](ctx, s, tx,
		`SELECT id FROM "user" WHERE lower(username) = lower($1) AND is_active`, username)
	if err == nil && !found {
		err = fault.NotFound("There is no such user")
	}
	return id, err
}
