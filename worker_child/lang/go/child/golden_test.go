package child

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
)

// goldenVoice is one child in ../../golden/lines.json and all that it says.
type goldenVoice struct {
	RunID       string        `json:"run_id"`
	Slot        int           `json:"slot"`
	Incarnation int           `json:"incarnation"`
	ClockAnchor ClockAnchor   `json:"clock_anchor"`
	Events      []goldenEvent `json:"events"`
}

type goldenEvent struct {
	TNS    int64        `json:"t_ns"`
	Kind   string       `json:"kind"`
	Fields goldenFields `json:"fields"`
	Line   string       `json:"line"`
}

// goldenFields are those of every kind; each kind has some of them.
type goldenFields struct {
	PID            int             `json:"pid"`
	Identity       string          `json:"identity"`
	Effective      json.RawMessage `json:"effective"`
	JobID          string          `json:"job_id"`
	Execution      int64           `json:"execution"`
	InboxID        string          `json:"inbox_id"`
	LibraryAttempt *int            `json:"library_attempt"`
	Outcome        string          `json:"outcome"`
	Kind           string          `json:"kind"`
	Class          string          `json:"class"`
	LengthUS       int64           `json:"length_us"`
	IntendedNS     int64           `json:"intended_ns"`
	SentNS         int64           `json:"sent_ns"`
	AcknowledgedNS int64           `json:"acknowledged_ns"`
	Tenant         *string         `json:"tenant"`
	ErrorClass     ErrorClass      `json:"error_class"`
	Message        string          `json:"message"`
	RetryAfterS    *float64        `json:"retry_after_s"`
	ObservedBy     ObservedBy      `json:"observed_by"`
	DelayS         float64         `json:"delay_s"`
	Code           string          `json:"code"`
}

func TestTheGoldenLinesAreReproducedToTheByte(t *testing.T) {
	for _, voice := range readGolden(t) {
		for at, line := range say(t, voice) {
			if want := voice.Events[at].Line; line != want {
				t.Errorf("%s, event %d:\n got %q\nwant %q", voice.RunID, at, line, want)
			}
		}
	}
}

func readGolden(t *testing.T) []goldenVoice {
	t.Helper()
	text, err := os.ReadFile("../../golden/lines.json")
	if err != nil {
		t.Fatal(err)
	}
	var voices []goldenVoice
	if err := decodeStrictly(text, &voices); err != nil {
		t.Fatal(err)
	}
	if len(voices) == 0 {
		t.Fatal("the file has no voice")
	}
	return voices
}

// say has an emitter tell a voice's events at their instants; it returns what it wrote.
func say(t *testing.T, voice goldenVoice) []string {
	t.Helper()
	init := Init{
		RunID: voice.RunID, Slot: voice.Slot, Incarnation: voice.Incarnation,
		ClockAnchor: voice.ClockAnchor,
	}
	var lines []string
	write := func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	}
	now := func() int64 { return voice.Events[len(lines)].TNS }
	emitter := newEmitter(init, write, now)
	for _, event := range voice.Events {
		tell(t, emitter, event.Kind, event.Fields)
	}
	return lines
}

func tell(t *testing.T, emitter *Emitter, kind string, fields goldenFields) {
	t.Helper()
	plan := Plan{JobID: fields.JobID, Kind: fields.Kind, LengthUS: fields.LengthUS}
	execution := &Execution{fields.Execution, plan, fields.InboxID, emitter}
	switch kind {
	case "child_ready":
		ready := readyFields(fields.PID, fields.Identity, settingsIn(t, fields.Effective))
		emitter.emit("child_ready", ready)
	case "job_started":
		execution.started(fields.LibraryAttempt)
	case "job_completed":
		execution.completed()
	case "job_failed":
		execution.failed(fields.ErrorClass, fields.Message, fields.RetryAfterS)
	case "job_dying":
		execution.dying()
	case "job_retried":
		execution.Retried(fields.ObservedBy, fields.DelayS)
	case "job_discarded":
		execution.Discarded(fields.ObservedBy)
	case "job_enqueued":
		plan.Class, plan.Tenant = fields.Class, fields.Tenant
		execution.enqueued(fannedOut{plan, fields.InboxID, fields.SentNS, fields.AcknowledgedNS})
	case "note":
		(&Child{Emitter: emitter}).Note(fields.Code, fields.Message)
	default:
		t.Fatalf("the golden kind %s is unknown here", kind)
	}
}

// settingsIn reads an object with its keys in their order, whole numbers as such.
func settingsIn(t *testing.T, text []byte) []Setting {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	next := func() json.Token {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	var settings []Setting
	for next(); decoder.More(); {
		name, value := next().(string), next()
		if number, ok := value.(json.Number); ok {
			value = whole(number)
		}
		settings = append(settings, Setting{name, value})
	}
	return settings
}

func whole(number json.Number) any {
	if integer, err := number.Int64(); err == nil {
		return integer
	}
	float, _ := number.Float64()
	return float
}
