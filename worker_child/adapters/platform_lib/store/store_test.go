package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	dsnVariable = "CRASHBENCH_TEST_DSN"
	patience    = 10 * time.Second
)

var someTypes = []uint64{1}

// openPool connects to a PostgreSQL of the test's own, with empty tables of the schema.
func openPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	dsn := os.Getenv(dsnVariable)
	if dsn == "" {
		t.Skipf("needs a PostgreSQL in %s; tests/queues/test_platform_lib_store.py gives one", dsnVariable)
	}
	pool, err := pgxpool.New(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	const forget = "DROP TABLE IF EXISTS queue, queue_permit, queue_failure, queue_dead"
	if _, err := pool.Exec(t.Context(), forget); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), Schema); err != nil {
		t.Fatal(err)
	}
	return pool
}

// openStore is a store of one worker over a pool of openPool.
func openStore(t *testing.T, pool *pgxpool.Pool, worker string) *Store {
	t.Helper()
	return New(pool, worker, Limits{MaxAttempts: 3, PoisonAfter: 2})
}

func item(number int) []byte {
	return fmt.Appendf(nil, `{"job_id": "j%d", "text": "a\\b\"c"}`, number)
}

// begin starts a transaction that does not outlive the test.
func begin(t *testing.T, s *Store) *Store {
	t.Helper()
	within, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = within.tx.Rollback(context.Background()) })
	return within
}

func push(t *testing.T, s *Store, number int) int64 {
	t.Helper()
	id, err := s.Push(t.Context(), Job{Name: "jobs", Type: 1, Item: item(number)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func pop(t *testing.T, s *Store) Claimed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	claimed, err := s.Pop(ctx, "jobs", 0, someTypes)
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func expectEmpty(t *testing.T, s *Store) {
	t.Helper()
	if claimed, err := s.Pop(t.Context(), "jobs", 0, someTypes); err != sql.ErrNoRows {
		t.Fatalf("got row %d and %v, want sql.ErrNoRows itself", claimed.ID, err)
	}
}

// count is what a query of one number says.
func count(t *testing.T, s *Store, query string) int {
	t.Helper()
	var number int
	if err := s.pool.QueryRow(t.Context(), query).Scan(&number); err != nil {
		t.Fatal(err)
	}
	return number
}

// expectRows compares how many rows each table has.
func expectRows(t *testing.T, s *Store, queue, permits, dead int) {
	t.Helper()
	got := [3]int{
		count(t, s, "SELECT count(*) FROM queue"),
		count(t, s, "SELECT count(*) FROM queue_permit"),
		count(t, s, "SELECT count(*) FROM queue_dead"),
	}
	if want := [3]int{queue, permits, dead}; got != want {
		t.Fatalf("there are %v rows in queue, queue_permit and queue_dead, want %v", got, want)
	}
}

// due makes every retry due now.
func due(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.pool.Exec(t.Context(), "UPDATE queue SET due_at = now()"); err != nil {
		t.Fatal(err)
	}
}

// listening hears what is notified from now on; said returns the next message.
func listening(t *testing.T, pool *pgxpool.Pool, channel string) (said func() map[string]any) {
	t.Helper()
	connection, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connection.Release)
	if _, err := connection.Exec(t.Context(), "LISTEN "+channel); err != nil {
		t.Fatal(err)
	}
	return func() map[string]any {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		told, err := connection.Conn().WaitForNotification(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var message map[string]any
		if err := json.Unmarshal([]byte(told.Payload), &message); err != nil {
			t.Fatal(err)
		}
		return message
	}
}

func TestRowsAreClaimedByPriorityAndThenByAgeAndArriveAsTheyWerePushed(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	late, err := s.Push(t.Context(), Job{Name: "jobs", Priority: 1, Type: 1, Item: item(0)})
	if err != nil {
		t.Fatal(err)
	}
	first, second := push(t, s, 1), push(t, s, 2)
	claimed := pop(t, s)
	if claimed.ID != first || string(claimed.Item) != string(item(1)) || claimed.Attempt != 1 {
		t.Fatalf("got %+v with %s", claimed, claimed.Item)
	}
	if again := pop(t, s); again.ID != second || again.Permit == claimed.Permit {
		t.Fatalf("got %+v", again)
	}
	expectEmpty(t, s)
	if lower, err := s.Pop(t.Context(), "jobs", 1, someTypes); err != nil || lower.ID != late {
		t.Fatalf("got row %d and %v, want %d", lower.ID, err, late)
	}
}

func TestWorkOfAnotherNameOrTypeIsLeftAlone(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	for _, asked := range []struct {
		name  string
		types []uint64
	}{{"others", someTypes}, {"jobs", []uint64{2}}, {"jobs", nil}} {
		if _, err := s.Pop(t.Context(), asked.name, 9, asked.types); err != sql.ErrNoRows {
			t.Errorf("%v: got %v", asked, err)
		}
	}
}

func TestManyWorkersClaimEachRowOnce(t *testing.T) {
	const workers, jobs = 8, 200
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	for number := range jobs {
		push(t, s, number)
	}
	var lock sync.Mutex
	var ids []int64
	var busy sync.WaitGroup
	for worker := range workers {
		busy.Go(func() {
			mine := openStore(t, pool, fmt.Sprintf("w%d", worker))
			for {
				claimed, err := mine.Pop(t.Context(), "jobs", 0, someTypes)
				if err == sql.ErrNoRows {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				lock.Lock()
				ids = append(ids, claimed.ID)
				lock.Unlock()
			}
		})
	}
	busy.Wait()
	slices.Sort(ids)
	if len(ids) != jobs || len(slices.Compact(ids)) != jobs {
		t.Fatalf("%d claims of %d rows", len(ids), jobs)
	}
	expectRows(t, s, jobs, jobs, 0)
}

func TestARowThatAnotherHasLockedIsSkippedAndItsPermitGoesWithItsTransaction(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	first, second := push(t, s, 0), push(t, s, 1)
	open := begin(t, openStore(t, pool, "w1"))
	if held := pop(t, open); held.ID != first {
		t.Fatalf("got %d", held.ID)
	}
	if claimed := pop(t, s); claimed.ID != second {
		t.Fatalf("got %d, want the one that nobody has locked", claimed.ID)
	}
	if err := open.Complete(t.Context(), errors.New("the worker was killed")); err != nil {
		t.Fatal(err)
	}
	expectRows(t, s, 2, 1, 0)
	if claimed := pop(t, s); claimed.ID != first {
		t.Fatalf("got %d", claimed.ID)
	}
}

func TestAnAcknowledgementTakesTheRowAndItsPermit(t *testing.T) {
	s := openStore(t, openPool(t), "w0")
	push(t, s, 0)
	push(t, s, 1)
	if err := s.Delete(t.Context(), pop(t, s).Permit); err != nil {
		t.Fatal(err)
	}
	expectRows(t, s, 1, 0, 0)
}

func TestAnyOfTheStatementsOfATransactionIsSeenOnlyOnceItCommits(t *testing.T) {
	pool := openPool(t)
	s := openStore(t, pool, "w0")
	said := listening(t, pool, ChannelMessages)
	for _, failure := range []error{errors.New("no"), nil} {
		within := begin(t, s)
		push(t, within, 0)
		push(t, within, 1)
		expectRows(t, s, 0, 0, 0)
		if err := within.Complete(t.Context(), failure); err != nil {
			t.Fatal(err)
		}
	}
	expectRows(t, s, 2, 0, 0)
	said()
}
