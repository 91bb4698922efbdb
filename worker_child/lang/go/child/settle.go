package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Enqueue puts jobs, given as plans and payloads, into the library's queue, in one go, and returns
// their inbox ids. tx is the job's own transaction in CarryOutWithin, else nil.
type Enqueue func(ctx context.Context, tx pgx.Tx, plans []Plan, payloads [][]byte) ([]string, error)

// Within runs do in the library's transaction of a job, acknowledges the job in it and commits.
type Within func(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error

type settle func(context.Context, *Execution) error

func (b *Body) settle(ctx context.Context, execution *Execution) error {
	children, err := b.fanOut(ctx, nil, execution.Plan.Children)
	if err != nil {
		return err
	}
	b.emitEnqueued(execution, children)
	if !b.init.Effects {
		return nil
	}
	return b.tables.commitEffect(ctx, execution)
}

// settleWithin tells of the children only once they are there: after the commit.
func (b *Body) settleWithin(ctx context.Context, execution *Execution, within Within) error {
	var children []fannedOut
	err := within(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if children, err = b.fanOut(ctx, tx, execution.Plan.Children); err != nil || !b.init.Effects {
			return err
		}
		return b.tables.insertEffect(ctx, tx, execution)
	})
	if err != nil {
		return err
	}
	acknowledgedNS := NowNS()
	for at := range children {
		children[at].acknowledgedNS = acknowledgedNS
	}
	b.emitEnqueued(execution, children)
	return nil
}

// fannedOut is a job that another one has enqueued.
type fannedOut struct {
	plan                   Plan
	inboxID                string
	sentNS, acknowledgedNS int64
}

func (b *Body) fanOut(ctx context.Context, tx pgx.Tx, plans []Plan) ([]fannedOut, error) {
	if len(plans) == 0 {
		return nil, nil
	}
	if b.Enqueue == nil {
		return nil, errors.New("the plan has children, but this adapter does not offer fan_out")
	}
	payloads := make([][]byte, len(plans))
	for at, plan := range plans {
		payload, err := json.Marshal(plan)
		if err != nil {
			return nil, fmt.Errorf("the plan of %s cannot be written: %w", plan.JobID, err)
		}
		payloads[at] = payload
	}
	sentNS := NowNS()
	inboxIDs, err := b.Enqueue(ctx, tx, plans, payloads)
	if err != nil {
		return nil, fmt.Errorf("the fan-out of %d jobs failed: %w", len(plans), err)
	}
	acknowledgedNS := NowNS()
	if len(inboxIDs) != len(plans) {
		return nil, fmt.Errorf("%d jobs were fanned out, %d ids came back", len(plans), len(inboxIDs))
	}
	children := make([]fannedOut, len(plans))
	for at, plan := range plans {
		children[at] = fannedOut{plan, inboxIDs[at], sentNS, acknowledgedNS}
	}
	return children, nil
}

func (b *Body) emitEnqueued(execution *Execution, children []fannedOut) {
	for _, child := range children {
		execution.enqueued(child)
	}
}
