package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Permit is a claim that stands.
type Permit struct {
	ID      uint64
	Created time.Time
}

const permitsSQL = `
SELECT queue_permit.id, queue_permit.created_at
FROM queue_permit JOIN queue ON queue.permit = queue_permit.id
WHERE queue.name = $1
ORDER BY queue_permit.id`

// Permits are those of a queue under which a row is claimed.
func (s *Store) Permits(ctx context.Context, name string) ([]Permit, error) {
	rows, err := s.on.Query(ctx, permitsSQL, name)
	if err != nil {
		return nil, fmt.Errorf("the permits of %s could not be read: %w", name, err)
	}
	permits, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Permit])
	if err != nil {
		return nil, fmt.Errorf("the permits of %s could not be read: %w", name, err)
	}
	return permits, nil
}

const sweepSQL = `
WITH freed AS (
    UPDATE queue SET permit = NULL, sweeps = sweeps + 1
    WHERE permit = $1 AND sweeps + 1 < $2
    RETURNING id
), poisonous AS (
    DELETE FROM queue WHERE permit = $1 AND sweeps + 1 >= $2 RETURNING *
), buried AS (
    INSERT INTO queue_dead (id, name, type, address, item, attempts, failures, sweeps, reason)
    SELECT id, name, type, address, item, attempts, failures, sweeps + 1,
           'swept from ' || (sweeps + 1) || ' workers that died'
    FROM poisonous
), swept AS (
    -- Counting them has the row locked before its permit, as by an acknowledgement.
    DELETE FROM queue_permit
    WHERE id = $1 AND (SELECT count(*) FROM freed) + (SELECT count(*) FROM poisonous) >= 0
)
SELECT ` + workReady + ` FROM freed`

// Sweep takes a permit from a worker that is thought dead: its row waits again, and whoever listens is
// told, in one transaction; with its PoisonAfter-th sweep the row is given up instead. A sweep uses up
// no attempt. Two that sweep one permit, and one that sweeps what is being acknowledged, do it once.
func (s *Store) Sweep(ctx context.Context, permit uint64) error {
	if _, err := s.on.Exec(ctx, sweepSQL, permit, s.limits.PoisonAfter); err != nil {
		return fmt.Errorf("permit %d could not be swept: %w", permit, err)
	}
	return nil
}
