package labtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// steadyTries is how often Steady plays a scenario whose load the machine did not carry.
const steadyTries = 3

// runs counts the runs of this test binary.
var runs tally

// A tally counts runs that were to be steady, and keeps those that were void: with a verdict that was. Runs that a test
// disturbs are not among them: whether the machine carried their load says nothing.
type tally struct {
	mu     sync.Mutex
	played int
	voids  []voidRun
}

// A voidRun is a run that measured the machine instead of the mesh.
type voidRun struct {
	// test is the name of the test that played the story.
	story, test string
	// reason is what the report says.
	reason string
	// again tells that the story was played once more.
	again bool
}

// steady calls play until its run is not void, steadyTries times at most, and counts each run of the story.
func (c *tally) steady(t testing.TB, story string, play func() (*reports.Report, error)) (*reports.Report, error) {
	t.Helper()
	for try := 1; ; try++ {
		rep, err := play()
		if rep == nil {
			return nil, err
		}
		if !rep.Void() {
			c.add()
			return rep, err
		}
		again := err == nil && try < steadyTries
		c.add(voidRun{story: story, test: t.Name(), reason: rep.Accounting.ProblemText(), again: again})
		if !again {
			return rep, err
		}
		t.Logf("run %d of at most %d was void: %s", try, steadyTries, rep.Accounting.ProblemText())
	}
}

// add counts a run, which is void if the machine did not carry it.
func (c *tally) add(void ...voidRun) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.played++
	c.voids = append(c.voids, void...)
}

// allowed is how many of so many runs may be void: one in ten. Of fewer than ten runs one may be: a machine
// stands still once in a while, and a single standstill in a binary that plays two stories is no rate. Two are.
func allowed(played int) int { return max(1, played/10) }

// err tells that more runs were void than may be.
func (c *tally) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	may := allowed(c.played)
	if len(c.voids) <= may {
		return nil
	}
	limit := "more than one in ten"
	if c.played < 10 {
		limit = "and of fewer than ten runs only one may be"
	}
	return fmt.Errorf("%d of %d runs were void, %s: this machine does not carry the load beside its other work, and "+
		"what passed at another try is worth little; free its processors and play again",
		len(c.voids), c.played, limit)
}

// print writes the closing table: the turn, the runs, and a line for each void one.
func (c *tally) print(w io.Writer, t Turn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\nclosing: turn %s; ", t)
	again := 0
	for _, v := range c.voids {
		if v.again {
			again++
		}
	}
	switch {
	case c.played == 0:
		b.WriteString("played no run\n")
	case again == len(c.voids):
		fmt.Fprintf(&b, "played %d runs, %d void and played again (%d may be)\n", c.played, again, allowed(c.played))
	default:
		fmt.Fprintf(&b, "played %d runs, %d void, %d of them played again (%d may be)\n",
			c.played, len(c.voids), again, allowed(c.played))
	}
	for _, v := range c.voids {
		fmt.Fprintf(&b, "  void: %s (%s): %s\n", v.story, v.test, v.reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Main runs a test binary and returns its exit code. It prints whose turn it is before the tests, and after
// them, when it has closed the labs, a closing table of their runs. Tests that passed fail by it if TURN names
// no turn, if a lab can't be closed, or if more than one run in ten was void (of this binary, or where CANARYLAB_VOIDS
// names a file, as whoever reads that decides).
func Main(run func() int, labs ...*Opener) int {
	turn, err := turnOfEnv()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("turn %s\n", turn)
	code := run()
	for _, l := range labs {
		if err := l.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "close the lab:", err)
			code = max(code, 1)
		}
	}
	return finish(os.Stdout, &runs, turn, code)
}

// finish prints the closing table and returns the exit code that code becomes by it.
func finish(w io.Writer, c *tally, turn Turn, code int) int {
	if err := c.print(w, turn); err != nil {
		fmt.Fprintln(os.Stderr, "print the closing table:", err)
		code = max(code, 1)
	}
	err := c.err()
	if file := os.Getenv(voidsFile); file != "" {
		err = c.keep(file)
	}
	if err != nil {
		_, _ = fmt.Fprintln(w, "FAIL:", err)
		code = max(code, 1)
	}
	return code
}

// voidsFile names a file to which each of several test binaries adds how many runs it played and how many of them were
// void. Whoever sets it judges their sum: of two binaries with a handful of runs each, neither tells much.
const voidsFile = "CANARYLAB_VOIDS"

// keep adds the counts to a file.
func (c *tally) keep(file string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("keep the count of void runs: %w", err)
	}
	_, err = fmt.Fprintln(f, c.played, len(c.voids))
	return errors.Join(err, f.Close())
}
