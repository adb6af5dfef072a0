// Package openmetrics writes a run's figures in the OpenMetrics text format, for a system that keeps them over
// many runs.
//
// All are in base units: seconds, bytes, and ratios from 0 to 1. What is not known is left out: a missing
// figure is not a zero. There are no timestamps; canarylab_run_start_time_seconds says when the run began.
package openmetrics

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/proto"
)

// Write writes a run.
func Write(w io.Writer, run *reports.Run) error {
	m := &metrics{scenario: run.Report.Scenario, by: map[string]*dto.MetricFamily{}}
	m.run(run.Report)
	m.add("canarylab_run_problems", "How much of the run's folder is missing, damaged or another run's.",
		float64(len(run.Problems)))
	for _, p := range run.Report.Phases {
		m.phase(p)
	}
	m.accounting(run.Report.Accounting)
	// The library writes thousands of small pieces.
	b := bufio.NewWriter(w)
	for _, f := range m.families {
		if _, err := expfmt.MetricFamilyToOpenMetrics(b, f, expfmt.WithUnit()); err != nil {
			return fmt.Errorf("write OpenMetrics: %s: %w", f.GetName(), err)
		}
	}
	if _, err := expfmt.FinalizeOpenMetrics(b); err != nil {
		return fmt.Errorf("write OpenMetrics: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write OpenMetrics: %w", err)
	}
	return nil
}

// metrics are a file in the making: families in the order in which they came first.
type metrics struct {
	scenario string
	families []*dto.MetricFamily
	by       map[string]*dto.MetricFamily
}

// units are those that end a figure's name, see OpenMetrics.
var units = []string{"seconds", "bytes", "ratio"}

// add adds a figure. Labels are names and values in turn; every figure has the scenario too. Its name says the
// rest: a counter ends in _total, and a unit is the last word.
func (m *metrics) add(name, help string, value float64, labels ...string) {
	kind := dto.MetricType_GAUGE
	if strings.HasSuffix(name, "_total") {
		kind = dto.MetricType_COUNTER
	}
	f, ok := m.by[name]
	if !ok {
		f = &dto.MetricFamily{Name: proto.String(name), Help: proto.String(help), Type: kind.Enum()}
		if last := name[strings.LastIndex(name, "_")+1:]; slices.Contains(units, last) {
			f.Unit = proto.String(last)
		}
		m.by[name] = f
		m.families = append(m.families, f)
	}
	metric := &dto.Metric{}
	for l := range slices.Chunk(append([]string{"scenario", m.scenario}, labels...), 2) {
		metric.Label = append(metric.Label, &dto.LabelPair{Name: proto.String(l[0]), Value: proto.String(clean(l[1]))})
	}
	if kind == dto.MetricType_COUNTER {
		metric.Counter = &dto.Counter{Value: proto.Float64(value)}
	} else {
		metric.Gauge = &dto.Gauge{Value: proto.Float64(value)}
	}
	f.Metric = append(f.Metric, metric)
}

// clean keeps a label's value to characters that all readers take: some end a file at a zero byte. Line breaks
// and quotes are escaped by the library.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

func (m *metrics) count(name, help string, n int, labels ...string) {
	m.add(name, help, float64(n), labels...)
}

func (m *metrics) seconds(name, help string, d time.Duration, labels ...string) {
	m.add(name, help, d.Seconds(), labels...)
}

// state writes an outcome as a set of states: 1 for the one that it is, 0 for the others. An outcome that is
// none of the four has a state of its own.
func (m *metrics) state(name, help string, o reports.Outcome, labels ...string) {
	all := []reports.Outcome{reports.Pass, reports.Inconclusive, reports.Invalid, reports.Fail}
	if !slices.Contains(all, o) {
		all = append(all, cmp.Or(o, "unknown"))
		o = cmp.Or(o, "unknown")
	}
	for _, other := range all {
		m.add(name, help, truth(o == other), append(slices.Clone(labels), "outcome", string(other))...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (m *metrics) run(r *reports.Report) {
	s := r.Setup
	m.add("canarylab_run_info", "The run: what two runs must share to be compared.", 1, "run", r.Run,
		"provider", s.Provider, "cluster", s.Cluster, "kubernetes", s.Kubernetes, "istio", s.Istio,
		"envoy", s.Envoy, "canarylab", s.Canarylab, "kernel", s.Kernel)
	m.state("canarylab_run_outcome", "The run's outcome: 1 for the one that it is.", r.Outcome)
	m.add("canarylab_run_broken", "1 where the lab broke or somebody interrupted the run.", truth(r.Broken != ""))
	if !r.Started.IsZero() {
		m.add("canarylab_run_start_time_seconds", "When the run began, since 1970.", float64(r.Started.UnixNano())/1e9)
	}
	if r.Took > 0 {
		m.seconds("canarylab_run_duration_seconds", "How long the run took, from its beginning to the report.", r.Took)
	}
	m.add("canarylab_run_recounted", "1 where requests count as failed that did not when the report was written: "+
		"those with a status of 400 to 499.", truth(r.Recounted()))
	if rate := r.Rate; rate != nil {
		for _, f := range []struct {
			which string
			rate  int
		}{{"played", rate.Played}, {"own", rate.Own}, {"lowest", rate.Lowest}} {
			if f.rate == 0 {
				continue
			}
			m.add("canarylab_run_rate", "Requests a second of all cohorts together: those that were played, the "+
				"story's own, and the lowest that its claims allow.", float64(f.rate), "which", f.which)
		}
		m.seconds("canarylab_run_longer_seconds", "How much longer the phases were watched for the rate that was "+
			"played.", rate.Longer)
	}
	if s.CPUs > 0 {
		m.add("canarylab_machine_cpus", "Processors of the machine.", float64(s.CPUs))
	}
	if s.Memory > 0 {
		m.add("canarylab_machine_memory_bytes", "Memory of the machine.", float64(s.Memory))
	}
}

func (m *metrics) phase(p reports.Phase) {
	for i, v := range p.Verdicts {
		number := strconv.Itoa(i + 1)
		m.state("canarylab_verdict",
			"An expectation's outcome: 1 for the one that it is. Number is its place in the phase.", v.Outcome,
			"phase", p.Name, "number", number, "expectation", v.Want)
		if c := v.Claim; c != nil {
			m.add("canarylab_claimed_ratio",
				"The share that was claimed; bound says whether so much, at least or at most so much.", c.Percent/100,
				"phase", p.Name, "number", number, "cohort", c.Cohort, "subject", c.Subject,
				"bound", string(cmp.Or(c.Bound, "exactly")))
		}
	}
	o := p.Observation
	m.window(p.Name, "transition", o.Transition)
	m.window(p.Name, "settled", o.Settled)
	m.shares(p.Name, "", o.Settled.Total)
	for _, cohort := range slices.Sorted(maps.Keys(o.Settled.Cohorts)) {
		m.shares(p.Name, cohort, o.Settled.Cohorts[cohort])
	}
	for _, version := range slices.Sorted(maps.Keys(o.Settled.Total.Latency)) {
		l := o.Settled.Total.Latency[version]
		for i, d := range []time.Duration{l.P50, l.P90, l.P99, l.P999, l.Max} {
			m.seconds("canarylab_latency_seconds", "Quantiles of the latency of the settled part's requests, from "+
				"when each was due; 1 is the maximum.", d, "phase", p.Name, "version", version,
				"quantile", []string{"0.5", "0.9", "0.99", "0.999", "1"}[i])
		}
	}
	if c := o.Change; c != nil && !c.Written.IsZero() {
		m.change(p.Name, c)
	}
	if r := o.Rollback; r != nil {
		m.rollback(r, "phase", p.Name, "method", r.Method)
	}
	if d := o.Detection; d != nil {
		labels := []string{"phase", p.Name, "by", d.By}
		m.add("canarylab_detection_bad", "What was decided about the canary: 1 for bad, 0 for good.", truth(d.Bad),
			labels...)
		if took, ok := d.Took(); ok {
			m.seconds("canarylab_detection_seconds", "From the canary's first bad answer to the decision.", took,
				labels...)
		}
	}
}

// change says how a change spread.
func (m *metrics) change(phase string, c *analysis.Change) {
	m.seconds("canarylab_change_write_seconds", "How long the write of the change was under way.", c.Took(),
		"phase", phase)
	for _, at := range []struct {
		event string
		d     time.Duration
		known bool
	}{
		{"noticed", c.Noticed, c.Noticed != 0},
		{"first pushed", c.FirstPushed, c.FirstPushed != 0}, {"last pushed", c.LastPushed, c.LastPushed != 0},
		{"first held", c.FirstSynced, c.Proxies > 0}, {"last held", c.LastSynced, c.Proxies > 0},
	} {
		if at.known {
			m.seconds("canarylab_change_spread_seconds", "When the change was taken up by istiod, pushed, and "+
				"proxies were synced, after the write was accepted.", at.d, "phase", phase, "event", at.event)
		}
	}
}

// failedHelp says what failed requests are.
const failedHelp = "Those of the same requests that failed: no answer, or a status of 400 or above. Outside of all " +
	"phases the labels are empty."

// window counts the requests of a part of a phase. Cohorts are counted, not their sum: adding up over all
// labels gives each request once.
func (m *metrics) window(phase, window string, w analysis.Window) {
	cohorts := w.Cohorts
	if len(cohorts) == 0 && w.Total.Requests > 0 {
		cohorts = map[string]analysis.Counts{"": w.Total}
	}
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		c := cohorts[cohort]
		count := func(name, help string, n int, more ...string) {
			m.count(name, help, n, append([]string{"phase", phase, "window", window, "cohort", cohort}, more...)...)
		}
		count("canarylab_requests_total",
			"Requests that were sent, by the part of the phase: until every proxy was synced, and after.", c.Requests)
		count("canarylab_failed_requests_total", failedHelp, c.Failed.Count)
		for _, version := range slices.Sorted(maps.Keys(c.Versions)) {
			count("canarylab_answers_total", "The same requests by who answered; no version is the empty one.",
				c.Versions[version], "version", version)
		}
		for _, code := range slices.Sorted(maps.Keys(c.Codes)) {
			count("canarylab_statuses_total", "The same requests by HTTP status; 0 is no answer.", c.Codes[code],
				"code", strconv.Itoa(code))
		}
		for _, status := range slices.Sorted(maps.Keys(c.GRPC)) {
			count("canarylab_grpc_statuses_total", "Those of the same requests that are calls by gRPC, by their "+
				"grpc-status.",
				c.GRPC[status], "status", status)
		}
		// A kind is a failure's code, flag, hop, origin and version.
		type kind [5]string
		kinds := map[kind]int{}
		for _, f := range c.Failures {
			kinds[kind{loadgen.Outcome(f.Code, f.GRPC), f.Flag, string(f.Hop), f.Origin, f.Version}] += f.Count
		}
		inOrder := func(a, b kind) int { return slices.Compare(a[:], b[:]) }
		for _, k := range slices.SortedFunc(maps.Keys(kinds), inOrder) {
			count("canarylab_failures_total", "Those of the same requests that got no answer, a status of 400 or "+
				"above, or a flag of Envoy's: by status, the routing proxy's flag, where the failure arose, the flag "+
				"there, and who answered.", kinds[k],
				"code", k[0], "flag", k[1], "hop", k[2], "origin", k[3], "version", k[4])
		}
	}
}

// shares are a cohort's, or those of all for an empty one.
func (m *metrics) shares(phase, cohort string, c analysis.Counts) {
	share := func(s analysis.Share, subject string) {
		if s.Of == 0 {
			return
		}
		labels := []string{"phase", phase, "cohort", cohort, "subject", subject}
		m.add("canarylab_share_ratio",
			"Share of the settled part's requests, of a cohort or of all (empty), by version, or those that failed.",
			s.Percent/100, labels...)
		m.add("canarylab_share_low_ratio", "Lower end of the share's exact 95 % interval.", s.Low/100, labels...)
		m.add("canarylab_share_high_ratio", "Upper end of the share's exact 95 % interval.", s.High/100, labels...)
	}
	for _, version := range slices.Sorted(maps.Keys(c.Shares)) {
		share(c.Shares[version], "version "+cmp.Or(version, "none"))
	}
	share(c.Failed, "failed")
}

func (m *metrics) rollback(r *analysis.Rollback, labels ...string) {
	m.add("canarylab_rollback_effective",
		"1 where so many unaffected requests followed the last affected one that it was the last.",
		truth(r.Recovered()), labels...)
	m.count("canarylab_rollback_failed_requests_total",
		"Requests that failed after the write was accepted, to the end of the phase.", r.Failed, labels...)
	m.count("canarylab_rollback_canary_answers_total",
		"Good answers of the canary after the write was accepted, to the end of the phase.", r.Canaries, labels...)
	if !r.Known() {
		return
	}
	m.seconds("canarylab_rollback_route_seconds",
		"Until the last affected request was sent, after the write was accepted.", r.Route, labels...)
	m.seconds("canarylab_rollback_drain_seconds",
		"Until the last affected request was done, after the write was accepted.", r.Drain, labels...)
	m.seconds("canarylab_rollback_low_seconds", "Lower end of the 99 % bracket of the switch.", r.Low, labels...)
	if r.High > 0 {
		m.seconds("canarylab_rollback_high_seconds", "Upper end of the 99 % bracket of the switch; missing where too "+
			"few requests followed to close it.", r.High, labels...)
	}
	if r.Switch > 0 {
		m.seconds("canarylab_rollback_switch_seconds", "The best guess at the switch, within the bracket.", r.Switch,
			labels...)
	}
	m.seconds("canarylab_rollback_resolution_seconds", "Mean time between two affected requests before the write.",
		r.Resolution, labels...)
	for _, part := range []struct {
		name string
		d    time.Duration
	}{
		{"write", r.Parts.Write}, {"debounce", r.Parts.Debounce}, {"push", r.Parts.Push}, {"proxy", r.Parts.Proxy},
		{"in flight", r.Parts.InFlight},
	} {
		if part.d != 0 {
			m.seconds("canarylab_rollback_part_seconds", "What the time of a rollback is made of.", part.d,
				append(slices.Clone(labels), "part", part.name)...)
		}
	}
}

func (m *metrics) accounting(b analysis.Accounting) {
	m.add("canarylab_books_balanced", "1 where every request is accounted for and the load kept its plan.",
		truth(len(b.Problems) == 0 && b.Requests > 0))
	for _, basis := range analysis.Bases() {
		m.add("canarylab_basis_held", "1 where what verdicts can rest on held: the load was sent on time and at its "+
			"rate, and clocks stayed together.", truth(len(b.Shaken(basis)) == 0), "basis", string(basis))
	}
	m.count("canarylab_failed_requests_total", failedHelp, b.OutsideFailed, "phase", "", "window", "", "cohort", "")
	m.count("canarylab_books_unexplained_total", "Things that the accounting can't explain.", b.UnexplainedTotal)
	m.count("canarylab_troubles_total", "What happened to the lab that no step called for.", len(b.Troubles))
	for _, row := range b.Rows {
		for i, n := range []int{row.Sent, row.Routed, row.Served, row.App, row.Answered} {
			m.count("canarylab_books_requests_total", "What each party counted of the requests that were sent in a "+
				"phase; outside of all it is empty.", n, "phase", row.Phase,
				"party", []string{"caller", "routed", "served", "app", "answered"}[i])
		}
	}
	for _, p := range b.Pace {
		m.add("canarylab_load_planned_rate", "Requests a second that were due.", p.Planned, "cohort", p.Cohort)
		if p.Requests == 0 {
			continue
		}
		m.add("canarylab_load_achieved_rate", "Requests a second that were sent.", p.Achieved, "cohort", p.Cohort)
		m.seconds("canarylab_load_lag_p99_seconds", "How much later than due requests were sent, at p99.", p.LagP99,
			"cohort", p.Cohort)
		m.seconds("canarylab_load_lag_max_seconds", "How much later than due requests were sent, at most.", p.LagMax,
			"cohort", p.Cohort)
	}
	if g := b.Generator; g.Known {
		m.add("canarylab_load_cpu_ratio", "What the busiest load agent used of its processors.", g.CPU)
		m.seconds("canarylab_load_stall_seconds", "The longest time in which a load agent stood still.", g.Stall)
	}
}
