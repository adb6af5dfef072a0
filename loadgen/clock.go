package loadgen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A Clock compares an agent's wall clock with that of another process.
type Clock struct {
	// Boot identifies the boot of the agent's kernel. Processes of one kernel have one clock.
	Boot string `json:"boot,omitempty"`
	// Offset must be added to what the agent's clock says. It is wrong by Error at most. Both are 0 if the two
	// processes have one clock.
	Offset time.Duration `json:"offsetNs"`
	Error  time.Duration `json:"errorNs"`
}

// A reading is one answer to "what time is it?".
type reading struct {
	Boot string    `json:"boot"`
	Now  time.Time `json:"now"`
}

// bootID returns the kernel's own name for this boot, which containers share with their host. It is "" if there
// is none.
func bootID() string {
	raw, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(raw))
}

// ServeClock answers each line of in with the time, until in ends.
func ServeClock(in io.Reader, out io.Writer) error { return serveClock(in, out, bootID(), time.Now) }

func serveClock(in io.Reader, out io.Writer, boot string, now func() time.Time) error {
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := answers.Encode(reading{boot, now()}); err != nil {
			return fmt.Errorf("tell the time: %w", err)
		}
	}
	return lines.Err()
}

// MeasureClock asks a ServeClock for the time, rounds times, through its out and in, and compares its clock
// with this process's. The agent read its clock at some moment between question and answer, so the exchange
// with the shortest round trip is the most exact, to half of that time (Cristian's algorithm: Probabilistic
// clock synchronization, Distributed Computing 3, 1989). If both run on one kernel, there is nothing to
// measure.
func MeasureClock(answers io.Reader, questions io.Writer, rounds int) (Clock, error) {
	return measureClock(answers, questions, rounds, bootID())
}

func measureClock(answers io.Reader, questions io.Writer, rounds int, boot string) (Clock, error) {
	var best Clock
	decode := json.NewDecoder(answers)
	for i := range rounds {
		asked := time.Now()
		if _, err := io.WriteString(questions, "?\n"); err != nil {
			return Clock{}, fmt.Errorf("ask the agent for the time: %w", err)
		}
		var r reading
		if err := decode.Decode(&r); err != nil {
			return Clock{}, fmt.Errorf("read the agent's time: %w", err)
		}
		half := time.Since(asked) / 2
		if r.Boot != "" && r.Boot == boot {
			return Clock{Boot: r.Boot}, nil
		}
		if i == 0 || half < best.Error {
			// Both are wall times, because the agent's comes from another machine.
			best = Clock{Boot: r.Boot, Offset: asked.Add(half).Round(0).Sub(r.Now), Error: half}
		}
	}
	return best, nil
}

// Shift moves the times of samples from the agent's clock to the other one.
func (c Clock) Shift(samples []Sample) {
	if c.Offset == 0 {
		return
	}
	for i := range samples {
		s := &samples[i]
		s.Due, s.Sent, s.Done = s.Due.Add(c.Offset), s.Sent.Add(c.Offset), s.Done.Add(c.Offset)
	}
}
