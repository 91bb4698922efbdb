package child

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func lineOf(t *testing.T, line []byte) (fields struct {
	TNS int64 `json:"t_ns"`
	N   int   `json:"n"`
}) {
	t.Helper()
	var whole struct {
		Fields *struct {
			TNS int64 `json:"t_ns"`
			N   int   `json:"n"`
		}
	}
	whole.Fields = &fields
	if err := json.Unmarshal(line, &whole); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestGoroutinesShareOneCountAndStampsNeverDecrease(t *testing.T) {
	const speakers, events = 8, 500
	var lines [][]byte
	emitter := newEmitter(Init{RunID: "run"}, func(line []byte) error {
		lines = append(lines, append([]byte(nil), line...))
		return nil
	}, NowNS)
	var busy sync.WaitGroup
	for range speakers {
		busy.Go(func() {
			for range events {
				emitter.emit("note", object{}.text("code", "x"))
			}
		})
	}
	busy.Wait()
	if len(lines) != speakers*events {
		t.Fatalf("%d lines came", len(lines))
	}
	last := int64(0)
	for n, line := range lines {
		fields := lineOf(t, line)
		if fields.N != n || fields.TNS < last {
			t.Fatalf("line %d has n %d and t_ns %d after %d", n, fields.N, fields.TNS, last)
		}
		last = fields.TNS
	}
}

func TestTheLongestLinePassesAndOneByteMoreIsRefusedAndLeavesNoGap(t *testing.T) {
	var written []string
	emitter := newEmitter(Init{RunID: "run"}, func(line []byte) error {
		written = append(written, string(line))
		return nil
	}, func() int64 { return 0 })
	var refused error
	emitter.fail = func(err error) { refused = err }
	emit := func(length int) {
		emitter.emit("note", object{}.text("code", strings.Repeat("x", length)))
	}
	emit(0)
	fits := MaxLineBytes - len(written[0])
	emit(fits)
	if refused != nil || len(written[1]) != MaxLineBytes {
		t.Fatalf("a line of %d bytes was refused: %v", MaxLineBytes, refused)
	}
	emit(fits + 1)
	if want := "a note event of 4097 bytes"; !strings.HasPrefix(fmt.Sprint(refused), want) {
		t.Fatalf("got %v, want %s", refused, want)
	}
	emit(0)
	if last := lineOf(t, []byte(written[2])); last.N != 2 {
		t.Errorf("after the refused line came n = %d", last.N)
	}
}

func TestALineThatCannotBeWrittenEndsTheChildByOurFault(t *testing.T) {
	command := program(t, "unwritable")
	var stderr strings.Builder
	command.Stderr = &stderr
	if code := exitCode(t, command.Run()); code != exitFailed {
		t.Errorf("it left with %d", code)
	}
	if !strings.HasPrefix(stderr.String(), "crashbench: a note event could not be written") {
		t.Errorf("it said %q", &stderr)
	}
}

func TestBytesThatAreNoUTF8BecomeReplacementCharacters(t *testing.T) {
	if got := string(appendText(nil, "a\xff\xfeb")); got != "\"a\ufffd\ufffdb\"" {
		t.Errorf("got %q", got)
	}
}

func TestTheClockIsTheKernelsMonotonicOne(t *testing.T) {
	before := NowNS()
	if after := NowNS(); before <= 0 || after < before {
		t.Errorf("%d came before %d", before, after)
	}
}
