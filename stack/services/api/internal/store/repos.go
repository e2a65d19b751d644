package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/access"
	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Repository is a row of repository as one caller may see it.
type Repository struct {
	ID            int64        `db:"id"`
	OwnerID       int64        `db:"owner_id"`
	Owner         string       `db:"owner"`
	OwnerKind     string       `db:"owner_kind"`
	Name          string       `db:"name"`
	Description   string       `db:"description"`
	Private       bool         `db:"is_private"`
	Fork          bool         `db:"is_fork"`
	Archived      bool         `db:"is_archived"`
	DefaultBranch string       `db:"default_branch"`
	Stars         int32        `db:"stars"`
	Forks         int32        `db:"forks"`
	Size          int64        `db:"size"`
	CreatedAt     time.Time    `db:"created_at"`
	UpdatedAt     time.Time    `db:"updated_at"`
	Level         access.Level `db:"level"`
	Starred       bool         `db:"starred"`
	Digest        string       `db:"digest"` // of HEAD and all refs, as last announced; "": never
}

// FullName is `owner/name`.
func (r *Repository) FullName() string { return r.Owner + "/" + r.Name }

const rank = `array_position(ARRAY['none', 'read', 'write', 'admin', 'owner'], `

// The one place that says who may do what: $1 is the caller's id (null: anonymous), `r` a repository. The same sources
// as _MAY_READ in stack/forge/smsly/reads.py: the owner, owners of the organisation, collaborators, teams; and
// everybody may read what is public. A site administrator has no level of their own there, and none here.
const level = `GREATEST(
	CASE WHEN r.is_private THEN 0 ELSE 1 END,
	CASE WHEN r.owner_id = $1 THEN 4 END,
	(SELECT 4 FROM organization_member m
		WHERE m.organization_id = r.owner_id AND m.user_id = $1 AND m.role = 'owner'),
	(SELECT ` + rank + `c.level) - 1 FROM collaborator c WHERE c.repository_id = r.id AND c.user_id = $1),
	(SELECT max(` + rank + `t.permission) - 1) FROM team t JOIN team_member m ON m.team_id = t.id AND m.user_id = $1
		WHERE t.organization_id = r.owner_id AND (t.all_repositories OR EXISTS (
			SELECT FROM team_repository tr WHERE tr.team_id = t.id AND tr.repository_id = r.id)))
)`

const repositoryColumns = `r.id, r.owner_id, o.name AS owner, o.kind AS owner_kind, r.name, r.description, r.is_private,
	r.is_fork, r.is_archived, r.default_branch, r.stars, r.forks, r.size, r.created_at, r.updated_at,
	` + level + ` AS level,
	EXISTS (SELECT FROM star s WHERE s.repository_id = r.id AND s.user_id = $1) AS starred,
	COALESCE((SELECT f.digest FROM repository_refs f WHERE f.repository_id = r.id AND NOT f.is_wiki), '') AS digest`

const repositoryFrom = ` FROM repository r JOIN owner o ON o.id = r.owner_id`

// FindRepository is a repository with the caller's level on it; nil when there is none of that name. Whether the
// caller may know of it is decided by who asks.
func (s *Store) FindRepository(ctx context.Context, caller *int64, owner, name string) (*Repository, error) {
	return one[Repository](ctx, s, s.Pool, `SELECT `+repositoryColumns+repositoryFrom+`
		WHERE lower(o.name) = lower($2) AND lower(r.name) = lower($3) AND r.deleted_at IS NULL`, caller, owner, name)
}

// Orders of a list of repositories.
var orders = map[string]string{
	"updated": "r.updated_at DESC, r.id DESC",
	"stars":   "r.stars DESC, r.id DESC",
	"name":    "lower(r.name), lower(o.name), r.id",
}

// IsOrder says whether repositories can be sorted so.
func IsOrder(word string) bool { return orders[word] != "" }

// Repositories are those that the caller may see.
func (s *Store) Repositories(
	ctx context.Context, caller *int64, owner, text, sort string, page Page,
) ([]Repository, int64, error) {
	const where = repositoryFrom + ` WHERE r.deleted_at IS NULL AND (NOT r.is_private OR ` + level + ` > 0)
		AND ($2 = '' OR lower(o.name) = lower($2))
		AND ($3 = '' OR strpos(lower(o.name || '/' || r.name), lower($3)) > 0
			OR strpos(lower(r.description), lower($3)) > 0)`
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*)`+where, caller, owner, text)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Repository](ctx, s, s.Pool, `SELECT `+repositoryColumns+where+`
		ORDER BY `+orders[sort]+` LIMIT $4 OFFSET $5`, caller, owner, text, page.Size, page.offset())
	return found, total, err
}

// locked is a repository's row that nobody else changes until the transaction ends.
type locked struct {
	ID            int64  `db:"id"`
	Owner         string `db:"owner"`
	Name          string `db:"name"`
	Private       bool   `db:"is_private"`
	Archived      bool   `db:"is_archived"`
	DefaultBranch string `db:"default_branch"`
}

func lock(ctx context.Context, s *Store, tx pgx.Tx, id int64) (*locked, error) {
	row, err := one[locked](ctx, s, tx, `
		SELECT r.id, o.name AS owner, r.name, r.is_private, r.is_archived, r.default_branch`+repositoryFrom+`
		WHERE r.id = $1 AND r.deleted_at IS NULL FOR UPDATE OF r`, id)
	if err == nil && row == nil {
		err = fault.NotFound("There is no such repository")
	}
	return row, err
}

// change locks a repository and makes one transaction of what the function does to it.
func (s *Store) change(
	ctx context.Context, id int64, work func(ctx context.Context, tx pgx.Tx, row *locked) error,
) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		row, err := lock(ctx, s, tx, id)
		if err != nil {
			return err
		}
		return work(ctx, tx, row)
	})
}

// RepositoryChange is what can be changed without git; nil stays.
type RepositoryChange struct {
	Description *string
	Private     *bool
	Archived    *bool
}

// UpdateRepository changes a repository's row, and announces each kind of change.
func (s *Store) UpdateRepository(ctx context.Context, id int64, to RepositoryChange) error {
	return s.change(ctx, id, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		if to.Private != nil && *to.Private != row.Private {
			if _, err := exec(ctx, tx, `UPDATE repository SET is_private = $2, updated_at = now() WHERE id = $1`,
				id, *to.Private); err != nil {
				return err
			}
			previous := "public"
			if row.Private {
				previous = "private"
			}
			if err := announce(ctx, tx, event{kind: eventVisibility, repository: row, previous: previous}); err != nil {
				return err
			}
		}
		if to.Description == nil && to.Archived == nil {
			return nil
		}
		if _, err := exec(ctx, tx, `
			UPDATE repository SET description = COALESCE($2, description), is_archived = COALESCE($3, is_archived)
			WHERE id = $1`, id, to.Description, to.Archived); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRepository, repository: row})
	})
}

// Star counts a user among those who like a repository, once; or no longer.
func (s *Store) Star(ctx context.Context, id, user int64, on bool) error {
	return s.change(ctx, id, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		query, count := `DELETE FROM star WHERE repository_id = $1 AND user_id = $2`, -1
		if on {
			query, count = `INSERT INTO star (repository_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, 1
		}
		changed, err := exec(ctx, tx, query, id, user)
		if err != nil || changed == 0 {
			return err
		}
		if _, err := exec(ctx, tx, `UPDATE repository SET stars = stars + $2 WHERE id = $1`, id, count); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventRepository, repository: row})
	})
}

// Collaborator is a user with a level of their own.
type Collaborator struct {
	Username  string       `db:"username" json:"username"`
	FullName  string       `db:"full_name" json:"full_name"`
	Level     access.Level `db:"level" json:"level"`
	CreatedAt time.Time    `db:"created_at" json:"created_at"`
}

// Collaborators of a repository, by name.
func (s *Store) Collaborators(ctx context.Context, id int64, page Page) ([]Collaborator, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*) FROM collaborator WHERE repository_id = $1`, id)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Collaborator](ctx, s, s.Pool, `
		SELECT u.username, u.full_name, `+rank+`c.level) - 1 AS level, c.created_at
		FROM collaborator c JOIN "user" u ON u.id = c.user_id
		WHERE c.repository_id = $1 ORDER BY lower(u.username) LIMIT $2 OFFSET $3`, id, page.Size, page.offset())
	return found, total, err
}

// SetCollaborator gives a user a level on a repository (nil takes it away). Nobody changes who is above the limit.
func (s *Store) SetCollaborator(
	ctx context.Context, id int64, username string, to *access.Level, limit access.Level,
) error {
	return s.change(ctx, id, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		user, err := userID(ctx, s, tx, username)
		if err != nil {
			return err
		}
		present, known, err := value[int](ctx, s, tx, `SELECT `+rank+`level) - 1 FROM collaborator
			WHERE repository_id = $1 AND user_id = $2`, id, user)
		if err != nil {
			return err
		}
		if access.Level(present) > limit {
			return fault.Forbidden("This collaborator has a higher level than yours")
		}
		if to == nil {
			if !known {
				return fault.NotFound("This user is no collaborator")
			}
			_, err = exec(ctx, tx, `DELETE FROM collaborator WHERE repository_id = $1 AND user_id = $2`, id, user)
		} else {
			_, err = exec(ctx, tx, `
				INSERT INTO collaborator (repository_id, user_id, level) VALUES ($1, $2, $3)
				ON CONFLICT (repository_id, user_id) DO UPDATE SET level = EXCLUDED.level`, id, user, to.String())
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventAccess, repository: row})
	})
}

// OwnerFor says whether a user may give repositories to an owner: themselves, or an organisation that they own.
// The name comes back as the forge writes it.
func (s *Store) OwnerFor(ctx context.Context, user int64, owner string) (name string, known, may bool, err error) {
	type answer struct {
		Name string `db:"name"`
		May  bool   `db:"may"`
	}
	found, err := one[answer](ctx, s, s.Pool, `
		SELECT o.name, o.id = $1 OR EXISTS (SELECT FROM organization_member m
			WHERE m.organization_id = o.id AND m.user_id = $1 AND m.role = 'owner') AS may
		FROM owner o WHERE lower(o.name) = lower($2)`, user, owner)
	if err != nil || found == nil {
		return "", false, false, err
	}
	return found.Name, true, found.May, nil
}
