package child

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	querySQL    = "SELECT (SELECT sum(amount) FROM bench_item WHERE tenant = $1), pg_sleep($2)"
	effectSQL   = "INSERT INTO bench_effect VALUES ($1, $2, $3, $4, $5)"
	failureSQL  = "INSERT INTO bench_failure VALUES ($1, $2, $3, $4, $5, $6)"
	failuresSQL = "SELECT count(*) FROM bench_failure WHERE run_id = $1 AND job_id = $2"
)

// tables is what jobs do with the tables of worker_child/bench.sql.
type tables interface {
	// query spends length in so many queries of equal length, on one connection.
	query(ctx context.Context, tenant *string, queries int, length time.Duration) error
	failures(ctx context.Context, execution *Execution) (int, error)
	commitFailure(ctx context.Context, execution *Execution, class ErrorClass) error
	commitEffect(ctx context.Context, execution *Execution) error
	// insertEffect makes the effect part of the job's own transaction.
	insertEffect(ctx context.Context, tx pgx.Tx, execution *Execution) error
}

// bench is the tables themselves.
type bench struct {
	init Init
	pool *pgxpool.Pool
}

type executor interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

func (b bench) query(ctx context.Context, tenant *string, queries int, length time.Duration) error {
	return b.pool.AcquireFunc(ctx, func(connection *pgxpool.Conn) error {
		for range queries {
			seconds := length.Seconds() / float64(queries)
			if _, err := connection.Exec(ctx, querySQL, tenant, seconds); err != nil {
				return fmt.Errorf("a query of the job failed: %w", err)
			}
		}
		return nil
	})
}

func (b bench) failures(ctx context.Context, execution *Execution) (int, error) {
	var failures int
	row := b.pool.QueryRow(ctx, failuresSQL, b.init.RunID, execution.Plan.JobID)
	if err := row.Scan(&failures); err != nil {
		return 0, fmt.Errorf("the job's failures could not be counted: %w", err)
	}
	return failures, nil
}

func (b bench) commitFailure(ctx context.Context, execution *Execution, class ErrorClass) error {
	if _, err := b.pool.Exec(ctx, failureSQL, append(b.key(execution), string(class))...); err != nil {
		return fmt.Errorf("the planned failure could not be committed: %w", err)
	}
	return nil
}

func (b bench) commitEffect(ctx context.Context, execution *Execution) error {
	return b.effect(ctx, b.pool, execution)
}

func (b bench) insertEffect(ctx context.Context, tx pgx.Tx, execution *Execution) error {
	return b.effect(ctx, tx, execution)
}

func (b bench) effect(ctx context.Context, on executor, execution *Execution) error {
	if _, err := on.Exec(ctx, effectSQL, b.key(execution)...); err != nil {
		return fmt.Errorf("the effect could not be written: %w", err)
	}
	return nil
}

func (b bench) key(execution *Execution) []any {
	return []any{
		b.init.RunID, execution.Plan.JobID, b.init.Slot, b.init.Incarnation, execution.Number,
	}
}
