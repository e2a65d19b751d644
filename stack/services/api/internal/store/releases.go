package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Release is a row of release, with its attachments.
type Release struct {
	ID          int64        `db:"id"`
	Tag         string       `db:"tag"`
	Name        string       `db:"name"`
	Body        string       `db:"body"`
	Commit      string       `db:"commit"`
	Author      string       `db:"author"`
	Prerelease  bool         `db:"is_prerelease"`
	CreatedAt   time.Time    `db:"created_at"`
	Attachments []Attachment `db:"attachments"`
}

// Attachment is a row of attachment.
type Attachment struct {
	Name        string    `json:"name"`
	ObjectKey   string    `json:"object_key"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	ContentType string    `json:"content_type"`
	CreatedAt   time.Time `json:"created_at"`
}

const releaseFrom = `SELECT e.id, e.tag, e.name, e.body, e.commit, u.username AS author, e.is_prerelease, e.created_at,
	COALESCE((SELECT jsonb_agg(jsonb_build_object('name', a.name, 'object_key', a.object_key, 'size', a.size,
		'sha256', a.sha256, 'content_type', a.content_type, 'created_at', a.created_at) ORDER BY a.id)
		FROM attachment a WHERE a.release_id = e.id), '[]'::jsonb) AS attachments
	FROM release e JOIN "user" u ON u.id = e.author_id`

// Releases of a repository, newest first.
func (s *Store) Releases(ctx context.Context, repository int64, page Page) ([]Release, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*) FROM release WHERE repository_id = $1`, repository)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Release](ctx, s, s.Pool, releaseFrom+` WHERE e.repository_id = $1 ORDER BY e.created_at DESC, e.id DESC
		LIMIT $2 OFFSET $3`, repository, page.Size, page.offset())
	return found, total, err
}

// FindRelease by its tag; nil when there is none.
func (s *Store) FindRelease(ctx context.Context, repository int64, tag string) (*Release, error) {
	return one[Release](ctx, s, s.Pool, releaseFrom+` WHERE e.repository_id = $1 AND e.tag = $2`, repository, tag)
}

// Publish adds a release.
func (s *Store) Publish(ctx context.Context, repository, author int64, release Release) error {
	return s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		id, _, err := value[int64](ctx, s, tx, `
			INSERT INTO release (repository_id, tag, name, body, commit, author_id, is_prerelease)
			VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
			repository, release.Tag, release.Name, release.Body, release.Commit, author, release.Prerelease)
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRelease, repository: row, subject: &id})
	})
}

// ReleaseChange is what is changed of a release; nil stays.
type ReleaseChange struct {
	Name, Body *string
	Prerelease *bool
}

// UpdateRelease changes it.
func (s *Store) UpdateRelease(ctx context.Context, repository, release int64, to ReleaseChange) error {
	return s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		changed, err := exec(ctx, tx, `UPDATE release SET name = COALESCE($2, name), body = COALESCE($3, body),
			is_prerelease = COALESCE($4, is_prerelease) WHERE id = $1`, release, to.Name, to.Body, to.Prerelease)
		if err == nil && changed == 0 {
			err = fault.NotFound("There is no such release")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRelease, repository: row, subject: &release})
	})
}

// DeleteRelease removes it; the keys of its attachments' objects, which are to be removed then.
func (s *Store) DeleteRelease(ctx context.Context, repository, release int64) (keys []string, err error) {
	type removed struct {
		Key string `db:"object_key"`
	}
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		found, err := rows[removed](ctx, s, tx, `DELETE FROM attachment WHERE release_id = $1 RETURNING object_key`, release)
		if err != nil {
			return err
		}
		keys = keys[:0]
		for _, one := range found {
			keys = append(keys, one.Key)
		}
		count, err := exec(ctx, tx, `DELETE FROM release WHERE id = $1`, release)
		if err == nil && count == 0 {
			err = fault.NotFound("There is no such release")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRelease, repository: row, subject: &release})
	})
	return keys, err
}

// Attach records an object that is in the store already.
func (s *Store) Attach(ctx context.Context, repository, release int64, item Attachment) error {
	return s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		if _, err := exec(ctx, tx, `INSERT INTO attachment (release_id, name, object_key, size, sha256, content_type)
			VALUES ($1, $2, $3, $4, $5, $6)`, release, item.Name, item.ObjectKey, item.Size, item.SHA256,
			item.ContentType); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRelease, repository: row, subject: &release})
	})
}

// Detach forgets an attachment; the key of its object, which is to be removed then.
func (s *Store) Detach(ctx context.Context, repository, release int64, name string) (key string, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) (err error) {
		var found bool
		key, found, err = value[string](ctx, s, tx,
			`DELETE FROM attachment WHERE release_id = $1 AND name = $2 RETURNING object_key`, release, name)
		if err == nil && !found {
			err = fault.NotFound("There is no such attachment")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRelease, repository: row, subject: &release})
	})
	return key, err
}

// Status is a row of commit_status.
type Status struct {
	ID          int64     `db:"id" json:"id"`
	Context     string    `db:"context" json:"context"`
	State       string    `db:"state" json:"state"`
	Description string    `db:"description" json:"description"`
	TargetURL   string    `db:"target_url" json:"target_url"`
	CreatedAt   time.Time `db:"created_at" json:"created_at"`
}

const statusColumns = `id, context, state, description, target_url, created_at`

// Statuses of a commit, newest first; the first of a context counts.
func (s *Store) Statuses(ctx context.Context, repository int64, commit string, page Page) ([]Status, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool,
		`SELECT count(*) FROM commit_status WHERE repository_id = $1 AND commit = $2`, repository, commit)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Status](ctx, s, s.Pool, `SELECT `+statusColumns+` FROM commit_status
		WHERE repository_id = $1 AND commit = $2 ORDER BY id DESC LIMIT $3 OFFSET $4`,
		repository, commit, page.Size, page.offset())
	return found, total, err
}

// SetStatus records what a check says about a commit.
func (s *Store) SetStatus(ctx context.Context, repository int64, commit string, status Status) (made *Status, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, _ *locked) (err error) {
		made, err = one[Status](ctx, s, tx, `
			INSERT INTO commit_status (repository_id, commit, context, state, description, target_url)
			VALUES ($1, $2, $3, $4, $5, $6) RETURNING `+statusColumns,
			repository, commit, status.Context, status.State, status.Description, status.TargetURL)
		return err
	})
	return made, err
}
