package child

import (
	"encoding/json"
	"errors"
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
	emit := func(length int) (refused any) {
		defer func() { refused = recover() }()
		emitter.emit("note", object{}.text("code", strings.Repeat("x", length)))
		return nil
	}
	if emit(0) != nil {
		t.Fatal("an empty note was refused")
	}
	fits := MaxLineBytes - len(written[0])
	if emit(fits) != nil || len(written[1]) != MaxLineBytes {
		t.Fatalf("a line of %d bytes was refused", MaxLineBytes)
	}
	refused := emit(fits + 1)
	if want := "a note event of 4097 bytes"; !strings.HasPrefix(fmt.Sprint(refused), want) {
		t.Fatalf("got %v, want %s", refused, want)
	}
	emit(0)
	if last := lineOf(t, []byte(written[2])); last.N != 2 {
		t.Errorf("after the refused line came n = %d", last.N)
	}
}

func TestALineThatCannotBeWrittenIsNeverPassedOver(t *testing.T) {
	broken := errors.New("no space left")
	emitter := newEmitter(Init{RunID: "run"}, func([]byte) error { return broken }, NowNS)
	defer func() {
		if refused := fmt.Sprint(recover()); !strings.Contains(refused, "no space left") {
			t.Errorf("got %q", refused)
		}
	}()
	emitter.emit("note", object{}.text("code", "x"))
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
