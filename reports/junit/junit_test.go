package junit

import (
	"bytes"
	"flag"
	"slices"
	"testing"

	"github.com/jacoelho/xsd"

	"github.com/canarylab/canarylab/reports"

	parser "github.com/joshdk/go-junit"

	"github.com/canarylab/canarylab/reports/internal/fixture"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

var (
	// others is for a look by hand: the schemas of other tools have licenses and homes of their own. pytest's
	// source package on PyPI has Jenkins' (testing/example_scripts/junit-10.xsd).
	others = flag.String("xsd", "", "an XML Schema to hold the files against, beside the one here")
)

func write(t *testing.T, all ...*reports.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, all...); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, run := range fixture.All(t) {
		golden.Check(t, name+".xml", write(t, run))
	}
	golden.Check(t, "several.xml", write(t, fixture.All(t)["passed"], fixture.All(t)["broken"]))
	golden.Check(t, "none.xml", write(t))
}

// TestSchema holds every file against an XML Schema of what the readers of the format have in common.
func TestSchema(t *testing.T) {
	for _, path := range []string{"testdata/junit.xsd", *others} {
		if path == "" {
			continue
		}
		schema, err := xsd.LoadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all := [][]byte{write(t)}
		var several []*reports.Run
		for _, run := range fixture.All(t) {
			all = append(all, write(t, run))
			several = append(several, run)
		}
		for _, b := range append(all, write(t, several...)) {
			if err := schema.Validate(bytes.NewReader(b)); err != nil {
				t.Errorf("%s: %v\n%.2000s", path, err, b)
			}
		}
		for old, changed := range map[string]string{
			"<testcase name=": "<testcase called=", "tests=\"": "tests=\"many",
			"<properties>": "<facts></facts><properties>", "<failure type=": "<failed type=",
		} {
			b := write(t, fixture.All(t)["label-mismatch"])
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("there is no %s to spoil", old)
			}
			b = bytes.Replace(b, []byte(old), []byte(changed), 1)
			if err := schema.Validate(bytes.NewReader(b)); err == nil && path != *others {
				t.Errorf("%s takes a file with %s", path, changed)
			}
		}
	}
}

// TestReaders reads the files with a parser that many tools use.
func TestReaders(t *testing.T) {
	for name, run := range fixture.All(t) {
		b := write(t, run)
		suites, err := parser.Ingest(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(suites) != 1 || suites[0].Name != run.Report.Scenario && name != "hostile" {
			t.Fatalf("%s: got %d suites, want one of the scenario's name", name, len(suites))
		}
		s := suites[0]
		verdicts, want := 0, map[parser.Status]int{}
		for _, p := range run.Report.Phases {
			for _, v := range p.Verdicts {
				verdicts++
				switch v.Outcome {
				case reports.Pass:
					want[parser.StatusPassed]++
				case reports.Fail:
					want[parser.StatusFailed]++
				case reports.Inconclusive:
					want[parser.StatusSkipped]++
				default:
					want[parser.StatusError]++
				}
			}
		}
		got := map[parser.Status]int{}
		seen := map[string]bool{}
		for _, c := range s.Tests {
			if seen[c.Classname+"\n"+c.Name] {
				t.Errorf("%s: two cases are called %q", name, c.Name)
			}
			seen[c.Classname+"\n"+c.Name] = true
			// Those of the whole run have the suite's class.
			if c.Classname != s.Name {
				got[c.Status]++
			}
			if c.Status != parser.StatusPassed && c.Message == "" {
				t.Errorf("%s: case %q is %s and does not say why", name, c.Name, c.Status)
			}
		}
		for _, status := range []parser.Status{
			parser.StatusPassed, parser.StatusFailed, parser.StatusSkipped, parser.StatusError,
		} {
			if got[status] != want[status] {
				t.Errorf("%s: got %d cases %s, want %d of %d", name, got[status], status, want[status], verdicts)
			}
		}
		if passed := s.Totals.Passed == s.Totals.Tests; passed != (run.Report.Outcome == reports.Pass) {
			t.Errorf("%s: the run is %s, and %d of %d cases pass", name, run.Report.Outcome, s.Totals.Passed,
				s.Totals.Tests)
		}
		if s.Properties["run"] != run.Report.Run && name != "hostile" {
			t.Errorf("%s: got properties %v, want the run's id", name, s.Properties)
		}
	}
}

// TestOnlyAPassPasses: a report whose parts all pass and whose outcome does not must not look like a pass.
func TestOnlyAPassPasses(t *testing.T) {
	for _, o := range []reports.Outcome{reports.Fail, reports.Inconclusive, reports.Invalid, "odd", ""} {
		run := fixture.All(t)["passed"]
		run.Report.Outcome = o
		suites, err := parser.Ingest(write(t, run))
		if err != nil {
			t.Fatal(err)
		}
		if n := suites[0].Totals; n.Passed == n.Tests {
			t.Errorf("outcome %q: all %d cases pass", o, n.Tests)
		}
	}
}

func TestForbiddenCharacters(t *testing.T) {
	forbidden := reports.Verdict{Want: "d\ufffe & <e>", Saw: "f\xffg", Outcome: reports.Fail, Why: "h\u0008\n]]>"}
	phase := reports.Phase{Name: "c\x1b[31m", Verdicts: []reports.Verdict{forbidden}}
	run := &reports.Run{Report: &reports.Report{Scenario: "a\x00b", Phases: []reports.Phase{phase}}}
	b := write(t, run)
	for _, c := range "\x00\x08\x1b\ufffe" {
		if slices.Contains(bytes.Runes(b), c) {
			t.Errorf("got character %U, which XML 1.0 forbids", c)
		}
	}
	for _, want := range []string{"a\ufffdb", "c\ufffd[31m", "d\ufffd &amp; &lt;e&gt;", "f\ufffdg", "h\ufffd; ]]&gt;"} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("got\n%s\nwant it with %q", b, want)
		}
	}
}
