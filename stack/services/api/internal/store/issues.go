package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Issue is an issue, or what a pull request shares with one.
type Issue struct {
	ID        int64      `db:"id" json:"id"`
	Number    int32      `db:"number" json:"number"`
	Title     string     `db:"title" json:"title"`
	Body      string     `db:"body" json:"body"`
	State     string     `db:"state" json:"state"`
	Author    string     `db:"author" json:"author"`
	Labels    []string   `db:"labels" json:"labels"`
	Comments  int64      `db:"comments" json:"comments"`
	CreatedAt time.Time  `db:"created_at" json:"created_at"`
	UpdatedAt time.Time  `db:"updated_at" json:"updated_at"`
	ClosedAt  *time.Time `db:"closed_at" json:"closed_at"`
	AuthorID  int64      `db:"author_id" json:"-"`
}

const issueColumns = `i.id, i.number, i.title, i.body, i.state, i.author_id, u.username AS author, i.created_at,
	i.updated_at, i.closed_at,
	ARRAY(SELECT l.name FROM issue_label il JOIN label l ON l.id = il.label_id WHERE il.issue_id = i.id
		ORDER BY l.name)::text[] AS labels,
	(SELECT count(*) FROM comment c WHERE c.issue_id = i.id) AS comments`

// Filter narrows a list of issues or pull requests; "" doesn't.
type Filter struct{ State, Label, Author string }

const filtered = ` AND ($2 = '' OR i.author_id = (SELECT a.id FROM "user" a WHERE lower(a.username) = lower($2)))
	AND ($3 = '' OR EXISTS (SELECT FROM issue_label il JOIN label l ON l.id = il.label_id
		WHERE il.issue_id = i.id AND lower(l.name) = lower($3)))`

// Issues of a repository, newest first.
func (s *Store) Issues(ctx context.Context, repository int64, by Filter, page Page) ([]Issue, int64, error) {
	const where = ` FROM issue i JOIN "user" u ON u.id = i.author_id
		WHERE i.repository_id = $1 AND NOT i.is_pull` + filtered + ` AND ($4 = '' OR i.state = $4)`
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*)`+where, repository, by.Author, by.Label, by.State)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Issue](ctx, s, s.Pool, `SELECT `+issueColumns+where+` ORDER BY i.number DESC LIMIT $5 OFFSET $6`,
		repository, by.Author, by.Label, by.State, page.Size, page.offset())
	return found, total, err
}

// FindIssue by number; nil when there is none, or it is a pull request.
func (s *Store) FindIssue(ctx context.Context, repository int64, number int) (*Issue, error) {
	return one[Issue](ctx, s, s.Pool, `SELECT `+issueColumns+` FROM issue i JOIN "user" u ON u.id = i.author_id
		WHERE i.repository_id = $1 AND i.number = $2 AND NOT i.is_pull`, repository, number)
}

// NewIssue is what an issue or a pull request begins with.
type NewIssue struct {
	Author      int64
	Title, Body string
	Labels      []string
}

// open takes the repository's next number. The row is locked, so numbers are given out one by one, without a gap.
func open(ctx context.Context, s *Store, tx pgx.Tx, repository int64, issue NewIssue, pull bool) (id int64, number int, err error) {
	type opened struct {
		ID     int64 `db:"id"`
		Number int32 `db:"number"`
	}
	made, err := one[opened](ctx, s, tx, `
		WITH next AS (UPDATE repository SET last_number = last_number + 1 WHERE id = $1 RETURNING last_number)
		INSERT INTO issue (repository_id, number, is_pull, title, body, author_id)
		SELECT $1, last_number, $2, $3, $4, $5 FROM next RETURNING id, number`,
		repository, pull, issue.Title, issue.Body, issue.Author)
	if err != nil {
		return 0, 0, err
	}
	if made == nil {
		return 0, 0, fault.NotFound("There is no such repository")
	}
	return made.ID, int(made.Number), relabel(ctx, s, tx, repository, made.ID, issue.Labels)
}

// relabel links exactly these labels of the repository.
func relabel(ctx context.Context, s *Store, tx pgx.Tx, repository, issue int64, labels []string) error {
	if _, err := exec(ctx, tx, `DELETE FROM issue_label WHERE issue_id = $1`, issue); err != nil {
		return err
	}
	for _, label := range labels {
		id, known, err := value[int64](ctx, s, tx,
			`SELECT id FROM label WHERE repository_id = $1 AND lower(name) = lower($2)`, repository, label)
		if err != nil {
			return err
		}
		if !known {
			return fault.Invalid("labels", "the repository has no label "+label)
		}
		if _, err := exec(ctx, tx, `INSERT INTO issue_label (issue_id, label_id, repository_id) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, issue, id, repository); err != nil {
			return err
		}
	}
	return nil
}

// OpenIssue opens one; its number.
func (s *Store) OpenIssue(ctx context.Context, repository int64, issue NewIssue) (number int, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		var id int64
		if id, number, err = open(ctx, s, tx, repository, issue, false); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventIssue, repository: row, subject: &id})
	})
	return number, err
}

// IssueChange is what is changed of an issue or a pull request; nil stays.
type IssueChange struct {
	Title, Body, State *string
	Labels             *[]string
}

// UpdateIssue changes an issue or a pull request.
func (s *Store) UpdateIssue(ctx context.Context, repository, issue int64, pull bool, to IssueChange) error {
	return s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		if _, _, err := value[int64](ctx, s, tx, `SELECT id FROM issue WHERE id = $1 FOR UPDATE`, issue); err != nil {
			return err
		}
		if pull && to.State != nil {
			merged, _, err := value[bool](ctx, s, tx,
				`SELECT merged_at IS NOT NULL FROM pull_request WHERE issue_id = $1`, issue)
			if err != nil {
				return err
			}
			if merged && *to.State == "open" {
				return fault.Conflict("A merged pull request can't be opened again")
			}
		}
		if _, err := exec(ctx, tx, `
			UPDATE issue SET title = COALESCE($2, title), body = COALESCE($3, body), state = COALESCE($4, state),
				updated_at = now(),
				closed_at = CASE COALESCE($4, state) WHEN 'closed' THEN COALESCE(closed_at, now()) END
			WHERE id = $1`, issue, to.Title, to.Body, to.State); err != nil {
			return err
		}
		if to.Labels != nil {
			if err := relabel(ctx, s, tx, repository, issue, *to.Labels); err != nil {
				return err
			}
		}
		kind := eventIssue
		if pull {
			kind = eventPull
		}
		return announce(ctx, tx, event{kind: kind, repository: row, subject: &issue})
	})
}

// Comment is a row of comment.
type Comment struct {
	ID        int64     `db:"id" json:"id"`
	Number    int32     `db:"number" json:"number"`
	Author    string    `db:"author" json:"author"`
	Body      string    `db:"body" json:"body"`
	CreatedAt time.Time `db:"created_at" json:"created_at"`
	UpdatedAt time.Time `db:"updated_at" json:"updated_at"`
	AuthorID  int64     `db:"author_id" json:"-"`
}

const commentFrom = `SELECT c.id, i.number, u.username AS author, c.author_id, c.body, c.created_at, c.updated_at
	FROM comment c JOIN issue i ON i.id = c.issue_id JOIN "user" u ON u.id = c.author_id`

// Comments on a number, oldest first; found is false when there is no such number.
func (s *Store) Comments(ctx context.Context, repository int64, number int, page Page) (all []Comment, total int64, found bool, err error) {
	total, found, err = value[int64](ctx, s, s.Pool, `
		SELECT (SELECT count(*) FROM comment c WHERE c.issue_id = i.id) FROM issue i
		WHERE i.repository_id = $1 AND i.number = $2`, repository, number)
	if err != nil || !found {
		return nil, 0, found, err
	}
	all, err = rows[Comment](ctx, s, s.Pool, commentFrom+` WHERE i.repository_id = $1 AND i.number = $2
		ORDER BY c.id LIMIT $3 OFFSET $4`, repository, number, page.Size, page.offset())
	return all, total, true, err
}

// FindComment by id, within a repository; nil when there is none.
func (s *Store) FindComment(ctx context.Context, repository, id int64) (*Comment, error) {
	return one[Comment](ctx, s, s.Pool, commentFrom+` WHERE c.repository_id = $1 AND c.id = $2`, repository, id)
}

// AddComment says something about an issue or a pull request; its id.
func (s *Store) AddComment(ctx context.Context, repository int64, number int, author int64, body string) (id int64, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		issue, found, err := value[int64](ctx, s, tx,
			`SELECT id FROM issue WHERE repository_id = $1 AND number = $2 FOR UPDATE`, repository, number)
		if err == nil && !found {
			err = fault.NotFound("There is no such number")
		}
		if err != nil {
			return err
		}
		if id, _, err = value[int64](ctx, s, tx, `INSERT INTO comment (issue_id, repository_id, author_id, body)
			VALUES ($1, $2, $3, $4) RETURNING id`, issue, repository, author, body); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `UPDATE issue SET updated_at = now() WHERE id = $1`, issue); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventComment, repository: row, subject: &id})
	})
	return id, err
}

// SetComment replaces the text of a comment; nil deletes it. Its event's subject is then found nowhere.
func (s *Store) SetComment(ctx context.Context, repository, id int64, body *string) error {
	return s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		var changed int64
		var err error
		if body == nil {
			changed, err = exec(ctx, tx, `DELETE FROM comment WHERE id = $1`, id)
		} else {
			changed, err = exec(ctx, tx, `UPDATE comment SET body = $2, updated_at = now() WHERE id = $1`, id, *body)
		}
		if err == nil && changed == 0 {
			err = fault.NotFound("There is no such comment")
		}
		if err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventComment, repository: row, subject: &id})
	})
}

// Label is a row of label.
type Label struct {
	ID          int64  `db:"id" json:"id"`
	Name        string `db:"name" json:"name"`
	Color       string `db:"color" json:"color"`
	Description string `db:"description" json:"description"`
}

// Labels of a repository, by name.
func (s *Store) Labels(ctx context.Context, repository int64, page Page) ([]Label, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*) FROM label WHERE repository_id = $1`, repository)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Label](ctx, s, s.Pool, `SELECT id, name, color::text AS color, description FROM label
		WHERE repository_id = $1 ORDER BY lower(name) LIMIT $2 OFFSET $3`, repository, page.Size, page.offset())
	return found, total, err
}

// AddLabel adds one.
func (s *Store) AddLabel(ctx context.Context, repository int64, label Label) (made *Label, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, _ *locked) (err error) {
		made, err = one[Label](ctx, s, tx, `INSERT INTO label (repository_id, name, color, description)
			VALUES ($1, $2, $3, $4) RETURNING id, name, color::text AS color, description`,
			repository, label.Name, label.Color, label.Description)
		return err
	})
	return made, err
}
