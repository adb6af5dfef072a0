package judge_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/render"
	"github.com/canarylab/canarylab/reports/trace"
)

var began = time.Date(2026, 11, 23, 6, 1, 2, 0, time.UTC)

func at(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }

// smallRun writes the trace of a run that passes: two phases of 20 s with 40 requests each, the first to v1, the second
// to v2. It returns the run's folder and the trace's lines.
func smallRun(t testing.TB) (dir string, lines []string) {
	t.Helper()
	dir = t.TempDir()
	w, err := trace.Create(filepath.Join(dir, trace.File))
	if err != nil {
		t.Fatal(err)
	}
	plan := loadgen.Plan{
		Run: "r1", URL: "http://my-service/", Duration: time.Minute,
		Cohorts: []loadgen.Cohort{{Name: "plain", Rate: 2, Entry: loadgen.Plain}},
	}
	d := judge.Draft{
		Report: reports.Report{
			Scenario: "small", Title: "Small", Run: "r1", Started: began,
			Setup: reports.Setup{Provider: "none", Cluster: "none", Canarylab: "0.1.0", Load: plan},
		},
		Phases: []judge.Phase{{Name: "baseline"}, {
			Name: "canary", Did: "kubectl apply -f 2.yaml",
			Proofs: []reports.Verdict{{
				Want: "pods", Saw: "nothing", Outcome: reports.Inconclusive, Proof: true, Kind: "pods",
			}},
		}},
	}
	// These claims take the fewest requests.
	for i, version := range []string{"v1", "v2"} {
		if err := d.Phases[i].Claim(expect.Answers(version, 2)); err != nil {
			t.Fatal(err)
		}
	}
	draft, err := d.Event()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := judge.Proof("canary", reports.Verdict{
		Want: "pods", Saw: "2", Outcome: reports.Pass, Proof: true, Kind: "pods",
	})
	if err != nil {
		t.Fatal(err)
	}
	const n = 40 // of each phase
	add := func(all ...trace.Line) {
		for _, l := range all {
			if err := w.Append(l); err != nil {
				t.Fatal(err)
			}
		}
	}
	event := func(ms int, kind trace.Kind, phase string) trace.Line {
		return trace.Line{Event: &trace.Event{At: at(ms), Kind: kind, Phase: phase}}
	}
	pod := func(name, version, ip string) trace.Line {
		lives := []trace.Instance{{Name: name, Received: n, Final: true}}
		return trace.Line{Pod: &trace.Pod{
			Name: name, Role: trace.AppRole, Version: version, IP: ip, Instances: lives,
		}}
	}
	add(trace.Line{Event: &draft}, pod("a1", "v1", "10.0.0.1"), pod("b2", "v2", "10.0.0.2"),
		event(0, trace.LoadStart, ""), event(0, trace.PhaseStart, "baseline"), event(0, trace.Settled, "baseline"))
	for i := range 2 * n {
		if i == n {
			add(event(500*n, trace.PhaseEnd, "baseline"), event(500*n, trace.PhaseStart, "canary"),
				event(500*n, trace.Settled, "canary"), trace.Line{Event: &proof},
				trace.Line{Event: &trace.Event{Kind: trace.Note, Text: "istioctl analyze found nothing"}},
				trace.Line{Event: &trace.Event{Kind: trace.Finding, Text: "istioctl analyze found nothing"}})
		}
		s := loadgen.Sample{
			Cohort: "plain", Seq: uint64(i), ID: "r1-plain-" + strconv.Itoa(i), Due: at(500 * i), Sent: at(500 * i),
			Done: at(500*i + 3), Code: 200, Version: "v1", Pod: "a1", Serial: "a1-" + strconv.Itoa(i+1),
		}
		if i >= n {
			s.Version, s.Pod, s.Serial = "v2", "b2", "b2-"+strconv.Itoa(i-n+1)
		}
		add(trace.Line{Sample: &s})
	}
	add(event(1000*n, trace.PhaseEnd, "canary"), event(1000*n, trace.LoadStop, ""),
		trace.Line{Event: &trace.Event{Kind: trace.End, By: 41 * time.Second}})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if _, err := (trace.Printer{}).Print(&text, filepath.Join(dir, trace.File)); err != nil {
		t.Fatal(err)
	}
	return dir, slices.Collect(strings.Lines(text.String()))
}

// write writes a trace into a folder, as a file of that name. It is the only one there then.
func write(t testing.TB, dir, name, text string) {
	t.Helper()
	for _, other := range []string{trace.File, trace.PlainFile} {
		if err := os.Remove(filepath.Join(dir, other)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// frame is a frame of a trace with a text.
func frame(t testing.TB, text string) string {
	t.Helper()
	e, err := encoder()
	if err != nil {
		t.Fatal(err)
	}
	return string(e.EncodeAll([]byte(text), nil))
}

var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithSingleSegment(true),
		zstd.WithEncoderConcurrency(1))
})

func TestReportFromItsTrace(t *testing.T) {
	dir, _ := smallRun(t)
	r, err := judge.Report(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Outcome != reports.Pass || r.Took != 41*time.Second || len(r.Notes) != 1 || len(r.Findings) != 1 ||
		len(r.Phases) != 2 || len(r.Phases[1].Verdicts) != 2 || r.Phases[1].Verdicts[0].Saw != "2" {
		t.Errorf("got %+v, want a pass with a note, a finding, and a verdict on the proof", r)
	}
}

// Wherever a trace breaks off: a report that says so and does not pass.
func TestReportOfACutTrace(t *testing.T) {
	whole, lines := smallRun(t)
	dir := t.TempDir()
	kept := ""
	for i, line := range lines {
		for _, part := range []string{"", line[:1], line[:len(line)/2], strings.TrimSuffix(line, "\n")[:len(line)-2]} {
			write(t, dir, trace.PlainFile, kept+part)
			r, err := judge.Report(dir)
			if i == 0 {
				if !errors.Is(err, judge.ErrOlder) {
					t.Errorf("nothing is claimed yet: got %v, want %v", err, judge.ErrOlder)
				}
				continue
			}
			if err != nil {
				t.Fatalf("cut in line %d, after %q: %v", i+1, part, err)
			}
			if r.Outcome == reports.Pass || !strings.Contains(r.Broken, "the run was cut off") ||
				len(r.Phases) != 2 {
				t.Errorf("cut in line %d: got %s, broken %q, %d phases", i+1, r.Outcome, r.Broken, len(r.Phases))
			}
		}
		kept += line
	}
	if r, err := judge.Report(whole); err != nil || r.Outcome != reports.Pass {
		t.Errorf("the whole trace: got %+v, %v, want a pass", r, err)
	}
}

// The same for frames: what is whole counts.
func TestReportOfATornTrace(t *testing.T) {
	_, lines := smallRun(t)
	dir := t.TempDir()
	kept := frame(t, lines[0])
	for i := 1; i < len(lines); i += 10 {
		next := frame(t, strings.Join(lines[i:min(i+10, len(lines))], ""))
		for _, n := range []int{0, 1, 10, len(next) / 2, len(next) - 1} {
			write(t, dir, trace.File, kept+next[:n])
			r, err := judge.Report(dir)
			if err != nil {
				t.Fatalf("cut after %d bytes of the frame from line %d on: %v", n, i+1, err)
			}
			said := strings.Contains(r.Broken, "and its trace ends in the middle of a line")
			if r.Outcome == reports.Pass || !strings.Contains(r.Broken, "the run was cut off") || said != (n > 0) ||
				r.Trace.Lines != i {
				t.Errorf("cut after %d bytes of the frame from line %d on: got %s of %d lines, broken %q", n, i+1,
					r.Outcome, r.Trace.Lines, r.Broken)
			}
		}
		kept += next
	}
	write(t, dir, trace.File, kept)
	if r, err := judge.Report(dir); err != nil || r.Outcome != reports.Pass {
		t.Errorf("the whole trace: got %+v, %v, want a pass", r, err)
	}
}

func TestVerify(t *testing.T) {
	dir, lines := smallRun(t)
	r, err := judge.Report(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Save(dir); err != nil {
		t.Fatal(err)
	}
	saved, err := os.ReadFile(filepath.Join(dir, reports.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(lines, "")
	for _, test := range []struct {
		name          string
		trace, report string
		what          string   // said of the trace
		paths         []string // of the fields that differ, among others
	}{
		{"as it was", text, string(saved), "", nil},
		{
			"an edited answer", strings.Replace(text, `"code":200,"version":"v2"`, `"code":503,"version":"v2"`, 1),
			string(saved),
			"it was edited: it has 95 lines as before, and other text",
			[]string{"timeline.series[1]", "phases[1].observation.settled.total.codes.503"},
		},
		{
			"an edit that changes no figure", strings.Replace(text, `"bytes":0`, `"bytes":9`, 1), string(saved),
			"it was edited: it has 95 lines as before, and other text", nil,
		},
		{
			"a missing line", strings.Replace(text, lines[60], "", 1), string(saved), "1 line is missing: it had 95",
			[]string{"outcome"},
		},
		{"a line twice", text + lines[60], string(saved), "1 line is too many: it had 95", []string{"outcome"}},
		{
			"an edited verdict", text, strings.Replace(string(saved), `"saw": "2"`, `"saw": "3"`, 1), "",
			[]string{"phases[1].verdicts[0].saw"},
		},
		{
			"an edited outcome", text, strings.Replace(string(saved), `"outcome": "pass",
  "notes"`, `"outcome": "fail",
  "notes"`, 1), "", []string{"outcome"},
		},
		{
			"an edited count", text, strings.Replace(string(saved), `"requests": 80`, `"requests": 79`, 1), "",
			[]string{"books.requests"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name != "as it was" && test.trace == text && test.report == string(saved) {
				t.Fatal("nothing is edited")
			}
			if err := os.WriteFile(filepath.Join(dir, reports.ReportFile), []byte(test.report), 0o600); err != nil {
				t.Fatal(err)
			}
			write(t, dir, trace.PlainFile, test.trace)
			v, err := judge.Verify(dir, "0.1.0")
			if err != nil {
				t.Fatal(err)
			}
			// What counts are the lines, however they are kept.
			write(t, dir, trace.File, frame(t, test.trace))
			if framed, err := judge.Verify(dir, "0.1.0"); err != nil || !reflect.DeepEqual(framed, v) {
				t.Errorf("in a frame: got %+v, %v, want %+v", framed, err, v)
			}
			if v.Trace != test.what || v.Same() != (test.what == "" && test.paths == nil) ||
				len(v.Differences) > v.Total || (test.paths == nil) != (v.Total == 0) {
				t.Errorf("got %+v", v)
			}
			var paths []string
			for _, d := range v.Differences {
				paths = append(paths, d.Path)
			}
			for _, want := range test.paths {
				if !strings.Contains(strings.Join(paths, " "), want) {
					t.Errorf("got differences in %q, want one in %s", paths, want)
				}
			}
		})
	}
}

// renderAll draws a run in every format.
func renderAll(t testing.TB, run *reports.Run) {
	t.Helper()
	for _, f := range render.Formats() {
		if err := f.Write(io.Discard, run); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// FuzzTrace takes anything for a trace: from its facts to every format. It is one of frames if it begins like one.
func FuzzTrace(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		name := trace.PlainFile
		if bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")) {
			name = trace.File
		}
		write(t, dir, name, string(b))
		r, err := judge.Report(dir)
		if err != nil {
			return
		}
		var saved bytes.Buffer
		if err := r.WriteJSON(&saved); err != nil {
			t.Fatal(err)
		}
		if _, err := reports.Decode(saved.Bytes(), "it"); err != nil {
			t.Fatalf("a report that was made can't be read: %v", err)
		}
		renderAll(t, &reports.Run{Dir: dir, Report: r})
	})
}
