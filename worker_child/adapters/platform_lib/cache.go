package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"crashbench/adapters/platform_lib/store"
	"crashbench/lang/go/child"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rstudio/platform-lib/v4/pkg/rscache"
	"github.com/rstudio/platform-lib/v4/pkg/rsqueue/queue"
	"github.com/rstudio/platform-lib/v4/pkg/rsstorage"
	"github.com/rstudio/platform-lib/v4/pkg/rsstorage/servers/file"
)

const (
	// resultsFolder holds the results, below the folder of the run.
	resultsFolder = "results"
	// fileLimit is how long the library's cache looks for the file of an address that has ended.
	fileLimit = 5 * time.Second
)

// openStorage opens the library's file server in the folder of the run; nil where the run has none,
// which means that nobody asks for results.
func openStorage() rsstorage.StorageServer {
	folder := os.Getenv(child.CacheFolderVariable)
	if folder == "" {
		return nil
	}
	return file.NewStorageServer(file.StorageServerArgs{Dir: folder, Class: resultsFolder})
}

// keep stores what a job makes for whoever asks for its address: the library stages it in a file of
// its own and moves that to the address.
func keep(ctx context.Context, storage rsstorage.StorageServer, result *child.CachedResult) error {
	if result == nil {
		return nil
	}
	if storage == nil {
		return fmt.Errorf("a result was made, and %s names no folder", child.CacheFolderVariable)
	}
	content := result.Content()
	write := func(to io.Writer) (string, string, error) {
		_, err := to.Write(content)
		return "", "", err
	}
	if _, _, err := storage.Put(ctx, write, resultsFolder, result.Address); err != nil {
		return fmt.Errorf("the result of %s could not be kept: %w", result.Address, err)
	}
	return nil
}

// caller is one client of the library's cache: it asks, and waits for its result.
type caller struct {
	*enqueuer
	storage rsstorage.StorageServer
	close   func()
}

// openCaller opens a queue that hears when addressed work has ended, and nothing else.
func openCaller(pool *pgxpool.Pool, queued queueStore, storage rsstorage.StorageServer) (child.Enqueuer, error) {
	messages, err := listen(pool, store.ChannelMessages, messageMatcher())
	if err != nil {
		return nil, err
	}
	complete := messages.Subscribe(store.NotifyWorkComplete)
	stop := make(chan bool)
	line, err := openQueue(queued, nil, complete, stop)
	if err != nil {
		messages.close()
		return nil, err
	}
	return &caller{&enqueuer{pool, line, stop}, storage, func() {
		messages.Unsubscribe(complete)
		stop <- true
		<-stop
		messages.close()
		pool.Close()
	}}, nil
}

// Close lets go of the queue before its listener, as the worker does.
func (c *caller) Close() {
	c.close()
}

// Ask looks into the library's cache, which pushes the job where it has nothing, and waits.
func (c *caller) Ask(ctx context.Context, job child.OutgoingJob) (child.CacheAnswer, error) {
	pushes := &pushes{Queue: c.queue}
	cache := rscache.NewFileCache(rscache.FileCacheConfig{
		Queue:            pushes,
		DuplicateMatcher: duplicates{},
		StorageServer:    c.storage,
		Recurser:         plainly{},
		Timeout:          fileLimit,
	})
	work := addressed{plan(job.Payload), *job.DedupKey}
	content, err := read(cache.Get(ctx, rscache.ResolverSpec{Work: work}))
	answer := child.CacheAnswer{Outcome: pushes.outcome(), AnsweredNS: child.NowNS()}
	if pushes.err != nil && !isRefusal(pushes.err) {
		return answer, pushes.err
	}
	answer.Enqueued, answer.EnqueuedNS = pushes.told, pushes.toldNS
	if err != nil {
		answer.Error = err.Error()
		return answer, nil
	}
	answer.Serve(content)
	return answer, nil
}

func read(found *rscache.CacheReturn) ([]byte, error) {
	reader, err := found.AsReader()
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(reader)
	return content, errors.Join(err, reader.Close())
}

// pushes stands between the library's cache and its queue, for one question: it remembers what the
// queue said, of which the cache tells nobody.
type pushes struct {
	queue.Queue
	told   *child.Enqueued
	toldNS *int64
	err    error
}

// AddressedPush pushes, and remembers.
func (p *pushes) AddressedPush(
	ctx context.Context, priority uint64, group int64, address string, work rscache.QueueWork,
) error {
	var id int64
	err := p.Queue.AddressedPush(withReceipt(ctx, &id), priority, group, address, work)
	toldNS := child.NowNS()
	p.toldNS = &toldNS
	switch {
	case err == nil:
		told := child.Accepted(inboxID(id))
		p.told = &told
	case duplicates{}.IsDuplicate(err):
		// The library does not say which row has the address.
		told := child.Deduplicated(nil)
		p.told = &told
	default:
		told := child.Rejected(err)
		p.told, p.err = &told, err
	}
	return err
}

func (p *pushes) outcome() child.CacheOutcome {
	switch {
	case p.told == nil:
		return child.CacheHit
	case p.told.Outcome == "deduplicated":
		return child.CacheJoined
	}
	return child.CacheMiss
}

// duplicates knows the queue's word for an address that it has already.
type duplicates struct{}

func (duplicates) IsDuplicate(err error) bool {
	return errors.Is(err, queue.ErrDuplicateAddressedPush)
}

// plainly: a caller is no job of the queue, so that it gives up no place while it waits.
type plainly struct{}

func (plainly) OptionallyRecurse(_ context.Context, run func()) { run() }

// addressed is a plan under the address of its result.
type addressed struct {
	plan
	address string
}

func (a addressed) Address() string { return a.address }
func (a addressed) Dir() string     { return resultsFolder }
