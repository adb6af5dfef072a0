package labtest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// late is what a void run's report says.
const late = "everyone: requests were sent 7 ms late"

// voidReport is the report of a run that the machine did not carry.
func voidReport() *reports.Report {
	return &reports.Report{Outcome: reports.Invalid, Accounting: analysis.Accounting{
		Problems: []analysis.Problem{{Void: true, Text: late}},
	}}
}

// counted plays a story for each entry: so many of its runs are void before one is not.
func counted(t *testing.T, voids ...int) *tally {
	t.Helper()
	c := &tally{}
	for _, n := range voids {
		rep, err := c.steady(t, "a-story", func() (*reports.Report, error) {
			if n--; n >= 0 {
				return voidReport(), nil
			}
			return &reports.Report{}, nil
		})
		if err != nil || rep == nil {
			t.Fatalf("got report %v and error %v, want a report", rep, err)
		}
	}
	return c
}

func TestSteadyPlaysVoidRunsAgain(t *testing.T) {
	errBroken := errors.New("broken")
	invalid := &reports.Report{Outcome: reports.Invalid, Accounting: analysis.Accounting{
		Problems: []analysis.Problem{{Void: true, Text: late}, {Text: "a request is unexplained"}},
	}}
	// The agent was late, and no verdict rests on that.
	stands := &reports.Report{Outcome: reports.Pass, Accounting: analysis.Accounting{
		Problems: []analysis.Problem{{Void: true, Basis: analysis.OnTime, Text: late}},
	}}
	// A verdict is void, and another one contradicts what was claimed whatever the agent did.
	fails := &reports.Report{Accounting: stands.Accounting, Phases: []reports.Phase{{
		Verdicts: []reports.Verdict{{Outcome: reports.Invalid}, {Outcome: reports.Fail}},
	}}}
	fails.Conclude()
	for _, test := range []struct {
		name string
		// plays are what each try gives.
		plays []*reports.Report
		err   error
		// want are the numbers of tries, of runs and of voids among them.
		tries, played, voids int
	}{
		{"valid", []*reports.Report{{}}, nil, 1, 1, 0},
		{"void once", []*reports.Report{voidReport(), {}}, nil, 2, 2, 1},
		{"void twice", []*reports.Report{voidReport(), voidReport(), {}}, nil, 3, 3, 2},
		{"void each time", []*reports.Report{voidReport(), voidReport(), voidReport(), {}}, nil, 3, 3, 3},
		{"invalid for another reason", []*reports.Report{invalid}, nil, 1, 1, 0},
		{"late, and nothing void", []*reports.Report{stands}, nil, 1, 1, 0},
		{"void and contradicted", []*reports.Report{fails}, nil, 1, 1, 0},
		{"broken", []*reports.Report{{}}, errBroken, 1, 1, 0},
		{"broken and void", []*reports.Report{voidReport(), {}}, errBroken, 1, 1, 1},
		{"not played", []*reports.Report{nil}, errBroken, 1, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, tries := &tally{}, 0
			rep, err := c.steady(t, "a-story", func() (*reports.Report, error) {
				tries++
				return test.plays[tries-1], test.err
			})
			if rep != test.plays[tries-1] || !errors.Is(err, test.err) {
				t.Errorf("got %v and %v, want what the last try gave", rep, err)
			}
			if tries != test.tries || c.played != test.played || len(c.voids) != test.voids {
				t.Errorf("got %d tries, %d runs and %d voids, want %d, %d and %d", tries, c.played, len(c.voids),
					test.tries, test.played, test.voids)
			}
		})
	}
}

func TestOneVoidInTenMayBe(t *testing.T) {
	t.Setenv(voidsFile, "") // CI has one
	for _, test := range []struct {
		name  string
		voids []int
		fails string
	}{
		{"no run", nil, ""},
		{"one run", []int{0}, ""},
		// A single standstill of the machine is no rate: 1 of 2 runs passes, 2 of 4 do not.
		{"one story, played twice", []int{1}, ""},
		{"one story, void each time", []int{3}, "3 of 3 runs were void, and of fewer than ten runs only one may be"},
		{"two stories, each played twice", []int{1, 1}, "2 of 4 runs were void, and of fewer than ten"},
		{"1 of 9", []int{1, 0, 0, 0, 0, 0, 0, 0}, ""},
		{"2 of 10", []int{1, 1, 0, 0, 0, 0, 0, 0}, "2 of 10 runs were void, more than one in ten"},
		{"2 of 19", append(make([]int, 15), 1, 1), "2 of 19 runs were void, more than one in ten"},
		{"2 of 20", append(make([]int, 16), 1, 1), ""},
		{"3 of 29", append(make([]int, 23), 2, 1, 0), "3 of 29"},
		{"3 of 30", append(make([]int, 24), 2, 1, 0), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := counted(t, test.voids...)
			var out bytes.Buffer
			code := finish(&out, c, Turn{2}, 0)
			if (code != 0) != (test.fails != "") || !strings.Contains(out.String(), test.fails) {
				t.Errorf("got exit code %d and\n%swant %q", code, out.String(), test.fails)
			}
			if finish(&out, c, Turn{2}, 3) != 3 {
				t.Error("the exit code of failed tests was lost")
			}
		})
	}
}

func TestClosingTable(t *testing.T) {
	for _, test := range []struct {
		voids []int
		want  string
	}{
		{nil, "\nclosing: turn 2/8; played no run\n"},
		{[]int{0, 0}, "\nclosing: turn 2/8; played 2 runs, 0 void and played again (1 may be)\n"},
		{
			[]int{0, 1},
			"\nclosing: turn 2/8; played 3 runs, 1 void and played again (1 may be)\n  void: a-story " +
				"(TestClosingTable): " + late + "\n",
		},
		{[]int{4}, "\nclosing: turn 2/8; played 3 runs, 3 void, 2 of them played again (1 may be)\n" +
			strings.Repeat("  void: a-story (TestClosingTable): "+late+"\n", 3)},
	} {
		var out bytes.Buffer
		if err := counted(t, test.voids...).print(&out, Turn{2}); err != nil || out.String() != test.want {
			t.Errorf("got\n%s(%v), want\n%s", out.String(), err, test.want)
		}
	}
}

func TestMainRefusesAnUnknownTurn(t *testing.T) {
	t.Setenv("TURN", "9/8")
	if code := Main(func() int { t.Error("the tests ran"); return 0 }); code == 0 {
		t.Error("got exit code 0, want a failure")
	}
}

// Where several binaries are judged together, each adds its counts to a file, and none fails by its own.
func TestVoidsOfSeveralBinaries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "voids")
	t.Setenv(voidsFile, file)
	for _, c := range []*tally{counted(t, 0, 2, 0), counted(t, 0)} {
		if code := finish(io.Discard, c, Turn{}, 0); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "5 2\n1 0\n" {
		t.Errorf("got %q, %v, want the counts of both", b, err)
	}
	t.Setenv(voidsFile, filepath.Join(file, "none"))
	if code := finish(io.Discard, counted(t, 0), Turn{}, 0); code == 0 {
		t.Error("got exit code 0, want another: the counts are lost")
	}
}
