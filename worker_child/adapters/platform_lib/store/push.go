package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// ErrDuplicateAddress: work with this address is in the queue already.
var ErrDuplicateAddress = errors.New("work with this address is in the queue already")

// Job is what goes into the queue.
type Job struct {
	Name     string
	Priority uint64
	Type     uint64
	// Address: the queue holds at most one row with it at any time; "" = none.
	Address string
	// Item is the work, as JSON.
	Item    []byte
	Carrier []byte
}

const pushSQL = `
WITH pushed AS (
    INSERT INTO queue (name, priority, type, address, item, carrier)
    VALUES ($1, $2, $3, nullif($4, ''), $5, $6)
    ON CONFLICT (address) DO NOTHING
    RETURNING id
)
SELECT id, ` + workReady + ` FROM pushed`

// Push puts a job into the queue and notifies, both in one transaction, and returns its row's id. It
// waits for a concurrent push of the same address and returns ErrDuplicateAddress when that commits.
func (s *Store) Push(ctx context.Context, job Job) (int64, error) {
	var id int64
	row := s.on.QueryRow(ctx, pushSQL,
		job.Name, job.Priority, job.Type, job.Address, job.Item, job.Carrier)
	switch err := row.Scan(&id, nil); {
	case errors.Is(err, pgx.ErrNoRows):
		return 0, ErrDuplicateAddress
	case err != nil:
		return 0, fmt.Errorf("the job could not be pushed: %w", err)
	}
	return id, nil
}
