package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Claimed is a row and the permit under which it was claimed.
type Claimed struct {
	ID      int64
	Permit  uint64
	Type    uint64
	Address string
	Item    []byte
	Carrier []byte
	// Attempt is how often the row has been claimed, this time included.
	Attempt int
}

const popSQL = `
WITH next AS (
    SELECT id FROM queue
    WHERE name = $1 AND priority <= $2 AND type = ANY ($3)
      AND permit IS NULL AND due_at <= clock_timestamp()
    ORDER BY priority, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), given AS (
    INSERT INTO queue_permit (worker) SELECT $4 FROM next RETURNING id
)
UPDATE queue SET permit = given.id, attempts = attempts + 1
FROM next, given
WHERE queue.id = next.id
RETURNING queue.id, queue.permit, type, coalesce(address, ''),
    convert_to(item::text, 'UTF8'), carrier, attempts`

// Pop claims the first row by priority and age that is due, and makes its permit, in one transaction.
// It returns sql.ErrNoRows itself where there is none: the library compares.
func (s *Store) Pop(ctx context.Context, name string, maxPriority uint64, types []uint64) (Claimed, error) {
	var claimed Claimed
	row := s.on.QueryRow(ctx, popSQL, name, maxPriority, signed(types), s.worker)
	err := row.Scan(&claimed.ID, &claimed.Permit, &claimed.Type, &claimed.Address,
		&claimed.Item, &claimed.Carrier, &claimed.Attempt)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Claimed{}, sql.ErrNoRows
	case err != nil:
		return Claimed{}, fmt.Errorf("a row could not be claimed: %w", err)
	}
	return claimed, nil
}

// signed: PostgreSQL has no unsigned integers.
func signed(types []uint64) []int64 {
	converted := make([]int64, len(types))
	for at, each := range types {
		converted[at] = int64(each)
	}
	return converted
}

// Here as everywhere the row is locked before its permit: the main statement runs first.
const deleteSQL = `
WITH returned AS (DELETE FROM queue_permit WHERE id = $1)
DELETE FROM queue WHERE permit = $1`

// Delete acknowledges: the row and its permit go, in one transaction. Of a permit that has been swept
// nothing is left to go, and the row is somebody else's.
func (s *Store) Delete(ctx context.Context, permit uint64) error {
	if _, err := s.on.Exec(ctx, deleteSQL, permit); err != nil {
		return fmt.Errorf("the work of permit %d could not be deleted: %w", permit, err)
	}
	return nil
}

// Decision is what became of a job whose handler failed.
type Decision int

// Every Decision there is; Swept = the permit was no longer the worker's, who has no say then.
const (
	Swept Decision = iota
	Retried
	GivenUp
)

// The nth failure of a job is followed by n^4 s, 10 % more or less, as with River.
const failSQL = `
WITH retried AS (
    UPDATE queue
    SET permit = NULL, failures = failures + 1, due_at = clock_timestamp()
        + power(failures + 1, 4) * (0.9 + 0.2 * random()) * interval '1 second'
    WHERE permit = $1 AND NOT $2 AND failures + 1 < $3
    RETURNING extract(epoch FROM due_at - clock_timestamp())::float8 AS delay_s
), ended AS (
    DELETE FROM queue WHERE permit = $1 AND ($2 OR failures + 1 >= $3) RETURNING *
), buried AS (
    INSERT INTO queue_dead (id, name, type, address, item, attempts, failures, sweeps, reason)
    SELECT id, name, type, address, item, attempts, failures + 1, sweeps, $4 FROM ended
), returned AS (
    DELETE FROM queue_permit WHERE id = $1
)
SELECT (SELECT delay_s FROM retried), EXISTS (SELECT FROM ended)`

// Fail takes a failed job back for another attempt, delayS seconds from now, or gives it up: at once
// where permanent is set, else with its MaxAttempts-th failure. The permit goes in the same
// transaction, so a kill finds either the claim or the schedule.
func (s *Store) Fail(ctx context.Context, permit uint64, permanent bool, reason string) (Decision, float64, error) {
	var delayS *float64
	var ended bool
	row := s.on.QueryRow(ctx, failSQL, permit, permanent, s.limits.MaxAttempts, reason)
	if err := row.Scan(&delayS, &ended); err != nil {
		return Swept, 0, fmt.Errorf("the failure of permit %d could not be kept: %w", permit, err)
	}
	switch {
	case delayS != nil:
		return Retried, *delayS, nil
	case ended:
		return GivenUp, 0, nil
	}
	return Swept, 0, nil
}
