package child

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// actVariable makes this test's own program act as a child; see TestMain.
const actVariable = "CRASHBENCH_TEST_ACT"

var acts = map[string]func(){
	"main": func() {
		Main(Library{
			Module:   "github.com/jackc/pgx/v5",
			Work:     func(context.Context, *Child) error { return nil },
			Enqueuer: func(context.Context, Init) (Enqueuer, error) { return &echo{}, nil },
		})
	},
	"watching": func() {
		newCommandStream(os.Stdin).watch(func() { os.Exit(0) })
	},
	"asleep": func() {
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	},
	"parent": func() {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), actVariable+"=asleep")
		child.Stdout = os.Stdout
		if err := child.Run(); err != nil {
			leave(1, err)
		}
	},
	"unwritable": func() {
		NewEmitter(Init{RunID: "run", EventFD: 99}).emit("note", object{}.text("code", "x"))
	},
	"unheard": func() {
		emitter := NewEmitter(Init{RunID: "run", EventFD: 3})
		for {
			emitter.emit("note", object{}.text("code", "x"))
		}
	},
}

// echo takes jobs without a key and has the others already.
type echo struct{}

func (echo) Enqueue(_ context.Context, jobs []OutgoingJob) ([]Enqueued, error) {
	answers := make([]Enqueued, len(jobs))
	for at, job := range jobs {
		switch {
		case job.Kind == "lost":
			return nil, errors.New("the connection is gone")
		case job.Kind == "refused":
			answers[at] = Rejected(errors.New("no such table"))
		case job.DedupKey != nil:
			answers[at] = Deduplicated(job.DedupKey)
		default:
			answers[at] = Accepted(job.JobID)
		}
	}
	return answers, nil
}

func (echo) Close() {}

// Ask serves what the plan says, and of the address "late" nothing.
func (echo) Ask(ctx context.Context, job OutgoingJob) (CacheAnswer, error) {
	if job.Kind == "lost" {
		return CacheAnswer{}, errors.New("the connection is gone")
	}
	var plan Plan
	if err := json.Unmarshal([]byte(job.Payload), &plan); err != nil {
		return CacheAnswer{}, err
	}
	told, toldNS := Accepted(job.JobID), int64(7)
	answer := CacheAnswer{Outcome: CacheMiss, AnsweredNS: 8, Enqueued: &told, EnqueuedNS: &toldNS}
	if *job.DedupKey == "late" {
		<-ctx.Done()
		answer.Error = ctx.Err().Error()
		return answer, nil
	}
	answer.Serve(plan.Result.Content())
	return answer, nil
}

func TestMain(m *testing.M) {
	if act, asked := acts[os.Getenv(actVariable)]; asked {
		act()
		return
	}
	os.Exit(m.Run())
}

// program is this test's program as a child, killed at the latest when the test ends.
func program(t *testing.T, act string, arguments ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	command := exec.CommandContext(ctx, os.Args[0], arguments...)
	command.Env = append(os.Environ(), actVariable+"="+act)
	return command
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// contentDigest is that of the first 100 bytes of a result of the key 0123456789abcdef, as Python makes
// them.
const contentDigest = "7d1814ee3a1f973979312bb91fcdef3248fd1135d29e778a70e0123b0889d182"

const initOfAnEnqueuer = `{"protocol":2,"run_id":"","role":"enqueuer","slot":0,"incarnation":0,` +
	`"library":"echo","settings":{},"dsn":"","application_name":"cb","concurrency":1,"pool_size":1,` +
	`"max_attempts":5,"kinds":[],"effects":false,"event_fd":3,` +
	`"clock_anchor":{"monotonic_ns":0,"wall_ns":0},"provider":null}` + "\n"

func TestInputThatEndsOrMakesNoSenseEndsTheChild(t *testing.T) {
	for _, scene := range []struct {
		name, input, says string
		code              int
	}{
		{"no input at all", "", "", ExitParentGone},
		{"the end after the init", initOfAnEnqueuer, "", ExitParentGone},
		{"stop", initOfAnEnqueuer + `{"command":"stop"}` + "\n", "", 0},
		{"no JSON", "hello\n", "no init", ExitBadInput},
		{"an unknown field", `{"colour":"red"}` + "\n", "colour", ExitBadInput},
		{"another version", strings.Replace(initOfAnEnqueuer, `:2,"run_id"`, `:3,"run_id"`, 1),
			"wire version 2, not 3", ExitBadInput},
		{"an unknown command", initOfAnEnqueuer + `{"command":"dance"}` + "\n", "dance", ExitBadInput},
		{"a job that is lost", initOfAnEnqueuer + `{"command":"enqueue","jobs":[{"job_id":"j1",` +
			`"kind":"lost","payload":"{}","dedup_key":null}]}` + "\n", "the connection is gone", 1},
		{"a question that is lost", initOfAnEnqueuer + `{"command":"ask","give_up_s":1,"job":{"job_id":` +
			`"j1","kind":"lost","payload":"{}","dedup_key":"a"}}` + "\n", "the connection is gone", 1},
	} {
		t.Run(scene.name, func(t *testing.T) {
			command := program(t, "main")
			command.Stdin = strings.NewReader(scene.input)
			var stderr bytes.Buffer
			command.Stderr = &stderr
			if code := exitCode(t, command.Run()); code != scene.code {
				t.Errorf("it left with %d, not %d: %s", code, scene.code, &stderr)
			}
			if !strings.Contains(stderr.String(), scene.says) {
				t.Errorf("it said %q, nothing of %q", &stderr, scene.says)
			}
		})
	}
}

func TestAnEnqueuerAnswersEachCommandInTurn(t *testing.T) {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	command := program(t, "main")
	command.ExtraFiles = []*os.File{writing}
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	writing.Close()
	answers := bufio.NewReader(reading)
	tell := func(input, want string) {
		t.Helper()
		if _, err := io.WriteString(stdin, input); err != nil {
			t.Fatal(err)
		}
		if got, err := answers.ReadString('\n'); err != nil || got != want+"\n" {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	job := `{"job_id":"%s","kind":"%s","payload":"{}","dedup_key":%s}`
	tell(initOfAnEnqueuer+`{"command":"enqueue","jobs":[]}`+"\n", `{"results":[]}`)
	tell(`{"command":"enqueue","jobs":[`+fmt.Sprintf(job, "j1", "k", "null")+","+
		fmt.Sprintf(job, "j2", "k", `"9"`)+","+fmt.Sprintf(job, "j3", "refused", "null")+"]}\n",
		`{"results":[{"outcome":"accepted","inbox_id":"j1"},{"outcome":"deduplicated","into":"9"},`+
			`{"outcome":"rejected","error":"no such table"}]}`)
	question := `{"command":"ask","give_up_s":%s,"job":{"job_id":"j4","kind":"k","dedup_key":"%s",` +
		`"payload":"{\"result\":{\"address\":\"a\",\"key\":\"0123456789abcdef\",\"bytes\":100}}"}}` + "\n"
	asked := `{"outcome":"miss","answered_ns":8,"enqueued":{"outcome":"accepted","inbox_id":"j4"},"enqueued_ns":7,`
	tell(fmt.Sprintf(question, "30", "a"), asked+`"sha256":"`+contentDigest+`","bytes":100}`)
	tell(fmt.Sprintf(question, "0.01", "late"), asked+`"error":"context deadline exceeded"}`)
	if _, err := io.WriteString(stdin, `{"command":"stop"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if code := exitCode(t, command.Wait()); code != 0 {
		t.Errorf("it left with %d when asked to stop", code)
	}
}

func TestAChildThatIsToldToDieKillsItsOwnProcessGroup(t *testing.T) {
	command := program(t, "watching")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Stdin = strings.NewReader(`{"command":"die"}` + "\n")
	var exit *exec.ExitError
	if err := command.Run(); !errors.As(err, &exit) {
		t.Fatalf("it ended with %v", err)
	}
	if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != unix.SIGKILL {
		t.Errorf("it ended with %v", exit)
	}
}

func TestAChildThatNobodyReadsAnyMoreLeavesAtOnce(t *testing.T) {
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reading.Close()
	command := program(t, "unheard")
	command.ExtraFiles = []*os.File{writing}
	if code := exitCode(t, command.Run()); code != ExitParentGone {
		t.Errorf("it left with %d", code)
	}
}

func TestAChildOfAnotherParentLeavesAtOnce(t *testing.T) {
	command := program(t, "main")
	command.Env = append(command.Env, parentPIDVariable+"=1")
	if code := exitCode(t, command.Run()); code != ExitParentGone {
		t.Errorf("it left with %d", code)
	}
}

func TestTheKernelKillsTheChildWithItsParent(t *testing.T) {
	parent := program(t, "parent")
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(stdout, &child); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	ended := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	count, err := unix.Poll(ended, 10_000)
	for err == unix.EINTR { // the runtime's own signals
		count, err = unix.Poll(ended, 10_000)
	}
	if count != 1 {
		t.Errorf("the child still lives 10 s after its parent (%v)", err)
	}
	_ = parent.Wait()
}

func TestTheVersionIsOfTheModuleThatWasBuiltIn(t *testing.T) {
	if err := printVersion(Library{Module: "example.com/none"}); err == nil {
		t.Error("a module that was not built in had a version")
	}
}

func TestTheVersionSaysWhetherSomethingElseStandsInForTheModule(t *testing.T) {
	module := &debug.Module{Path: "example.com/queue", Version: "v4.2.0"}
	if got := versionOf(module); got != "4.2.0" {
		t.Errorf("got %q", got)
	}
	module.Replace = &debug.Module{Path: "/home/somebody/queue", Version: "(devel)"}
	if got := versionOf(module); got != "4.2.0 (replaced)" {
		t.Errorf("got %q", got)
	}
}
