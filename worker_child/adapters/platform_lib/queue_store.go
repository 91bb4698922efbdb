package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"crashbench/adapters/platform_lib/store"

	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/permit"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
)

// queueStore gives our store the library's types: it is the queue.QueueStore that an application of
// platform-lib has to write.
type queueStore struct {
	rows *store.Store
	// claims counts what has been popped and is not yet finished.
	claims *sync.WaitGroup
	// undecided are permits whose job failed without the store knowing of it.
	undecided *sync.Map
}

var _ queue.QueueStore = queueStore{}

func newQueueStore(rows *store.Store) queueStore {
	return queueStore{rows, &sync.WaitGroup{}, &sync.Map{}}
}

// BeginTransactionQueue starts a transaction, which CompleteTransaction ends.
func (q queueStore) BeginTransactionQueue(ctx context.Context, _ string) (queue.QueueStore, error) {
	within, err := q.rows.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return queueStore{within, q.claims, q.undecided}, nil
}

// CompleteTransaction has no way to return an error, but for one within the transaction's own.
func (q queueStore) CompleteTransaction(err *error) {
	if ended := q.rows.Complete(context.Background(), *err); ended != nil {
		slog.Error("a transaction of the store did not end well", "error", ended)
		if *err == nil {
			*err = ended
		}
	}
}

// NotifyExtend is a heartbeat.
func (q queueStore) NotifyExtend(ctx context.Context, permitID uint64) error {
	return q.rows.Extend(ctx, permitID)
}

// QueuePush is QueuePushAddressed without an address.
func (q queueStore) QueuePush(
	ctx context.Context, name string, group sql.NullInt64, priority, workType uint64, work any, carrier []byte,
) error {
	return q.QueuePushAddressed(ctx, name, group, priority, workType, "", work, carrier)
}

// QueuePushAddressed writes the row's id into the receipt that ctx may carry.
func (q queueStore) QueuePushAddressed(
	ctx context.Context, name string, group sql.NullInt64, priority, workType uint64, address string,
	work any, carrier []byte,
) error {
	if group.Valid {
		return errors.New("this store keeps no groups")
	}
	item, err := json.Marshal(work)
	if err != nil {
		return fmt.Errorf("the work cannot be written: %w", err)
	}
	id, err := q.rows.Push(ctx, store.Job{
		Name: name, Priority: priority, Type: workType, Address: address, Item: item, Carrier: carrier,
	})
	if errors.Is(err, store.ErrDuplicateAddress) {
		// Itself, for the library's users compare.
		return queue.ErrDuplicateAddressedPush
	}
	if into, wanted := ctx.Value(receipt{}).(*int64); wanted && err == nil {
		*into = id
	}
	return err
}

// receipt is the key under which a context carries where a push is to write its row's id: the
// library's Push returns nothing but an error.
type receipt struct{}

func withReceipt(ctx context.Context, into *int64) context.Context {
	return context.WithValue(ctx, receipt{}, into)
}

// QueuePop claims a row; the library's wrapper of a job's life says when it is finished.
func (q queueStore) QueuePop(
	ctx context.Context, name string, maxPriority uint64, types []uint64,
) (*queue.QueueWork, error) {
	claimed, err := q.rows.Pop(ctx, name, maxPriority, types)
	if err != nil {
		return nil, err
	}
	work, err := asQueueWork(claimed)
	if err != nil {
		return nil, err
	}
	q.claims.Add(1)
	return &work, nil
}

func asQueueWork(claimed store.Claimed) (queue.QueueWork, error) {
	bytes, err := json.Marshal(claimedWork{claimed.ID, claimed.Permit, claimed.Attempt, claimed.Item})
	if err != nil {
		return queue.QueueWork{}, fmt.Errorf("row %d cannot be handed over: %w", claimed.ID, err)
	}
	return queue.QueueWork{
		Permit:   permit.Permit(claimed.Permit),
		Address:  claimed.Address,
		WorkType: claimed.Type,
		Work:     bytes,
		Carrier:  claimed.Carrier,
	}, nil
}

// QueueDelete acknowledges. The agent calls it for a failed job as well: one whose failure could not be
// kept stays claimed until it is swept, or it would be lost.
func (q queueStore) QueueDelete(ctx context.Context, permitID permit.Permit) error {
	if _, undecided := q.undecided.LoadAndDelete(uint64(permitID)); undecided {
		return fmt.Errorf("permit %d is left to the sweeper: how its job failed is not kept", permitID)
	}
	return q.rows.Delete(ctx, uint64(permitID))
}

// standing is a permit as the sweeper asks for it.
type standing store.Permit

func (s standing) PermitId() permit.Permit  { return permit.Permit(s.ID) }
func (s standing) PermitCreated() time.Time { return s.Created }

// QueuePermits are those under which rows are claimed.
func (q queueStore) QueuePermits(ctx context.Context, name string) ([]queue.QueuePermit, error) {
	permits, err := q.rows.Permits(ctx, name)
	if err != nil {
		return nil, err
	}
	converted := make([]queue.QueuePermit, len(permits))
	for at, each := range permits {
		converted[at] = standing(each)
	}
	return converted, nil
}

// QueuePermitDelete sweeps.
func (q queueStore) QueuePermitDelete(ctx context.Context, permitID permit.Permit) error {
	return q.rows.Sweep(ctx, uint64(permitID))
}

// QueuePeek takes nothing.
func (q queueStore) QueuePeek(ctx context.Context, types ...uint64) ([]queue.QueueWork, error) {
	seen, err := q.rows.Peek(ctx, types)
	if err != nil {
		return nil, err
	}
	work := make([]queue.QueueWork, len(seen))
	for at, each := range seen {
		if work[at], err = asQueueWork(each); err != nil {
			return nil, err
		}
	}
	return work, nil
}

// IsQueueAddressComplete returns what the address's last run failed with as its error.
func (q queueStore) IsQueueAddressComplete(ctx context.Context, address string) (bool, error) {
	ended, failure, err := q.rows.Ended(ctx, address)
	if err != nil || failure == nil {
		return ended, err
	}
	var told queue.QueueError
	if err := json.Unmarshal(failure, &told); err != nil {
		return ended, fmt.Errorf("how %s ended cannot be read: %w", address, err)
	}
	return ended, &told
}

// IsQueueAddressInProgress: whether it waits or is being worked on.
func (q queueStore) IsQueueAddressInProgress(ctx context.Context, address string) (bool, error) {
	return q.rows.InQueue(ctx, address)
}

// QueueAddressedComplete keeps a failure as the library's QueueError, or forgets it.
func (q queueStore) QueueAddressedComplete(ctx context.Context, address string, failure error) error {
	if failure == nil {
		return q.rows.KeepFailure(ctx, address, nil)
	}
	told := &queue.QueueError{Message: failure.Error()}
	errors.As(failure, &told)
	bytes, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("how %s ended cannot be written: %w", address, err)
	}
	return q.rows.KeepFailure(ctx, address, bytes)
}
