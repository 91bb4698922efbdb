package child

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nsPerSecond      = 1_000_000_000
	nsPerMicrosecond = 1_000
)

// Emitter is the one voice of a child: one event, one line, one write(2). Safe to call from any
// goroutine. The stamp is taken under the same lock as the write, so t_ns never decreases with n.
type Emitter struct {
	write        func([]byte) error
	fail         func(error)
	clockNS      func() int64
	runID        []byte
	signature    []byte
	wallOffsetNS int64

	lock sync.Mutex
	n    int64
	line []byte
}

// NewEmitter makes the emitter of the child that init describes.
func NewEmitter(init Init) *Emitter {
	return newEmitter(init, func(line []byte) error { return writeOnce(init.EventFD, line) }, NowNS)
}

func newEmitter(init Init, write func([]byte) error, clockNS func() int64) *Emitter {
	return &Emitter{
		write:        write,
		fail:         leaveByOurFault,
		clockNS:      clockNS,
		runID:        appendText(nil, init.RunID),
		signature:    fmt.Appendf(nil, `"slot":%d,"incarnation":%d`, init.Slot, init.Incarnation),
		wallOffsetNS: init.ClockAnchor.WallNS - init.ClockAnchor.MonotonicNS,
		line:         make([]byte, 0, MaxLineBytes),
	}
}

// emit writes one event; fields are those of its kind without t_ns, n, slot and incarnation. It
// leaves the process when nobody reads any more, and as one that failed by our own fault when a line
// cannot be written whole.
func (e *Emitter) emit(kind string, fields object) {
	e.lock.Lock()
	defer e.lock.Unlock()
	e.line = e.appendLine(e.line[:0], e.clockNS(), kind, fields)
	if len(e.line) > MaxLineBytes {
		e.fail(fmt.Errorf("a %s event of %d bytes arrived; the wire takes at most %d, the size of "+
			"an atomic write: shorten its texts", kind, len(e.line), MaxLineBytes))
		return
	}
	if err := e.write(e.line); err != nil {
		if errors.Is(err, unix.EPIPE) {
			os.Exit(ExitParentGone)
		}
		e.fail(fmt.Errorf("a %s event could not be written to the pipe: %w", kind, err))
	}
	e.n++
}

func (e *Emitter) appendLine(line []byte, tNS int64, kind string, fields object) []byte {
	line = append(line, `{"run_id":`...)
	line = append(line, e.runID...)
	line = append(line, `,"timestamp":"`...)
	wall := time.Unix(0, (tNS+e.wallOffsetNS)/nsPerMicrosecond*nsPerMicrosecond).UTC()
	line = wall.AppendFormat(line, "2006-01-02T15:04:05.000000Z")
	line = append(line, `","kind":"`...)
	line = append(line, kind...)
	line = append(line, `","fields":{"t_ns":`...)
	line = strconv.AppendInt(line, tNS, 10)
	line = append(line, `,"n":`...)
	line = strconv.AppendInt(line, e.n, 10)
	line = append(line, ',')
	line = append(line, e.signature...)
	if len(fields) > 0 {
		line = append(line, ',')
		line = append(line, fields...)
	}
	return append(line, "}}\n"...)
}

// NowNS is CLOCK_MONOTONIC in nanoseconds: the clock of the wire, which time.Now() does not show.
func NowNS() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(fmt.Sprintf("CLOCK_MONOTONIC cannot be read: %v", err))
	}
	return now.Nano()
}

// writeOnce hands the line to the kernel in one write(2); a signal before the first byte is no
// failure, part of a line would be.
func writeOnce(fd int, line []byte) error {
	for {
		written, err := unix.Write(fd, line)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case written != len(line):
			return fmt.Errorf("%d of %d bytes were taken", written, len(line))
		}
		return nil
	}
}
