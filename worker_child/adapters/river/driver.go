package main

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// insertTopic is what a producer listens to, right before its first fetch.
const insertTopic = "river_insert"

// announcingDriver is River's own driver; it tells when the listener is up: the next thing that River
// does is its first fetch. Its word comes once, however often River connects anew.
type announcingDriver struct {
	*riverpgxv5.Driver
	announce func()
}

func newAnnouncingDriver(pool *pgxpool.Pool, announce func()) *announcingDriver {
	return &announcingDriver{riverpgxv5.New(pool), sync.OnceFunc(announce)}
}

// GetListener is River's, with an ear at Listen.
func (d *announcingDriver) GetListener(params *riverdriver.GetListenenerParams) riverdriver.Listener {
	return announcingListener{d.Driver.GetListener(params), d.announce}
}

type announcingListener struct {
	riverdriver.Listener
	announce func()
}

// Listen is River's; then comes the word.
func (l announcingListener) Listen(ctx context.Context, topic string) error {
	err := l.Listener.Listen(ctx, topic)
	if err == nil && topic == insertTopic {
		l.announce()
	}
	return err
}
