package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// Job is a row of job.
type Job struct {
	ID          int64           `db:"id" json:"id"`
	Kind        string          `db:"kind" json:"kind"`
	State       string          `db:"state" json:"state"`
	Payload     json.RawMessage `db:"payload" json:"-"`
	Steps       json.RawMessage `db:"steps" json:"steps"`
	Attempts    int32           `db:"attempts" json:"attempts"`
	MaxAttempts int32           `db:"max_attempts" json:"max_attempts"`
	LastError   string          `db:"last_error" json:"last_error"`
	CreatedAt   time.Time       `db:"created_at" json:"created_at"`
	StartedAt   *time.Time      `db:"started_at" json:"started_at"`
	FinishedAt  *time.Time      `db:"finished_at" json:"finished_at"`
	LogBytes    int64           `db:"log_bytes" json:"log_bytes"`
	LogComplete bool            `db:"log_complete" json:"log_complete"`
}

const jobFrom = `SELECT j.id, j.kind, j.state, j.payload, j.steps, j.attempts, j.max_attempts, j.last_error, j.created_at,
	j.started_at, j.finished_at, COALESCE(l.bytes, 0) AS log_bytes, COALESCE(l.is_complete, false) AS log_complete
	FROM job j LEFT JOIN LATERAL (SELECT bytes, is_complete FROM job_log WHERE job_id = j.id
		ORDER BY attempt DESC LIMIT 1) l ON true`

// Jobs of a repository, newest first.
func (s *Store) Jobs(ctx context.Context, repository int64, state string, page Page) ([]Job, int64, error) {
	total, _, err := value[int64](ctx, s, s.Pool,
		`SELECT count(*) FROM job WHERE repository_id = $1 AND ($2 = '' OR state = $2)`, repository, state)
	if err != nil {
		return nil, 0, err
	}
	found, err := rows[Job](ctx, s, s.Pool, jobFrom+` WHERE j.repository_id = $1 AND ($2 = '' OR j.state = $2)
		ORDER BY j.id DESC LIMIT $3 OFFSET $4`, repository, state, page.Size, page.offset())
	return found, total, err
}

// FindJob by id, within a repository; nil when there is none.
func (s *Store) FindJob(ctx context.Context, repository, id int64) (*Job, error) {
	return one[Job](ctx, s, s.Pool, jobFrom+` WHERE j.repository_id = $1 AND j.id = $2`, repository, id)
}

// AddJob queues a job whose payload knows its id.
func (s *Store) AddJob(
	ctx context.Context, repository int64, kind string, payload func(id int64) any,
) (id int64, err error) {
	err = s.change(ctx, repository, func(ctx context.Context, tx pgx.Tx, _ *locked) error {
		if id, _, err = value[int64](ctx, s, tx, `SELECT nextval(pg_get_serial_sequence('job', 'id'))`); err != nil {
			return err
		}
		text, err := json.Marshal(payload(id))
		if err != nil {
			return err
		}
		_, err = exec(ctx, tx, `INSERT INTO job (id, repository_id, kind, payload) VALUES ($1, $2, $3, $4)`,
			id, repository, kind, text)
		return err
	})
	return id, err
}

// CancelJob ends a job that has not ended, whoever has it.
func (s *Store) CancelJob(ctx context.Context, repository, id int64) (cancelled bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		changed, err := exec(ctx, tx, `UPDATE job SET state = 'cancelled', finished_at = now()
			WHERE id = $1 AND repository_id = $2 AND state IN ('queued', 'running')`, id, repository)
		cancelled = changed > 0
		return err
	})
	return cancelled, err
}

// JobLog says how far a job's log goes; nil when there is none yet.
type JobLog struct {
	Attempt  int32 `db:"attempt"`
	Parts    int32 `db:"parts"`
	Cut      bool  `db:"is_cut"`
	Complete bool  `db:"is_complete"`
}

// FindJobLog is that of the newest attempt.
func (s *Store) FindJobLog(ctx context.Context, job int64) (*JobLog, error) {
	return one[JobLog](ctx, s, s.Pool, `SELECT attempt, parts, is_cut, is_complete FROM job_log WHERE job_id = $1
		ORDER BY attempt DESC LIMIT 1`, job)
}

// WikiPage is what the forge knows of a page besides its text.
type WikiPage struct {
	Path      string    `db:"path"`
	Title     string    `db:"title"`
	Author    string    `db:"author"`
	UpdatedAt time.Time `db:"updated_at"`
}

// WikiPages of a repository's wiki.
func (s *Store) WikiPages(ctx context.Context, repository int64) ([]WikiPage, error) {
	return rows[WikiPage](ctx, s, s.Pool, `SELECT w.path, w.title, u.username AS author, w.updated_at
		FROM wiki_page w JOIN "user" u ON u.id = w.author_id WHERE w.repository_id = $1`, repository)
}
