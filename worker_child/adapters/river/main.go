// River's worker, its schema and its unique inserts: what Crashbench starts to put River to the test.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

func main() {
	child.Main(child.Library{
		Module:   "github.com/riverqueue/river",
		Work:     work,
		Install:  install,
		Enqueuer: openEnqueuer,
	})
}

// install makes River's tables with River's own migrator.
func install(ctx context.Context, dsn string) error {
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return fmt.Errorf("the database cannot be reached: %w", err)
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return fmt.Errorf("River's migrator cannot be made: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("River's schema cannot be made: %w", err)
	}
	return nil
}

// warnings goes to stderr, which the parent quotes when a child dies; River's default is stdout.
func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
