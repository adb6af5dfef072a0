package training

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// What a trainer is asked to do.
const (
	DoStatus   = "status"
	DoHint     = "hint"
	DoDiagnose = "diagnose"
	DoExplain  = "explain"
	DoReset    = "reset"
	DoGiveUp   = "give-up"
)

// A Request is one line of JSON to a trainer, by its socket or by its standard input.
type Request struct {
	// ID is repeated in the reply. It may be left out.
	ID string `json:"id,omitempty"`
	// Do is one of the constants above.
	Do string `json:"do"`
	// Guess is what DoDiagnose says.
	Guess
}

// A Reply is one line of JSON. Either Error is set, or what was asked for, and Text says the same for people.
type Reply struct {
	ID          string       `json:"id,omitempty"`
	Error       string       `json:"error,omitempty"`
	Text        string       `json:"text,omitempty"`
	Standing    *Standing    `json:"standing,omitempty"`
	Hint        *Hint        `json:"hint,omitempty"`
	Marking     *Marking     `json:"marking,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
}

// An Event is one line of JSON that nobody asked for.
type Event struct {
	// Event is ready, state, stopped, or end.
	Event string `json:"event"`
	// Task, Namespace and Kubeconfig are of ready.
	Task       string `json:"task,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
	// State is of state: the verdict changed.
	State *State `json:"state,omitempty"`
	// Text is of stopped: the mission was cut off, and a reset plays it again.
	Text string `json:"text,omitempty"`
	// Result and Explanation are of end.
	Result      *Result      `json:"result,omitempty"`
	Explanation *Explanation `json:"explanation,omitempty"`
}

// maxRequest bounds a line of a request, in bytes.
const maxRequest = 64 << 10

// A Lines writes lines of JSON, one at a time.
type Lines struct {
	mu  sync.Mutex
	out io.Writer
}

// NewLines writes to out.
func NewLines(out io.Writer) *Lines { return &Lines{out: out} }

// Write writes a line.
func (l *Lines) Write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a line of JSON: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.out.Write(append(b, '\n'))
	return err
}

// A Handler does what is asked for.
type Handler interface {
	Handle(ctx context.Context, r Request) Reply
}

// Converse has h do what the lines of in ask for, one after the other, and writes a reply to each, until in ends.
func Converse(ctx context.Context, h Handler, in io.Reader, out *Lines) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4096), maxRequest)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var r Request
		d := json.NewDecoder(strings.NewReader(lines.Text()))
		d.DisallowUnknownFields()
		reply := Reply{}
		if err := d.Decode(&r); err != nil {
			reply.Error = fmt.Sprintf("%.80q is no request, such as {\"do\":\"status\"}: %v", lines.Text(), err)
		} else {
			reply = h.Handle(ctx, r)
		}
		reply.ID = r.ID
		if err := out.Write(reply); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read requests: %w", err)
	}
	return nil
}

// ErrNone is wrapped where there is no mission to ask, and none was since the last one began.
var ErrNone = errors.New("no mission is under way")
