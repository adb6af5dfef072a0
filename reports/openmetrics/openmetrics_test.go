package openmetrics

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/internal/fixture"
	"github.com/canarylab/canarylab/reports/internal/golden"
)

func write(t *testing.T, run *reports.Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, run); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// figure is one line of a file as Prometheus reads it.
type figure struct {
	labels labels.Labels
	value  float64
}

// read reads a file with Prometheus' own parser.
func read(t *testing.T, b []byte) (figures []figure, units, types map[string]string) {
	t.Helper()
	units, types = map[string]string{}, map[string]string{}
	p := textparse.NewOpenMetricsParser(b, labels.NewSymbolTable())
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return figures, units, types
		}
		if err != nil {
			t.Fatalf("after %d figures: %v", len(figures), err)
		}
		switch entry {
		case textparse.EntrySeries:
			f := figure{}
			var at *int64
			_, at, f.value = p.Series()
			p.Labels(&f.labels)
			if at != nil {
				t.Errorf("%s has a timestamp", f.labels)
			}
			figures = append(figures, f)
		case textparse.EntryUnit:
			name, unit := p.Unit()
			units[string(name)] = string(unit)
		case textparse.EntryType:
			name, kind := p.Type()
			types[string(name)] = string(kind)
		}
	}
}

func TestGolden(t *testing.T) {
	for name, run := range fixture.All(t) {
		golden.Check(t, name+".txt", write(t, run))
	}
}

// TestPrometheusReadsIt also holds what its parser does not: that no figure comes twice, that names end in
// their base unit, and that nothing but our own figures is there.
func TestPrometheusReadsIt(t *testing.T) {
	for name, run := range fixture.All(t) {
		figures, units, types := read(t, write(t, run))
		seen := map[string]bool{}
		for _, f := range figures {
			id := f.labels.String()
			if seen[id] {
				t.Errorf("%s: %s comes twice", name, id)
			}
			seen[id] = true
			metric := f.labels.Get(model.MetricNameLabel)
			if metric == "canarylab_forged" {
				t.Errorf("%s: a text broke out", name)
			}
			if math.IsNaN(f.value) || math.IsInf(f.value, 0) {
				t.Errorf("%s: %s is %g", name, id, f.value)
			}
			if strings.HasSuffix(metric, "_ratio") && (f.value < 0 || f.value > 1) {
				t.Errorf("%s: %s is %g, and no ratio", name, id, f.value)
			}
			family := strings.TrimSuffix(metric, "_total")
			if types[family] == "" {
				t.Errorf("%s: %s has no type", name, metric)
			}
			for _, unit := range []string{"seconds", "ratio", "bytes"} {
				if strings.HasSuffix(metric, "_"+unit) != (units[family] == unit) {
					t.Errorf("%s: %s has the unit %q", name, metric, units[family])
				}
			}
			for _, other := range []string{"_ms", "_ns", "_milliseconds", "_percent", "_minutes"} {
				if strings.Contains(metric, other) {
					t.Errorf("%s: %s is in no base unit", name, metric)
				}
			}
		}
	}
}

func TestFiguresAreTheRuns(t *testing.T) {
	run := fixture.All(t)["label-mismatch"]
	figures, _, _ := read(t, write(t, run))
	sum := func(metric string, of ...string) (total float64, n int) {
		t.Helper()
		for _, f := range figures {
			match := f.labels.Get(model.MetricNameLabel) == metric
			for i := 0; i < len(of); i += 2 {
				match = match && f.labels.Get(of[i]) == of[i+1]
			}
			if match {
				total, n = total+f.value, n+1
			}
		}
		return total, n
	}
	counted := run.Report.Accounting
	back := run.Report.Phases[2].Observation.Rollback
	for _, test := range []struct {
		metric string
		of     []string
		want   float64
	}{
		{"canarylab_requests_total", nil, float64(counted.Requests - counted.Outside)},
		{"canarylab_answers_total", nil, float64(counted.Requests - counted.Outside)},
		{"canarylab_statuses_total", nil, float64(counted.Requests - counted.Outside)},
		{"canarylab_failures_total", []string{"code", "503", "flag", "UH"}, float64(
			reports.Summarize(run.Report).Burned,
		)},
		{
			"canarylab_share_ratio", []string{"phase", "canary", "cohort", "", "subject", "failed"},
			run.Report.Phases[1].Observation.Settled.Total.Failed.Percent / 100,
		},
		{"canarylab_rollback_route_seconds", nil, back.Route.Seconds()},
		{"canarylab_rollback_high_seconds", nil, back.High.Seconds()},
		{"canarylab_run_outcome", []string{"outcome", "fail"}, 1},
		{"canarylab_run_outcome", nil, 1},
		{"canarylab_verdict", []string{"outcome", "fail"}, 1},
		{"canarylab_verdict", nil, 6},
		{"canarylab_books_balanced", nil, 1},
		{"canarylab_run_duration_seconds", nil, 23.4},
		{
			"canarylab_latency_seconds", []string{"phase", "canary", "version", "v1", "quantile", "0.99"},
			run.Report.Phases[1].Observation.Settled.Total.Latency["v1"].P99.Seconds(),
		},
	} {
		if got, n := sum(test.metric, test.of...); n == 0 || math.Abs(got-test.want) > 1e-9*test.want {
			t.Errorf("%s %v: got %g in %d figures, want %g", test.metric, test.of, got, n, test.want)
		}
	}
	// Nothing is known of a run without requests.
	figures, _, _ = read(t, write(t, fixture.All(t)["empty"]))
	if _, n := sum("canarylab_share_ratio"); n > 0 {
		t.Error("a share of no requests has a figure")
	}
	if got, n := sum("canarylab_books_balanced"); got != 0 || n != 1 {
		t.Errorf("got %g, want an accounting without a request to show nothing", got)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteError(t *testing.T) {
	if err := Write(brokenPipe{}, fixture.All(t)["label-mismatch"]); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
	}
}
