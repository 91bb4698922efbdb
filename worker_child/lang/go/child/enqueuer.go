package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// OutgoingJob is a job that the parent hands to an enqueuer.
type OutgoingJob struct {
	JobID string `json:"job_id"`
	Kind  string `json:"kind"`
	// Payload is a Plan as JSON.
	Payload string `json:"payload"`
	// DedupKey: the queue is to take one job with this key; nil = no such wish.
	DedupKey *string `json:"dedup_key"`
}

// Enqueued is what the queue said to one job; Accepted, Deduplicated and Rejected make it.
type Enqueued struct {
	Outcome string  `json:"outcome"`
	InboxID string  `json:"inbox_id,omitempty"`
	Into    *string `json:"into,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// Accepted: the queue took the job as row inboxID.
func Accepted(inboxID string) Enqueued {
	return Enqueued{Outcome: "accepted", InboxID: inboxID}
}

// Deduplicated: the queue already had the job, as row into; nil where it does not say.
func Deduplicated(into *string) Enqueued {
	return Enqueued{Outcome: "deduplicated", Into: into}
}

// Rejected: the queue refused the job, and certainly has not taken it.
func Rejected(err error) Enqueued {
	return Enqueued{Outcome: "rejected", Error: err.Error()}
}

// Enqueuer puts jobs into the queue through the library's own client, for the parent.
type Enqueuer interface {
	// Enqueue returns one answer for each of at least one job, in their order. An error means that nobody knows
	// which of them the queue has taken; the process then ends.
	Enqueue(ctx context.Context, jobs []OutgoingJob) ([]Enqueued, error)
	Close()
}

type enqueueAnswer struct {
	Results []Enqueued `json:"results"`
}

// serveEnqueuer answers each enqueue command with one line on the event descriptor, until stop.
func serveEnqueuer(ctx context.Context, init Init, commands *commandStream, open OpenEnqueuer) error {
	if open == nil {
		return fmt.Errorf("%s has no enqueuer process", init.Library)
	}
	enqueuer, err := open(ctx, init)
	if err != nil {
		return err
	}
	defer enqueuer.Close()
	answers := os.NewFile(uintptr(init.EventFD), "answers")
	for {
		read, err := commands.command()
		switch {
		case errors.Is(err, io.EOF):
			os.Exit(ExitParentGone)
		case err != nil:
			leave(ExitBadInput, err)
		case read.Command == "stop":
			return nil
		case read.Command == "enqueue":
			err = answer(ctx, enqueuer, read.Jobs, answers)
		case read.Command == "ask":
			err = answerQuestion(ctx, enqueuer, read, answers)
		default:
			leave(ExitBadInput, fmt.Errorf("an enqueuer was told to %q", read.Command))
		}
		if err != nil {
			return err
		}
	}
}

func answerQuestion(ctx context.Context, enqueuer Enqueuer, question command, to io.Writer) error {
	asker, asks := enqueuer.(Asker)
	if !asks {
		return errors.New("this library has no cache that could be asked")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(question.GiveUpS*float64(time.Second)))
	defer cancel()
	answer, err := asker.Ask(ctx, question.Job)
	if err != nil {
		return fmt.Errorf("the question %s could not be asked: %w", question.Job.JobID, err)
	}
	return writeAnswer(answer, to)
}

func answer(ctx context.Context, enqueuer Enqueuer, jobs []OutgoingJob, to io.Writer) error {
	results := []Enqueued{}
	if len(jobs) > 0 {
		var err error
		if results, err = enqueuer.Enqueue(ctx, jobs); err != nil {
			return fmt.Errorf("%d jobs could not be enqueued: %w", len(jobs), err)
		}
	}
	return writeAnswer(enqueueAnswer{results}, to)
}

func writeAnswer(answer any, to io.Writer) error {
	line, err := json.Marshal(answer)
	if err != nil {
		return fmt.Errorf("an answer cannot be written: %w", err)
	}
	if _, err := to.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("an answer could not be written to the pipe: %w", err)
	}
	return nil
}
