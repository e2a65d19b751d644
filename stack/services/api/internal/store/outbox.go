package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Kinds of events, as the schema lists them.
const (
	eventRepository   = "repository"
	eventVisibility   = "visibility"
	eventAccess       = "access"
	eventIssue        = "issue"
	eventPull         = "pull_request"
	eventComment      = "comment"
	eventRelease      = "release"
	eventUser         = "user"
	eventOrganization = "organization"
)

// event is a row of search_outbox, written in the transaction of the change that it announces.
type event struct {
	kind       string
	repository *locked
	subject    *int64
	owner      string
	previous   string
}

// announce writes it. What takes something out of somebody's sight must not wait behind a queue of pushes.
func announce(ctx context.Context, tx pgx.Tx, e event) error {
	priority := 1
	if e.kind == eventVisibility || e.kind == eventAccess {
		priority = 0
	}
	var id *int64
	name := ""
	if e.repository != nil {
		id, e.owner, name = &e.repository.ID, e.repository.Owner, e.repository.Name
	}
	_, err := exec(ctx, tx, `
		INSERT INTO search_outbox (kind, priority, repository_id, subject_id, owner, name, previous)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, e.kind, priority, id, e.subject, e.owner, name, e.previous)
	return err
}
