package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// InQueue says whether a row with this address waits or is being worked on.
func (s *Store) InQueue(ctx context.Context, address string) (bool, error) {
	var found bool
	row := s.on.QueryRow(ctx, "SELECT EXISTS (SELECT FROM queue WHERE address = $1)", address)
	if err := row.Scan(&found); err != nil {
		return false, fmt.Errorf("the address %s could not be looked for: %w", address, err)
	}
	return found, nil
}

const keepFailureSQL = `
INSERT INTO queue_failure (address, error) VALUES ($1, $2)
ON CONFLICT (address) DO UPDATE SET error = excluded.error`

// KeepFailure keeps what the last run of an address failed with; nil forgets it.
func (s *Store) KeepFailure(ctx context.Context, address string, failure []byte) error {
	sql, arguments := keepFailureSQL, []any{address, string(failure)}
	if failure == nil {
		sql, arguments = "DELETE FROM queue_failure WHERE address = $1", arguments[:1]
	}
	if _, err := s.on.Exec(ctx, sql, arguments...); err != nil {
		return fmt.Errorf("how %s ended could not be kept: %w", address, err)
	}
	return nil
}

// Ended says whether no row with this address is left, and what the last run failed with, nil where
// it did not: both as of one instant, or a failure could be missed.
func (s *Store) Ended(ctx context.Context, address string) (bool, []byte, error) {
	const sql = `SELECT NOT EXISTS (SELECT FROM queue WHERE address = $1),
		(SELECT error FROM queue_failure WHERE address = $1)`
	var ended bool
	var failure *string
	if err := s.on.QueryRow(ctx, sql, address).Scan(&ended, &failure); err != nil {
		return false, nil, fmt.Errorf("the address %s could not be looked for: %w", address, err)
	}
	if failure == nil {
		return ended, nil, nil
	}
	return ended, []byte(*failure), nil
}

const peekSQL = `
SELECT id, coalesce(permit, 0), type, coalesce(address, ''), convert_to(item::text, 'UTF8'), carrier, attempts
FROM queue WHERE type = ANY ($1) ORDER BY priority, id`

// Peek reads every row of these types, claimed or not, and takes none.
func (s *Store) Peek(ctx context.Context, types []uint64) ([]Claimed, error) {
	rows, err := s.on.Query(ctx, peekSQL, signed(types))
	if err != nil {
		return nil, fmt.Errorf("the queue could not be read: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Claimed])
	if err != nil {
		return nil, fmt.Errorf("the queue could not be read: %w", err)
	}
	return found, nil
}
