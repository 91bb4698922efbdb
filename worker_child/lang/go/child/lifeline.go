package child

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The exit codes of the wire.
const (
	ExitParentGone = 71
	ExitBadInput   = 72
)

const parentPIDVariable = "CRASHBENCH_PARENT_PID"

// Here and not in Main, because PR_SET_PDEATHSIG belongs to a thread: init functions run on the
// startup thread (runtime.LockOSThread says so), which lives as long as the process.
func init() {
	if err := dieWithParent(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(ExitBadInput)
	}
}

// dieWithParent asks the kernel for SIGKILL at the parent's death; it leaves at once if the parent
// is dead already.
func dieWithParent() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_PDEATHSIG) was refused: %w", err)
	}
	expected, given := os.LookupEnv(parentPIDVariable)
	if !given {
		return nil
	}
	parent, err := strconv.Atoi(expected)
	if err != nil {
		return fmt.Errorf("%s is no process id: %w", parentPIDVariable, err)
	}
	if os.Getppid() != parent {
		os.Exit(ExitParentGone)
	}
	return nil
}

// commandStream is the child's stdin: first Init, then commands; at its end the parent is gone.
type commandStream struct {
	lines *bufio.Reader
}

func newCommandStream(stdin io.Reader) *commandStream {
	return &commandStream{bufio.NewReader(stdin)}
}

func (c *commandStream) init() (Init, error) {
	line, err := c.line()
	if errors.Is(err, io.EOF) {
		os.Exit(ExitParentGone)
	}
	if err != nil {
		return Init{}, err
	}
	var init Init
	if err := decodeStrictly(line, &init); err != nil {
		return Init{}, fmt.Errorf("the first line on stdin is no init: %w", err)
	}
	if init.Protocol != ProtocolVersion {
		return Init{}, fmt.Errorf("this child speaks wire version %d, not %d: build it anew",
			ProtocolVersion, init.Protocol)
	}
	return init, nil
}

// command reads the next one; its error is io.EOF when the parent is gone.
func (c *commandStream) command() (command, error) {
	line, err := c.line()
	if err != nil {
		return command{}, err
	}
	var read command
	if err := decodeStrictly(line, &read); err != nil {
		return command{}, fmt.Errorf("a line on stdin is no command: %w", err)
	}
	return read, nil
}

// watch calls onStop when the parent asks to stop, kills its own process group when that says so, and
// leaves the process when it is gone.
func (c *commandStream) watch(onStop func()) {
	for {
		read, err := c.command()
		switch {
		case errors.Is(err, io.EOF):
			os.Exit(ExitParentGone)
		case err != nil:
			leave(ExitBadInput, err)
		case read.Command == "die":
			killOwnGroup()
		case read.Command != "stop":
			leave(ExitBadInput, fmt.Errorf("a worker was told to %q; it only knows stop and die",
				read.Command))
		}
		onStop()
	}
}

// killOwnGroup sends SIGKILL to this process and to all of its group (kill(2), pid 0).
func killOwnGroup() {
	if err := unix.Kill(0, unix.SIGKILL); err != nil {
		leaveByOurFault(fmt.Errorf("its own process group could not be killed: %w", err))
	}
	select {}
}

func (c *commandStream) line() ([]byte, error) {
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line, []byte("\n")), nil
}

// leaveByOurFault ends the process by something that is no library's doing, in the words by which
// the parent knows it. A panic would not do: libraries recover from those of their handlers, and the
// fault would pass for a failed job.
func leaveByOurFault(err error) {
	leave(exitFailed, fmt.Errorf("crashbench: %w", err))
}

// leave ends the process with a word to the parent, which quotes stderr.
func leave(code int, err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(code)
}
