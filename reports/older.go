package reports

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
)

// fromWords fills in the fields that older reports lack, from what those reports say in words: the phases'
// Action, the Kind of verdicts on istioctl analyze, the Findings, and which problems are the machine's. It
// leaves fields as they are that are there.
func fromWords(r *Report) {
	for i := range r.Phases {
		p := &r.Phases[i]
		if p.Action == nil && p.Did != "" {
			p.Action = actionOf(p.Did)
		}
		for j := range p.Verdicts {
			if v := &p.Verdicts[j]; v.Kind == "" && v.Proof && strings.HasPrefix(v.Want, "istioctl analyze finds") {
				v.Kind = KindAnalysis
			}
		}
	}
	if r.Findings == nil {
		for _, note := range r.Notes {
			if strings.HasPrefix(note, "istioctl analyze") {
				r.Findings = append(r.Findings, note)
			}
		}
	}
	for i := range r.Accounting.Problems {
		p := &r.Accounting.Problems[i]
		if text, ok := strings.CutPrefix(p.Text, "void: "); ok {
			p.Void, p.Text = true, text
		}
	}
}

// actions are how the sentences begin that steps were told in. file tells that a scenario's file comes next.
var actions = []struct {
	words  string
	action Action
	file   bool
}{
	{"kubectl apply -f ", Action{Kind: "apply"}, true},
	{"kubectl delete -f ", Action{Kind: "delete", Deletes: true}, true},
	{"kubectl apply the VirtualService of ", Action{Kind: "revert", Only: []string{"VirtualService"}}, true},
	{"kubectl scale deployment istiod --replicas=0", Action{Kind: "stop-istiod"}, false},
	{"kubectl scale deployment istiod to ", Action{Kind: "start-istiod"}, false},
	{"kubectl scale deployment ", Action{Kind: "scale"}, false},
	{"kubectl rollout undo ", Action{Kind: "undo"}, false},
	{"kubectl rollout restart ", Action{Kind: "restart"}, false},
	{"inject ", Action{Kind: "inject"}, false},
	{"heal ", Action{Kind: "inject"}, false},
}

// actionOf reads a step's sentence.
func actionOf(did string) *Action {
	var a Action
	step, skipped := strings.CutPrefix(did, "nothing, instead of: ")
	for _, known := range actions {
		if rest, ok := strings.CutPrefix(step, known.words); ok {
			a = known.action
			if all := strings.Fields(rest); known.file && len(all) > 0 {
				a.File = all[0]
			}
			break
		}
	}
	a.Brief, a.Skipped = brief(did), skipped
	return &a
}

// shorter takes away what a row of a table has no room for.
var shorter = strings.NewReplacer(
	"kubectl ", "", "apply -f ", "apply ", "delete -f ", "delete ", ".yaml", "", "the VirtualService of ", "route of ",
	"deployment ", "", "--replicas=", "to ", `"`, "", "every pod of ", "",
)

var (
	// faults matches what is injected; unset matches those faults that the injection leaves at zero, and the
	// status of the others.
	faults = regexp.MustCompile(`\{[^{}]*\}`)
	unset  = regexp.MustCompile(`^"(\w+":(0|"0s"|""|false)|errorCode":\d+)$`)
)

// brief is a step's sentence in few words.
func brief(did string) string {
	return shorter.Replace(faults.ReplaceAllStringFunc(did, func(all string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(strings.Trim(all, "{}"), ","), unset.MatchString), ",")
	}))
}

// These are the parts of schema 1 that are other words today.
type (
	report1 struct {
		Phases []struct {
			Observation struct {
				Rollback *rollback1 `json:"rollback"`
			} `json:"observation"`
		} `json:"phases"`
		Accounting struct {
			Rows   *json.RawMessage `json:"rows"`
			Logged int              `json:"logged"`
		} `json:"books"`
	}
	// A rollback1 has no bracket. Its bound comes from a model of the gaps between requests: 95 % and
	// one-sided, for requests that come by chance.
	rollback1 struct {
		Bound *time.Duration `json:"boundNs"`
	}
)

// fromSchema1 brings a report of schema 1 into today's form: b is the file, r what today's types found in it. It leaves
// out what the file does not have, and says so in the notes.
func fromSchema1(r *Report, b []byte) error {
	var old report1
	if err := json.Unmarshal(b, &old); err != nil {
		return fmt.Errorf("it does not keep to schema 1: %w", err)
	}
	var notes []string
	note := func(text string, args ...any) { notes = append(notes, fmt.Sprintf(text, args...)) }
	note("This report was written in %s, and is shown in the form of schema %d. Its verdicts are those of then.",
		format.Join(" by canarylab ", "schema 1", r.Setup.Canarylab), Schema)
	for i := range old.Phases {
		was, o := old.Phases[i].Observation.Rollback, &r.Phases[i].Observation
		if was == nil || was.Bound == nil {
			continue
		}
		// Without a bracket it would read as one that never closed.
		if b := o.Rollback; b.Known() {
			note("Phase %s: the last affected request was sent %s after the write was accepted, and done after %s; it "+
				"cost %s. Schema 1 has no bracket of the switch: it bounds it by %s, at 95 %% and only if requests "+
				"came at random.", r.Phases[i].Name, format.Short(b.Route), format.Short(b.Drain), b.Cost(),
				format.Short(*was.Bound))
		} else {
			note("Phase %s: %s.", r.Phases[i].Name, b)
		}
		o.Rollback = nil
	}
	if old.Accounting.Rows == nil {
		note("Its accounting knows the caller, the caller's proxy (which logged %s) and the app as a whole; it has no "+
			"rows by phase and hop, nothing about the load agent itself, and no list of troubles.",
			format.Plural(old.Accounting.Logged, "request", "requests"))
	}
	bare := false
	for i := range r.Phases {
		o := &r.Phases[i].Observation
		for _, w := range []*analysis.Window{&o.Settled, &o.Transition} {
			bare = locate(w.Total.Failures) || bare
			for _, c := range w.Cohorts {
				locate(c.Failures)
			}
		}
	}
	if bare {
		note("Its failures are told by the flag that the caller's proxy logged; where those arose that came from " +
			"behind that proxy, it does not say. Shares were not looked at for whether they kept still.")
	}
	r.Notes = append(notes, r.Notes...)
	r.older = append(r.older, fmt.Sprintf("%s was written in schema 1, by a canarylab of before schema %d: its notes "+
		"say what it lacks.", ReportFile, Schema))
	return nil
}

// behind is the hop of a failure that came from the pod, where nobody says whether from its proxy or from the app.
const behind analysis.Hop = "pod"

// locate gives failures of schema 1 the hop that their flag tells, and reports whether any lacked it.
func locate(failures []analysis.Failure) bool {
	lacked := false
	for i := range failures {
		f := &failures[i]
		if f.Hop != "" {
			continue
		}
		lacked = true
		f.Origin, f.Cause = f.Flag, analysis.Meaning(f.Flag)
		switch f.Flag {
		case analysis.NoFlag:
			f.Hop = behind
		case analysis.NotLogged:
			f.Hop = analysis.CallerHop
		default:
			f.Hop = analysis.ClientHop
		}
	}
	return lacked
}

// recount counts the failed requests of a report anew that was written when a status of 400 to 499 was none of them.
// Statuses are in every report. What was timed by such requests can't be made again from it: rollbacks and decisions
// that saw any are told in the notes, and left out. Where no request has such a status, nothing differs.
func recount(r *Report) {
	more := 0
	var timed []string
	before := 0
	for i := range r.Phases {
		o := &r.Phases[i].Observation
		here := recountWindow(&o.Transition) + recountWindow(&o.Settled)
		more += here
		if b := o.Rollback; b != nil && here+before > 0 {
			timed = append(timed, fmt.Sprintf("Phase %s: without them, its rollback was: %s; it cost %s.",
				r.Phases[i].Name, b, b.Cost()))
			o.Rollback = nil
		}
		if d := o.Detection; d != nil && here > 0 {
			timed = append(timed, fmt.Sprintf("Phase %s: without them, the canary was found %s.", r.Phases[i].Name, d))
			o.Detection = nil
		}
		before = here
	}
	if more == 0 {
		return
	}
	note := fmt.Sprintf("%s was written when an answer with a status of 400 to 499 did not count as failed. %s here, "+
		"counted anew from the statuses.", ReportFile, format.Plural(more, "such answer does", "such answers do"))
	if len(timed) > 0 {
		note += " Rollbacks and decisions that met any can't be timed anew; the notes have what was said then."
	}
	r.older, r.recounted = append(r.older, note), true
	r.Notes = append(append([]string{note}, timed...), r.Notes...)
}

// Recounted tells that the report's file was written when fewer requests counted as failed, and that some were counted
// anew: Run.Problems says it in words.
func (r *Report) Recounted() bool { return r.recounted }

// recountWindow counts the failed requests of a window anew, and returns by how many they are more.
func recountWindow(w *analysis.Window) int {
	more := recountOf(&w.Total)
	for name, c := range w.Cohorts {
		recountOf(&c)
		w.Cohorts[name] = c
	}
	return more
}

func recountOf(c *analysis.Counts) int {
	failed := 0
	for code, n := range c.Codes {
		if loadgen.Failed(code) {
			failed += n
		}
	}
	more := failed - c.Failed.Count
	// A damaged report may have any numbers.
	if more <= 0 || failed > c.Requests {
		return 0
	}
	c.Failed = analysis.NewShare(failed, c.Requests)
	return more
}
