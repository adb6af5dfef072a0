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
	m.gauge("canarylab_run_problems", "How much of the run's folder is missing, damaged or another run's.",
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

// label is one of a figure's labels: a name and a value.
type label [2]string

// add adds a figure. Every one has the scenario. The unit is empty or the name's last word.
func (m *metrics) add(kind dto.MetricType, name, unit, help string, value float64, labels ...label) {
	f, ok := m.by[name]
	if !ok {
		f = &dto.MetricFamily{Name: proto.String(name), Help: proto.String(help), Type: kind.Enum()}
		if unit != "" {
			f.Unit = proto.String(unit)
		}
		m.by[name] = f
		m.families = append(m.families, f)
	}
	metric := &dto.Metric{}
	for _, l := range append([]label{{"scenario", m.scenario}}, labels...) {
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

func (m *metrics) gauge(name, help string, value float64, labels ...label) {
	m.add(dto.MetricType_GAUGE, name, "", help, value, labels...)
}

func (m *metrics) count(name, help string, n int, labels ...label) {
	m.add(dto.MetricType_COUNTER, name, "", help, float64(n), labels...)
}

func (m *metrics) seconds(name, help string, d time.Duration, labels ...label) {
	m.add(dto.MetricType_GAUGE, name, "seconds", help, d.Seconds(), labels...)
}

func (m *metrics) ratio(name, help string, r float64, labels ...label) {
	m.add(dto.MetricType_GAUGE, name, "ratio", help, r, labels...)
}

// state writes an outcome as a set of states: 1 for the one that it is, 0 for the others. An outcome that is
// none of the four has a state of its own.
func (m *metrics) state(name, help string, o reports.Outcome, labels ...label) {
	all := []reports.Outcome{reports.Pass, reports.Inconclusive, reports.Invalid, reports.Fail}
	if !slices.Contains(all, o) {
		all = append(all, cmp.Or(o, "unknown"))
		o = cmp.Or(o, "unknown")
	}
	for _, other := range all {
		m.gauge(name, help, truth(o == other), append(slices.Clone(labels), label{"outcome", string(other)})...)
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
	m.gauge("canarylab_run_info", "The run: what two runs must share to be compared.", 1, label{"run", r.Run}, label{
		"provider", s.Provider,
	}, label{"cluster", s.Cluster},
		label{"kubernetes", s.Kubernetes}, label{"istio", s.Istio}, label{"envoy", s.Envoy}, label{
			"canarylab", s.Canarylab,
		}, label{"kernel", s.Kernel})
	m.state("canarylab_run_outcome", "The run's outcome: 1 for the one that it is.", r.Outcome)
	m.gauge("canarylab_run_broken", "1 where the lab broke or somebody interrupted the run.", truth(r.Broken != ""))
	if !r.Started.IsZero() {
		m.add(dto.MetricType_GAUGE, "canarylab_run_start_time_seconds", "seconds", "When the run began, since 1970.",
			float64(r.Started.UnixNano())/1e9)
	}
	if r.Took > 0 {
		m.seconds("canarylab_run_duration_seconds", "How long the run took, from its beginning to the report.", r.Took)
	}
	if s.CPUs > 0 {
		m.gauge("canarylab_machine_cpus", "Processors of the machine.", float64(s.CPUs))
	}
	if s.Memory > 0 {
		m.add(dto.MetricType_GAUGE, "canarylab_machine_memory_bytes", "bytes", "Memory of the machine.",
			float64(s.Memory))
	}
}

func (m *metrics) phase(p reports.Phase) {
	phase := label{"phase", p.Name}
	for i, v := range p.Verdicts {
		labels := []label{phase, {"number", strconv.Itoa(i + 1)}, {"expectation", v.Want}}
		m.state("canarylab_verdict",
			"An expectation's outcome: 1 for the one that it is. Number is its place in the phase.", v.Outcome,
			labels...)
		if c := v.Claim; c != nil {
			m.ratio("canarylab_claimed_ratio", "The share that was claimed; bound says whether so much, at least or "+
				"at most so much.", c.Percent/100, phase,
				label{"number", strconv.Itoa(i + 1)}, label{"cohort", c.Cohort}, label{"subject", c.Subject}, label{
					"bound", string(cmp.Or(c.Bound, "exactly")),
				})
		}
	}
	o := p.Observation
	for _, w := range []struct {
		name string
		analysis.Window
	}{{"transition", o.Transition}, {"settled", o.Settled}} {
		m.window(phase, label{"window", w.name}, w.Window)
	}
	m.shares(phase, "", o.Settled.Total)
	for _, cohort := range slices.Sorted(maps.Keys(o.Settled.Cohorts)) {
		m.shares(phase, cohort, o.Settled.Cohorts[cohort])
	}
	for _, version := range slices.Sorted(maps.Keys(o.Settled.Total.Latency)) {
		l := o.Settled.Total.Latency[version]
		for _, q := range []struct {
			quantile string
			d        time.Duration
		}{{"0.5", l.P50}, {"0.9", l.P90}, {"0.99", l.P99}, {"0.999", l.P999}, {"1", l.Max}} {
			m.seconds("canarylab_latency_seconds", "Quantiles of the latency of the settled part's requests, from "+
				"when each was due; 1 is the maximum.", q.d, phase,
				label{"version", version}, label{"quantile", q.quantile})
		}
	}
	if c := o.Change; c != nil && !c.Written.IsZero() {
		m.seconds("canarylab_change_write_seconds", "How long the write of the change was under way.", c.Took(), phase)
		at := func(event string, d time.Duration, known bool) {
			if known {
				m.seconds(
					"canarylab_change_spread_seconds",
					"When the change was taken up by istiod, pushed, and proxies were synced, after the write was "+
						"accepted.",
					d, phase, label{"event", event},
				)
			}
		}
		at("noticed", c.Noticed, c.Noticed != 0)
		at("first pushed", c.FirstPushed, c.FirstPushed != 0)
		at("last pushed", c.LastPushed, c.LastPushed != 0)
		at("first held", c.FirstSynced, c.Proxies > 0)
		at("last held", c.LastSynced, c.Proxies > 0)
	}
	if r := o.Rollback; r != nil {
		m.rollback(phase, r)
	}
	if d := o.Detection; d != nil {
		by := label{"by", d.By}
		m.gauge("canarylab_detection_bad", "What was decided about the canary: 1 for bad, 0 for good.", truth(d.Bad),
			phase, by)
		if took, ok := d.Took(); ok {
			m.seconds("canarylab_detection_seconds", "From the canary's first bad answer to the decision.", took, phase,
				by)
		}
	}
}

// window counts the requests of a part of a phase. Cohorts are counted, not their sum: adding up over all
// labels gives each request once.
func (m *metrics) window(phase, window label, w analysis.Window) {
	cohorts := w.Cohorts
	if len(cohorts) == 0 && w.Total.Requests > 0 {
		cohorts = map[string]analysis.Counts{"": w.Total}
	}
	for _, cohort := range slices.Sorted(maps.Keys(cohorts)) {
		c := cohorts[cohort]
		labels := func(more ...label) []label { return append([]label{phase, window, {"cohort", cohort}}, more...) }
		m.count("canarylab_requests_total",
			"Requests that were sent, by the part of the phase: until every proxy was synced, and after.", c.Requests,
			labels()...)
		for _, version := range slices.Sorted(maps.Keys(c.Versions)) {
			m.count("canarylab_answers_total", "The same requests by who answered; no version is the empty one.",
				c.Versions[version], labels(label{"version", version})...)
		}
		for _, code := range slices.Sorted(maps.Keys(c.Codes)) {
			m.count("canarylab_statuses_total", "The same requests by HTTP status; 0 is no answer.", c.Codes[code],
				labels(label{"code", strconv.Itoa(code)})...)
		}
		type kind struct{ code, flag, hop, origin, version string }
		kinds := map[kind]int{}
		for _, f := range c.Failures {
			kinds[kind{strconv.Itoa(f.Code), f.Flag, string(f.Hop), f.Origin, f.Version}] += f.Count
		}
		keys := slices.SortedFunc(maps.Keys(kinds), func(a, b kind) int {
			return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.flag, b.flag), cmp.Compare(a.hop, b.hop),
				cmp.Compare(a.origin, b.origin), cmp.Compare(a.version, b.version))
		})
		for _, k := range keys {
			m.count("canarylab_failures_total", "Those of the same requests that got no answer, a status of 400 or "+
				"above, or a flag of Envoy's: by status, the routing proxy's flag, where the failure arose, "+
				"the flag there, and who answered.", kinds[k], labels(label{"code", k.code}, label{"flag", k.flag},
				label{"hop", k.hop}, label{"origin", k.origin}, label{"version", k.version})...)
		}
	}
}

// shares are a cohort's, or those of all for an empty one.
func (m *metrics) shares(phase label, cohort string, c analysis.Counts) {
	share := func(s analysis.Share, subject string) {
		if s.Of == 0 {
			return
		}
		labels := []label{phase, {"cohort", cohort}, {"subject", subject}}
		m.ratio("canarylab_share_ratio",
			"Share of the settled part's requests, of a cohort or of all (empty), by version, or those that failed.",
			s.Percent/100, labels...)
		m.ratio("canarylab_share_low_ratio", "Lower end of the share's exact 95 % interval.", s.Low/100, labels...)
		m.ratio("canarylab_share_high_ratio", "Upper end of the share's exact 95 % interval.", s.High/100, labels...)
	}
	for _, version := range slices.Sorted(maps.Keys(c.Shares)) {
		share(c.Shares[version], "version "+cmp.Or(version, "none"))
	}
	share(c.Failed, "failed")
}

func (m *metrics) rollback(phase label, r *analysis.Rollback) {
	labels := []label{phase, {"method", r.Method}}
	m.gauge("canarylab_rollback_effective",
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
		m.seconds("canarylab_rollback_high_seconds",
			"Upper end of the 99 % bracket of the switch; missing where too few requests followed to close it.", r.High,
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
				append(labels[:2:2], label{"part", part.name})...)
		}
	}
}

func (m *metrics) accounting(b analysis.Accounting) {
	m.gauge("canarylab_books_balanced", "1 where every request is accounted for and the load kept its plan.",
		truth(b.Balanced() && b.Requests > 0))
	m.count("canarylab_books_unexplained_total", "Things that the accounting can't explain.", b.UnexplainedTotal)
	m.count("canarylab_troubles_total", "What happened to the lab that no step called for.", len(b.Troubles))
	for _, row := range b.Rows {
		for _, party := range []struct {
			name string
			n    int
		}{
			{"caller", row.Sent}, {"routed", row.Routed}, {"served", row.Served}, {"app", row.App},
			{"answered", row.Answered},
		} {
			m.count("canarylab_books_requests_total", "What each party counted of the requests that were sent in a "+
				"phase; outside of all it is empty.", party.n,
				label{"phase", row.Phase}, label{"party", party.name})
		}
	}
	for _, p := range b.Pace {
		cohort := label{"cohort", p.Cohort}
		m.gauge("canarylab_load_planned_rate", "Requests a second that were due.", p.Planned, cohort)
		if p.Requests == 0 {
			continue
		}
		m.gauge("canarylab_load_achieved_rate", "Requests a second that were sent.", p.Achieved, cohort)
		m.seconds("canarylab_load_lag_p99_seconds", "How much later than due requests were sent, at p99.", p.LagP99,
			cohort)
		m.seconds("canarylab_load_lag_max_seconds", "How much later than due requests were sent, at most.", p.LagMax,
			cohort)
	}
	if g := b.Generator; g.Known {
		m.ratio("canarylab_load_cpu_ratio", "What the busiest load agent used of its processors.", g.CPU)
		m.seconds("canarylab_load_stall_seconds", "The longest time in which a load agent stood still.", g.Stall)
	}
}
