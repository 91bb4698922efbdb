package main

import (
	"context"
	"encoding/json"
	"fmt"

	"crashbench/adapters/platform_lib/store"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rstudio/platform-lib/v4/pkg/rsnotify/broadcaster"
	"github.com/rstudio/platform-lib/v4/pkg/rsnotify/listener"
	"github.com/rstudio/platform-lib/v4/pkg/rsnotify/listeners/postgrespgx"
	agenttypes "github.com/rstudio/platform-lib/v4/pkg/rsqueue/agent/types"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
)

// workReady is the notification that a push sends.
type workReady struct {
	listener.GenericNotification
}

// announcements is one LISTEN, passed on to all who subscribe.
type announcements struct {
	*broadcaster.NotificationBroadcaster
	listener listener.Listener
	stop     chan bool
}

// listen returns once LISTEN has been answered: what is notified from then on arrives.
func listen(pool *pgxpool.Pool, channel string, matcher *listener.GenericMatcher) (*announcements, error) {
	listener := postgrespgx.NewPgxListener(postgrespgx.PgxListenerArgs{
		Name: channel, Pool: pool, Matcher: matcher, IpReporter: noAddress{},
	})
	stop := make(chan bool)
	heard, err := broadcaster.NewNotificationBroadcaster(listener, stop)
	if err != nil {
		return nil, fmt.Errorf("nobody can listen to %s: %w", channel, err)
	}
	return &announcements{heard, listener, stop}, nil
}

// close ends the listener before the broadcaster: it could not end while it waits to hand one over.
func (a *announcements) close() {
	a.listener.Stop()
	a.stop <- true
	<-a.stop
}

// messageMatcher knows what is notified about work.
func messageMatcher() *listener.GenericMatcher {
	matcher := listener.NewMatcher("NotifyType")
	matcher.Register(store.NotifyWorkReady, &workReady{})
	matcher.Register(store.NotifyWorkComplete, &agenttypes.WorkCompleteNotification{})
	return matcher
}

// leaderMatcher knows heartbeats.
func leaderMatcher() *listener.GenericMatcher {
	matcher := listener.NewMatcher("MessageType")
	matcher.Register(store.NotifyPermitExtend, &queue.QueuePermitExtendNotification{})
	return matcher
}

// noAddress spares the library's listener the question for its own address, which it never uses and
// which has no answer on a local socket.
type noAddress struct{}

func (noAddress) IP() string { return "" }

// noChunks: nothing here is stored in chunks.
type noChunks struct{}

func (noChunks) Match(listener.Notification, string) bool { return false }

// telling passes on what the agent has to tell other processes.
func telling(ctx context.Context, rows *store.Store, failed func(error)) agenttypes.Notify {
	return func(told listener.Notification) {
		message, err := json.Marshal(told)
		if err == nil {
			err = rows.Notify(ctx, store.ChannelMessages, message)
		}
		if err != nil {
			failed(err)
		}
	}
}
