package child

import (
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// BenchmarkEvent is the cost of a job's two lines, halved: as cpu-ns/event the CPU time of this
// process, the kernel's share with it. Somebody else drains the pipe.
func BenchmarkEvent(b *testing.B) {
	reading, writing, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	// As large as the parent makes it, or the writer would wait for its reader more often.
	if _, err := unix.FcntlInt(writing.Fd(), unix.F_SETPIPE_SZ, 1<<20); err != nil {
		b.Fatal(err)
	}
	drain := exec.Command("cat")
	drain.Stdin = reading
	if err := drain.Start(); err != nil {
		b.Fatal(err)
	}
	reading.Close()
	emitter := NewEmitter(Init{RunID: "bench-talkers-none-001", EventFD: int(writing.Fd())})
	execution := &Execution{Plan: Plan{JobID: "j000224"}, InboxID: "224", emitter: emitter}
	b.ResetTimer()
	begun := cpuNS(b)
	for range b.N {
		execution.Number++
		execution.started(nil)
		execution.completed()
	}
	b.ReportMetric(float64(cpuNS(b)-begun)/float64(2*b.N), "cpu-ns/event")
	b.StopTimer()
	writing.Close()
	if err := drain.Wait(); err != nil {
		b.Fatal(err)
	}
}

func cpuNS(b *testing.B) int64 {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
