package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Pull is a pull request; its state is open, closed or merged.
type Pull struct {
	Issue
	Head        string     `db:"head_branch" json:"head"`
	HeadCommit  string     `db:"head_commit" json:"head_commit"`
	Base        string     `db:"base_branch" json:"base"`
	MergeCommit *string    `db:"merge_commit" json:"merge_commit"`
	MergedAt    *time.Time `db:"merged_at" json:"merged_at"`
	MergedBy    *string    `db:"merged_by" json:"merged_by"`
}

const pullFrom = ` FROM issue i JOIN pull_request p ON p.issue_id = i.id JOIN "user" u ON u.id = i.author_id
	LEFT JOIN "user" b ON b.id = p.merged_by`

const pullColumns = issueColumns + `, p.head_branch, p.head_commit, p.base_branch, p.merge_commit, p.merged_at,
	b.username AS merged_by`

func merged(all []Pull) []Pull {
	for i := range all {
		if all[i].MergeCommit != nil {
			all[i].State = "merged"
		}
	}
	return all
}

// Pulls of a repository, newest first.
func (s *Store) Pulls(ctx context.Context, repository int64, by Filter, page Page) ([]Pull, int64, error) {
	const where = pullFrom + ` WHERE i.repository_id = $1 AND i.is_pull` + filtered + ` AND ($4 = ''
		OR $4 = CASE WHEN p.merge_commit IS NOT NULL THEN 'merged' ELSE i.state END)`
	total, _, err := value[int64](ctx, s, s.Pool, `SELECT count(*)`+where, repository, by.Author, by.Label, by.State)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Pull](ctx, s, s.Pool, `SELECT `+pullColumns+where+` ORDER BY i.number DESC LIMIT $5 OFFSET $6`,
		repository, by.Author, by.Label, by.State, page.Size, page.offset())
	return merged(found), total, err
}

// FindPull by number; nil when there is none.
func (s *Store) FindPull(ctx context.Context, repository int64, number int) (*Pull, error) {
	found, err := rows[Pull](ctx, s, s.Pool,
		`SELECT `+pullColumns+pullFrom+` WHERE i.repository_id = $1 AND i.number = $2`, repository, number)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &merged(found)[0], nil
}

// OpenPull opens a pull request, unless there is an open one of the same branches; its number.
func (s *Store) OpenPull(ctx context.Context, repository int64, issue NewIssue, head, commit, base string) (number int, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, row *locked) error {
		other, found, err := value[int32](ctx, s, tx, `
			SELECT i.number FROM issue i JOIN pull_request p ON p.issue_id = i.id WHERE i.repository_id = $1
				AND i.state = 'open' AND p.head_branch = $2 AND p.base_branch = $3 LIMIT 1`, repository, head, base)
		if err != nil {
			return err
		}
		if found {
			return fault.Conflict("There already is an open pull request of these branches").With("number", other)
		}
		var id int64
		if id, number, err = open(ctx, s, tx, repository, issue, true); err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO pull_request (issue_id, head_branch, head_commit, base_branch)
			VALUES ($1, $2, $3, $4)`, id, head, commit, base); err != nil {
			return err
		}
		return announce(ctx, tx, event{kind: eventPull, repository: row, subject: &id})
	})
	return number, err
}
