// Package child is what every Go worker has around its library: the wire, the lifeline, the
// emitter, the job body and the pool. It is the twin of Python's worker_child; PROTOCOL.md binds
// both, and both must reproduce the lines of ../../golden byte for byte.
//
// An adapter is a program of a few lines:
//
//	func main() {
//		child.Main(child.Library{Module: "example.com/queue", Work: work, Install: install})
//	}
//
//	func work(ctx context.Context, c *child.Child) error {
//		pool, err := c.OpenPool(ctx, libraryConnections) // sessions bear the child's name
//		...                                              // start the library
//		c.Ready(identity, child.Setting{Name: "library_connections", Value: n})
//		<-ctx.Done()                                     // the parent asked to stop
//		...                                              // claim nothing more, finish, return
//	}
//
// and each of its handlers is this and nothing else:
//
//	execution, err := c.Body.Enter(payload, inboxID, &attempt) // job_started
//	err = c.Body.CarryOut(ctx, execution)                      // to job_completed or job_failed
//
// An error of CarryOut goes to the library in the form that the library expects; for a
// *PlannedError its Class says which. What the library then decides is told with
// Execution.Retried and Execution.Discarded. Where the library acknowledges in the job's own
// transaction, CarryOutWithin takes that transaction.
package child
