package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// installDSNVariable holds the DSN for the argument install: a password must not stand in argv.
const installDSNVariable = "CRASHBENCH_DSN"

const exitFailed = 1

// Child is what an adapter's Work is given.
type Child struct {
	Init    Init
	Emitter *Emitter
	Body    *Body
	// BodyPool is the job body's own, of Init.PoolSize connections. A transaction that a library
	// joins (CarryOutWithin) is begun on it, as an application would.
	BodyPool *pgxpool.Pool
}

// OpenPool opens a pool for the library itself, of exactly size connections that bear this child's
// name.
func (c *Child) OpenPool(ctx context.Context, size int) (*pgxpool.Pool, error) {
	return OpenPool(ctx, c.Init.DSN, c.Init.ApplicationName, size)
}

// Work runs the library's worker until ctx is done, which means that the parent asks to stop: claim
// nothing more, finish what is open, return nil.
type Work func(ctx context.Context, child *Child) error

// Install creates the library's own schema in an empty database.
type Install func(ctx context.Context, dsn string) error

// OpenEnqueuer opens the library's client for the parent's enqueues.
type OpenEnqueuer func(ctx context.Context, init Init) (Enqueuer, error)

// Library is what an adapter hands to Main. Install and Enqueuer may be nil where the parent's side
// does without them.
type Library struct {
	// Module is the path of the library's Go module; the argument version prints the one that was
	// built in.
	Module   string
	Work     Work
	Install  Install
	Enqueuer OpenEnqueuer
}

// Main is a Go child's whole program: with the argument install it creates the schema, else it is a
// worker or an enqueuer, as the init says. It does not return.
func Main(library Library) {
	ctx := context.Background()
	if err := run(ctx, library, os.Args[1:]); err != nil {
		leave(exitFailed, err)
	}
	os.Exit(0)
}

func run(ctx context.Context, library Library, arguments []string) error {
	switch {
	case len(arguments) == 0:
		return serve(ctx, library)
	case len(arguments) == 1 && arguments[0] == "install":
		return install(ctx, library)
	case len(arguments) == 1 && arguments[0] == "version":
		return printVersion(library)
	}
	return fmt.Errorf("%q was asked for; this program takes `install`, `version` or no argument",
		arguments)
}

// printVersion says what was built in, which a go.mod that has changed since could not.
func printVersion(library Library) error {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == library.Module {
			_, err := fmt.Println(versionOf(module))
			return err
		}
	}
	return fmt.Errorf("no module %s was built in", library.Module)
}

// versionOf says so where another module, or a folder, stands in for the one of that version.
func versionOf(module *debug.Module) string {
	version := strings.TrimPrefix(module.Version, "v")
	if module.Replace != nil {
		return version + " (replaced)"
	}
	return version
}

func install(ctx context.Context, library Library) error {
	if library.Install == nil {
		return errors.New("this library has nothing to install")
	}
	dsn, given := os.LookupEnv(installDSNVariable)
	if !given {
		return fmt.Errorf("install needs the DSN in %s", installDSNVariable)
	}
	return library.Install(ctx, dsn)
}

func serve(ctx context.Context, library Library) error {
	commands := newCommandStream(os.Stdin)
	init, err := commands.init()
	if err != nil {
		leave(ExitBadInput, err)
	}
	switch init.Role {
	case RoleWorker:
		return serveWorker(ctx, init, commands, library.Work)
	case RoleEnqueuer:
		return serveEnqueuer(ctx, init, commands, library.Enqueuer)
	}
	return fmt.Errorf("the init has the role %q, which this child does not know", init.Role)
}

func serveWorker(ctx context.Context, init Init, commands *commandStream, work Work) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	body := &Body{init: init}
	go commands.watch(func() {
		body.leaveIfDoomed()
		stop()
	})
	// Not under ctx: what is open when the parent asks to stop is to be finished.
	pool, err := OpenPool(context.WithoutCancel(ctx), init.DSN, init.ApplicationName, init.PoolSize)
	if err != nil {
		return err
	}
	defer pool.Close()
	emitter := NewEmitter(init)
	body.emitter, body.tables = emitter, bench{init, pool}
	if init.Provider != nil {
		body.provider = newProvider(*init.Provider, init.Concurrency)
	}
	return work(ctx, &Child{init, emitter, body, pool})
}
