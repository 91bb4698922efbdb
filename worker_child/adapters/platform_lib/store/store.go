// Package store keeps platform-lib's queue in PostgreSQL: the rows, their claims, retries and limits.
//
// It knows nothing of the library's packages, so it is built and tested wherever Go and PostgreSQL
// are; the adapter's queueStore gives it the library's own types. What the library prescribes is kept
// to the letter: the names, the numbers and the JSON of its notifications, sql.ErrNoRows from an empty
// queue, one permit a claim. What the library leaves to its application is decided here: SKIP LOCKED,
// the retry schedule and the two limits.
package store

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema makes the tables in an empty database.
//
//go:embed schema.sql
var Schema string

// Limits say when a job is given up.
type Limits struct {
	// MaxAttempts is how often a job's handler may fail.
	MaxAttempts int
	// PoisonAfter is how often a job may be swept from a worker that died: one that kills its worker
	// each time would do so for ever.
	PoisonAfter int
}

// Store is one worker's hold on the tables. Its methods are safe to call from any goroutine, save on
// one that Begin returned: that is a single transaction.
type Store struct {
	pool   *pgxpool.Pool
	on     executor
	tx     pgx.Tx
	worker string
	limits Limits
}

type executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// New makes a store that claims in the name of worker, which stands in each permit.
func New(pool *pgxpool.Pool, worker string, limits Limits) *Store {
	return &Store{pool: pool, on: pool, worker: worker, limits: limits}
}

// Begin starts a transaction; what the store that it returns does is seen once Complete has ended it.
func (s *Store) Begin(ctx context.Context) (*Store, error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("a transaction of the store cannot begin: %w", err)
	}
	return s.Within(tx), nil
}

// Within is this store inside a transaction that somebody else ends.
func (s *Store) Within(tx pgx.Tx) *Store {
	return &Store{pool: s.pool, on: tx, tx: tx, worker: s.worker, limits: s.limits}
}

// Complete commits what Begin started, or rolls it back where failure is an error.
func (s *Store) Complete(ctx context.Context, failure error) error {
	if failure != nil {
		return s.tx.Rollback(ctx)
	}
	return s.tx.Commit(ctx)
}
