package training

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/canarylab/canarylab/internal/atomicfile"
)

// ErrOver is wrapped where a mission is asked for what only one can do that is under way.
var ErrOver = errors.New("the mission is over")

// An Ended mission answers for one that is over, also once its trainer has gone. It is kept beside the trainer's socket
// until the next mission begins there.
type Ended struct {
	// At is when it ended.
	At          time.Time   `json:"at"`
	Explanation Explanation `json:"explanation"`
	// Broken is why it came to no end of its own, empty where it did.
	Broken string `json:"broken,omitempty"`
}

// ended is what to keep of a mission that came to an end, or to an error.
func ended(at time.Time, e Explanation, err error) Ended {
	made := Ended{At: at, Explanation: e}
	if s := e.Standing; s.Over && !s.State.At.IsZero() {
		made.At = s.State.At // the report took the rest
	}
	switch {
	case errors.Is(err, context.Canceled):
		made.Broken = "it was interrupted"
	case err != nil:
		made.Broken = err.Error()
	}
	made.Explanation.Standing.Over = true
	return made
}

// Refusal says that nothing can be done any more.
func (e Ended) Refusal() error { return fmt.Errorf("%w: %s", ErrOver, e.tells()) }

// tells says what the explanation has.
func (e Ended) tells() string {
	if e.Explanation.Story == nil {
		return "canarylab train explain tells what was seen and written"
	}
	return "canarylab train explain tells what it was"
}

// String is how it stood at its end, for people.
func (e Ended) String() string {
	s := e.Explanation.Standing
	text := fmt.Sprintf("%s, %s: %s.", ErrOver, e.At.Local().Format("since 15:04:05 on 2006-01-02"), e.tells())
	text = strings.ToUpper(text[:1]) + text[1:]
	if e.Broken != "" {
		text += "\nIt came to no end of its own: " + e.Broken
	}
	if s.State.Verdict != "" {
		text += "\n" + s.String()
	}
	return text
}

// Handle implements Handler.
func (e Ended) Handle(_ context.Context, r Request) Reply {
	switch r.Do {
	case DoStatus:
		return Reply{Text: e.String(), Standing: &e.Explanation.Standing}
	case DoExplain:
		return Reply{Text: e.Explanation.String(), Explanation: &e.Explanation}
	}
	return Reply{Error: e.Refusal().Error()}
}

// keptAt is the file of the mission that ended at a socket.
func keptAt(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".json" }

// Keep keeps a mission that ended, whole, beside the socket of its trainer. Only its user may read it.
func Keep(socket string, e Ended) error {
	err := atomicfile.WriteFile(keptAt(socket), 0o600, func(w io.Writer) error { return json.NewEncoder(w).Encode(e) })
	if err != nil {
		return fmt.Errorf("keep how the mission ended, for canarylab train explain: %w", err)
	}
	return nil
}

// Kept is the mission that ended last at a socket. The error wraps fs.ErrNotExist if there was none, or if another one
// has begun there since.
func Kept(socket string) (e Ended, err error) {
	raw, err := os.ReadFile(keptAt(socket))
	if err == nil {
		err = json.Unmarshal(raw, &e)
	}
	if err != nil {
		return e, fmt.Errorf("read how the last mission ended: %w", err)
	}
	return e, nil
}

// forget removes what is kept of the last mission: another one begins.
func forget(socket string) error {
	if err := os.Remove(keptAt(socket)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove how the last mission ended: %w", err)
	}
	return nil
}

// afterwards answers for the mission that ended last at a socket where nobody listens. The error wraps ErrNone where
// there is none, and ErrOver where it is asked for what it can't do any more.
func afterwards(ctx context.Context, socket string, r Request) (Reply, error) {
	e, err := Kept(socket)
	if errors.Is(err, fs.ErrNotExist) {
		return Reply{}, ErrNone
	}
	if err != nil {
		return Reply{}, err
	}
	reply := e.Handle(ctx, r)
	if reply.Error != "" {
		err = e.Refusal()
	}
	return reply, err
}
