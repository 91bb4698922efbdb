package child

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// OpenPool opens a pool of exactly size connections, all of them there when it returns, each
// session under the given name: one without it would void the certificate of a kill.
func OpenPool(ctx context.Context, dsn, name string, size int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("the DSN cannot be read: %w", err)
	}
	config.ConnConfig.RuntimeParams["application_name"] = name
	config.MinConns, config.MaxConns = int32(size), int32(size)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("the pool cannot be made: %w", err)
	}
	if err := fill(ctx, pool, size); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// fill waits until every connection of the pool is open: it holds them all at once.
func fill(ctx context.Context, pool *pgxpool.Pool, size int) error {
	held := make([]*pgxpool.Conn, 0, size)
	defer func() {
		for _, connection := range held {
			connection.Release()
		}
	}()
	for len(held) < size {
		connection, err := pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("connection %d of %d cannot be opened: %w", len(held)+1, size, err)
		}
		held = append(held, connection)
	}
	return nil
}
