// Package store holds every statement that is sent to the forge's database. The schema is stack/forge/migrations; rows
// and events are written as stack/forge/smsly writes them.
package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/SMSLYCLOUD/smsly-code/smsly-code-api/internal/fault"
)

// Store asks the database; every wait is bounded.
type Store struct {
	Pool    *pgxpool.Pool
	timeout time.Duration
}

// Open makes a pool that connects when it is asked to.
func Open(ctx context.Context, settings *pgxpool.Config, timeout time.Duration, tracer pgx.QueryTracer) (*Store, error) {
	settings = settings.Copy()
	settings.ConnConfig.Tracer = tracer
	settings.ConnConfig.ConnectTimeout = min(timeout, 5*time.Second)
	settings.MaxConnIdleTime = 5 * time.Minute
	settings.MaxConnLifetime = time.Hour
	settings.MaxConnLifetimeJitter = 5 * time.Minute
	settings.HealthCheckPeriod = 30 * time.Second
	parameters := settings.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"application_name": "engineroom-api",
		// Above the limit of the context, which ends a statement sooner; these end what nobody waits for.
		"statement_timeout": "15000", "lock_timeout": "10000", "idle_in_transaction_session_timeout": "30000",
	} {
		if parameters[name] == "" {
			parameters[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, err
	}
	return &Store{Pool: pool, timeout: timeout}, nil
}

// Close ends all connections.
func (s *Store) Close() { s.Pool.Close() }

type asker interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// rows collects all rows of a statement.
func rows[T any](ctx context.Context, s *Store, from asker, sql string, arguments ...any) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	found, err := from.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, Translate(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowToStructByNameLax[T])
	return all, Translate(err)
}

// one is the only row of a statement, or nil.
func one[T any](ctx context.Context, s *Store, from asker, sql string, arguments ...any) (*T, error) {
	all, err := rows[T](ctx, s, from, sql, arguments...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// value is the only column of the only row, or the zero value and false.
func value[T any](ctx context.Context, s *Store, from asker, sql string, arguments ...any) (T, bool, error) {
	var none T
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	found, err := from.Query(ctx, sql, arguments...)
	if err != nil {
		return none, false, Translate(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[T])
	if err != nil || len(all) == 0 {
		return none, false, Translate(err)
	}
	return all[0], true, nil
}

// exec runs a statement; how many rows it changed.
func exec(ctx context.Context, tx pgx.Tx, sql string, arguments ...any) (int64, error) {
	done, err := tx.Exec(ctx, sql, arguments...)
	return done.RowsAffected(), Translate(err)
}

// write makes one transaction of what the function does. It is tried once more when the database says that it was
// only in the way of another.
func (s *Store) write(ctx context.Context, work func(ctx context.Context, tx pgx.Tx) error) error {
	for attempt := 0; ; attempt++ {
		err := s.attempt(ctx, work)
		if err == nil || attempt > 0 || !collided(err) {
			return Translate(err)
		}
	}
}

func (s *Store) attempt(ctx context.Context, work func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.timeout)
	defer cancel()
	return pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error { return work(ctx, tx) })
}

// Page is which part of a list is asked for.
type Page struct{ Number, Size int }

func (p Page) offset() int { return (p.Number - 1) * p.Size }

// Ready says what keeps the service from serving: the database, or its schema.
func (s *Store) Ready(ctx context.Context) (database, schema error) {
	present, _, err := value[bool](ctx, s, s.Pool, `
		SELECT to_regclass('repository') IS NOT NULL AND to_regclass('search_outbox') IS NOT NULL
			AND to_regclass('job') IS NOT NULL`)
	if err != nil {
		return err, nil
	}
	if !present {
		return nil, fault.Unavailable("The forge's schema is absent", nil)
	}
	return nil, nil
}
