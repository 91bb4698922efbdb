package child

import "os"

// Setting is one of an adapter's own values for child_ready or a note.
type Setting struct {
	Name  string
	Value any
}

// Ready says that the library's listener is up and the first claim can happen. identity is what the
// library writes into the rows that it claims; it must be this incarnation's alone.
func (c *Child) Ready(identity string, effective ...Setting) {
	effective = append([]Setting{{"body_connections", c.Init.PoolSize}}, effective...)
	c.Emitter.emit("child_ready", readyFields(os.Getpid(), identity, effective))
}

func readyFields(pid int, identity string, effective []Setting) object {
	return object{}.
		integer("pid", int64(pid)).
		text("identity", identity).
		settings("effective", effective)
}

// Note tells the parent whatever no other kind of event says.
func (c *Child) Note(code, message string) {
	c.Emitter.emit("note", object{}.text("code", code).optional("message", message))
}

// ObservedBy says who saw what the library decided about a failed job.
type ObservedBy string

// Every ObservedBy there is: our code around the library's executor, the library's code calling
// ours, or the library's rows.
const (
	ByExecutor ObservedBy = "executor"
	ByHook     ObservedBy = "hook"
	ByRows     ObservedBy = "rows"
)

// Retried says that the library has taken the failed job back for another attempt, delayS seconds
// after it failed.
func (e *Execution) Retried(by ObservedBy, delayS float64) {
	e.emitter.emit("job_retried", e.fields().text("observed_by", string(by)).float("delay_s", delayS))
}

// Discarded says that the library has given the job up.
func (e *Execution) Discarded(by ObservedBy) {
	e.emitter.emit("job_discarded", e.fields().text("observed_by", string(by)))
}

// fields are those that every event of this execution carries.
func (e *Execution) fields() object {
	return object{}.
		text("job_id", e.Plan.JobID).
		integer("execution", e.Number).
		optional("inbox_id", e.InboxID)
}

func (e *Execution) started(libraryAttempt *int) {
	fields := e.fields()
	if libraryAttempt != nil {
		fields = fields.integer("library_attempt", int64(*libraryAttempt))
	}
	e.emitter.emit("job_started", fields)
}

func (e *Execution) completed() {
	e.emitter.emit("job_completed", e.fields())
}

func (e *Execution) failed(class ErrorClass, message string, retryAfterS *float64) {
	fields := e.fields().text("error_class", string(class)).text("message", message)
	if retryAfterS != nil {
		fields = fields.float("retry_after_s", *retryAfterS)
	}
	e.emitter.emit("job_failed", fields)
}

func (e *Execution) dying() {
	e.emitter.emit("job_dying", e.fields())
}

func (e *Execution) enqueued(child fannedOut) {
	fields := object{}.
		text("job_id", child.plan.JobID).
		text("outcome", "accepted").
		text("kind", child.plan.Kind).
		text("class", child.plan.Class).
		integer("length_us", child.plan.LengthUS).
		integer("intended_ns", child.sentNS).
		integer("sent_ns", child.sentNS).
		integer("acknowledged_ns", child.acknowledgedNS).
		text("inbox_id", child.inboxID).
		integer("execution", e.Number)
	if child.plan.Tenant != nil {
		fields = fields.text("tenant", *child.plan.Tenant)
	}
	e.emitter.emit("job_enqueued", fields)
}
