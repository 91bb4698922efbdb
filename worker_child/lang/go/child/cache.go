package child

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// CacheFolderVariable names a folder of the run's own, for a cache that keeps results in files; it is
// in the environment of every process of a run whose scenario has a cache.
const CacheFolderVariable = "CRASHBENCH_CACHE_FOLDER"

// CachedResult is what a job puts into the queue's cache, so that whoever asks for its address may
// have it.
type CachedResult struct {
	// Address is where it is kept, and asked for.
	Address string `json:"address"`
	// Key is what its bytes are made of.
	Key string `json:"key"`
	// Bytes is how long it is.
	Bytes int `json:"bytes"`
}

// Content is all of its bytes: the first of the SHA-256 digests of "{key}/0", "{key}/1", ...
func (r CachedResult) Content() []byte {
	content := make([]byte, 0, r.Bytes+sha256.Size)
	for block := 0; len(content) < r.Bytes; block++ {
		digest := sha256.Sum256(fmt.Appendf(nil, "%s/%d", r.Key, block))
		content = append(content, digest[:]...)
	}
	return content[:r.Bytes]
}

// CacheOutcome is how a question to a cache was answered.
type CacheOutcome string

// Every CacheOutcome there is.
const (
	// CacheHit: the cache had the result.
	CacheHit CacheOutcome = "hit"
	// CacheMiss: it had not, and the queue was asked for a job of the caller's own.
	CacheMiss CacheOutcome = "miss"
	// CacheJoined: the queue had a job of that address already, for whose result the caller waited.
	CacheJoined CacheOutcome = "joined"
)

// CacheAnswer is what one caller of a queue with a cache was answered.
type CacheAnswer struct {
	Outcome CacheOutcome `json:"outcome"`
	// AnsweredNS is when the caller had every byte, or gave up: see NowNS.
	AnsweredNS int64 `json:"answered_ns"`
	// Enqueued is what the queue said to the caller's job; nil of a hit.
	Enqueued *Enqueued `json:"enqueued,omitempty"`
	// EnqueuedNS is when it had said so; nil of a hit.
	EnqueuedNS *int64 `json:"enqueued_ns,omitempty"`
	// SHA256 is the digest, in hex, of all that was served; nil where nothing was.
	SHA256 *string `json:"sha256,omitempty"`
	// Bytes is how much that was.
	Bytes *int `json:"bytes,omitempty"`
	// Error says why nothing was served.
	Error string `json:"error,omitempty"`
}

// Serve notes what the caller was served, whole or not.
func (a *CacheAnswer) Serve(content []byte) {
	digest, size := fmt.Sprintf("%x", sha256.Sum256(content)), len(content)
	a.SHA256, a.Bytes = &digest, &size
}

// Asker is an Enqueuer of a library with a cache: a caller that waits for its result.
type Asker interface {
	Enqueuer
	// Ask has the result of the address job.DedupKey served; what the cache has not got is the work of
	// job, or of one that the queue had already. It gives up when ctx ends. An error means that nobody
	// knows whether the queue has taken job; the process then ends.
	Ask(ctx context.Context, job OutgoingJob) (CacheAnswer, error)
}
