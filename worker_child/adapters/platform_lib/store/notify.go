package store

import (
	"context"
	"fmt"
)

// Channels of NOTIFY and types of notification, as the library's example names and numbers them.
const (
	ChannelMessages = "messages"
	ChannelLeader   = "leader"

	NotifyWorkReady    uint8 = 1
	NotifyWorkComplete uint8 = 2
	NotifyChunk        uint8 = 3
	NotifyPermitExtend uint8 = 4
)

// workReady is a notification in the library's JSON: its matcher finds the type under NotifyType.
const workReady = `pg_notify('messages',
	json_build_object('NotifyGuid', gen_random_uuid(), 'NotifyType', 1)::text)`

const extendSQL = `SELECT pg_notify('leader',
	json_build_object('PermitID', $1::bigint, 'GuidVal', gen_random_uuid(), 'MessageType', 4)::text)`

const renotifySQL = `
SELECT ` + workReady + `
WHERE EXISTS (
    SELECT FROM queue WHERE name = $1 AND permit IS NULL AND due_at <= clock_timestamp()
)`

// Notify sends one message to a channel; it reaches every process that listens, once committed.
func (s *Store) Notify(ctx context.Context, channel string, message []byte) error {
	if _, err := s.on.Exec(ctx, "SELECT pg_notify($1, $2)", channel, string(message)); err != nil {
		return fmt.Errorf("%s could not be notified: %w", channel, err)
	}
	return nil
}

// Extend tells whoever monitors the permits that the holder of this one lives.
func (s *Store) Extend(ctx context.Context, permit uint64) error {
	if _, err := s.on.Exec(ctx, extendSQL, permit); err != nil {
		return fmt.Errorf("permit %d could not be extended: %w", permit, err)
	}
	return nil
}

// Renotify says again that work is ready, if any is: a retry that has become due, and a row whose
// only notification fell between an agent's look and its subscription.
func (s *Store) Renotify(ctx context.Context, name string) error {
	if _, err := s.on.Exec(ctx, renotifySQL, name); err != nil {
		return fmt.Errorf("waiting work could not be looked for: %w", err)
	}
	return nil
}
