// Package reports has the document that a run leaves: what was set up and done, what was observed, and what
// that means. The way of the data is reports/trace (the record), reports/analysis (what the record says), this
// package (the document), and a package for each format. All of it is a pure function of what was recorded: a
// report can be made again from its files, without a cluster.
package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/canarylab/canarylab/internal/atomicfile"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/trace"
)

// Schema is the version of report.json. A change that a reader of the older form would misread raises it; one
// that it would only not see does not. schema/report.schema.json is its JSON Schema.
const Schema = 2

// The JSON Schema is made from the types here and their comments, and the runs in testdata are written with them.
//go:generate go test -run=TestJSONSchemaIsCurrent|TestRunsInTestdata -update .

// ReportFile is the report's name in a run's folder.
const ReportFile = "report.json"

// An Outcome is what became of one expectation, one phase or a whole run.
type Outcome string

// The outcomes, best first. A phase's outcome is the worst of its verdicts.
const (
	// Pass: what was claimed is what was seen.
	Pass Outcome = "pass"
	// Inconclusive: too little data, or the change never arrived.
	Inconclusive Outcome = "inconclusive"
	// Invalid: the measurement itself can't be trusted: not every request is accounted for, or the verdict rests on
	// what the machine did not hold, such as a load agent on time.
	Invalid Outcome = "invalid"
	// Fail: enough data, and they contradict the claim.
	Fail Outcome = "fail"
)

// outcomes are all, best first.
var outcomes = []Outcome{Pass, Inconclusive, Invalid, Fail}

// Worse returns the worse of two outcomes. An outcome that is none of the four counts as Invalid.
func (o Outcome) Worse(p Outcome) Outcome { return outcomes[max(o.rank(), p.rank())] }

func (o Outcome) rank() int {
	if i := slices.Index(outcomes, o); i >= 0 {
		return i
	}
	return slices.Index(outcomes, Invalid)
}

// A Verdict is one expectation held against one phase.
type Verdict struct {
	// Want and Saw are for people: "5 % of everyone answered by v2", "256 of 5,000 (5.1 %, 95 % interval 4.5 to 5.8)".
	Want    string  `json:"want"`
	Saw     string  `json:"saw"`
	Outcome Outcome `json:"outcome"`
	// Why says what an outcome other than Pass rests on.
	Why string `json:"why,omitempty"`
	// Void has what the verdict rests on and was shaken: such a verdict is Invalid, whatever was seen.
	Void []analysis.Basis `json:"void,omitempty"`
	// Proof marks what was looked at beside requests, such as endpoints or pods.
	Proof bool `json:"proof,omitempty"`
	// Kind names the sort of expectation or proof in kebab case, such as "share" or KindAnalysis. Empty in
	// older reports.
	Kind string `json:"kind,omitempty"`
	// Claim is the same in numbers, for an expectation about a share.
	Claim *Claim `json:"claim,omitempty"`
	// Cohort is whose requests a verdict of KindLands is about.
	Cohort string `json:"cohort,omitempty"`
}

// KindAnalysis is the Kind of a verdict on what istioctl analyze finds.
const KindAnalysis = "analysis"

// A Claim says which share of a cohort's requests should be of one kind, and which was.
type Claim struct {
	// Cohort is whose requests are meant, empty for all.
	Cohort string `json:"cohort,omitempty"`
	// Subject is a version, a status such as "503", or a status and flag such as "503 UH": a key of Counts.
	Subject string `json:"subject"`
	// Percent is what was claimed. Seen passes with a count from Low to High.
	Percent float64 `json:"percent"`
	// Bound tells that Percent or more, or Percent or less, was claimed. Empty is Percent itself.
	Bound Bound          `json:"bound,omitempty"`
	Seen  analysis.Share `json:"seen"`
	Low   int            `json:"low"`
	High  int            `json:"high"`
}

// A Bound says which shares a Claim allows beside its own.
type Bound string

// The bounds.
const (
	AtLeast Bound = "at least"
	AtMost  Bound = "at most"
)

// Asked is the claimed share for a table.
func (c Claim) Asked() string {
	sign := map[Bound]string{AtLeast: "≥ ", AtMost: "≤ "}[c.Bound]
	return sign + strconv.FormatFloat(c.Percent, 'f', -1, 64) + " %"
}

// A Report is a whole run.
type Report struct {
	Schema int `json:"schema"`
	// FailedFrom is the lowest status that counts as failed here; no answer always does. Reports without it were
	// written when that was 500: Load counts them anew.
	FailedFrom int `json:"failedFrom,omitempty"`
	// Scenario is the scenario's name, Title one sentence, Story a few.
	Scenario string `json:"scenario"`
	Title    string `json:"title"`
	Story    string `json:"story,omitempty"`
	// Run is the run's id, which its folder is named after.
	Run     string        `json:"run"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"tookNs"`
	Setup   Setup         `json:"setup"`
	// Rate says how the run came to the rate of its load. Nil in older reports.
	Rate *Rate `json:"rate,omitempty"`
	// BringUp is how the cluster came up. Empty where it was running already.
	BringUp    []Step              `json:"bringUp,omitempty"`
	Phases     []Phase             `json:"phases"`
	Accounting analysis.Accounting `json:"books"`
	// Timeline is of the whole run, nil without a request; Curves are by version, of the settled parts of all
	// phases. Reports of before these were kept have neither: OpenRun makes them from the trace.
	Timeline *analysis.Timeline `json:"timeline,omitempty"`
	Curves   []analysis.Curve   `json:"curves,omitempty"`
	// Cause says in plain words why the scenario goes as it does, Source where that is decided; See has
	// everyday commands that show it; Fix says how to get out of it, and Back how a rollback behaves.
	Cause  string   `json:"cause,omitempty"`
	Source string   `json:"source,omitempty"`
	See    []string `json:"see,omitempty"`
	Fix    string   `json:"fix,omitempty"`
	Back   string   `json:"back,omitempty"`
	// Outcome is set by Conclude.
	Outcome Outcome `json:"outcome"`
	// Broken says why the lab broke or who interrupted it. Empty where the run came to its end.
	Broken string   `json:"broken,omitempty"`
	Notes  []string `json:"notes,omitempty"`
	// Findings are those of the Notes that have a finding of istioctl analyze, word for word.
	Findings []string `json:"findings,omitempty"`
	// Files are what the run left, with paths relative to the report's folder.
	Files []File `json:"files,omitempty"`
	// Trace tells which trace the report was made from. Nil in older reports.
	Trace *trace.Digest `json:"trace,omitempty"`

	// older says, a sentence each, what of the report is another thing because its file is an older one.
	older []string
	// recounted tells that requests count as failed here that did not when the file was written.
	recounted bool
}

// A Setup is what two runs must share to be compared.
type Setup struct {
	// Provider is the sort of cluster, Why the reason that it was chosen, Cluster its name, Reused whether it was
	// running already.
	Provider string `json:"provider"`
	Why      string `json:"why,omitempty"`
	Cluster  string `json:"cluster"`
	Reused   bool   `json:"reused"`
	// Versions, without a leading v. Empty where not known.
	Kubernetes string `json:"kubernetes,omitempty"`
	Istio      string `json:"istio,omitempty"`
	Envoy      string `json:"envoy,omitempty"`
	Canarylab  string `json:"canarylab,omitempty"`
	// CPUs is how many the machine has for the cluster and everything else, Memory is in bytes.
	CPUs   int    `json:"cpus,omitempty"`
	Memory uint64 `json:"memoryBytes,omitempty"`
	Kernel string `json:"kernel,omitempty"`
	// About says what is particular about the cluster and its Istio, a sentence each: on another sort of
	// cluster it may differ.
	About []string `json:"about,omitempty"`
	// FromFolder tells that the scenario is none of the catalogue: it was read from a folder without Go.
	FromFolder bool `json:"fromFolder,omitempty"`
	// API is that of the routes where the scenario was played by its twin's: gateway, for the Gateway API.
	API string `json:"api,omitempty"`
	// Load is the plan that the requests were sent by.
	Load loadgen.Plan `json:"load"`
}

// A Step is one finished step of a bring-up. Start is counted from the beginning of the bring-up; steps may overlap.
type Step struct {
	Name  string        `json:"name"`
	Start time.Duration `json:"startNs"`
	Took  time.Duration `json:"tookNs"`
}

// A Phase is what was done in a phase, what was seen, and what that means.
type Phase struct {
	Name string `json:"name"`
	// Did says what was changed, such as "kubectl apply -f 2-canary.yaml". Empty where nothing was.
	Did string `json:"did,omitempty"`
	// Action is the same as data, nil where nothing was changed.
	Action      *Action              `json:"action,omitempty"`
	Observation analysis.Observation `json:"observation"`
	Verdicts    []Verdict            `json:"verdicts"`
	// Breaks marks the change that the story is about, Fixes the one that mends it, Point the phase whose first
	// claim is what the story comes to, and Repeat a phase that does once more what another one did.
	Breaks bool `json:"breaks,omitempty"`
	Fixes  bool `json:"fixes,omitempty"`
	Point  bool `json:"point,omitempty"`
	Repeat bool `json:"repeat,omitempty"`
	// Routing is set for a phase that tests somebody's own routing rules.
	Routing *Routing `json:"routing,omitempty"`
}

// Outcome is the worst of the phase's verdicts. A phase that claims nothing can't fail: it passes.
func (p Phase) Outcome() Outcome {
	worst := Pass
	for _, v := range p.Verdicts {
		worst = worst.Worse(v.Outcome)
	}
	return worst
}

// A File is something that the run left in its folder.
type File struct {
	Path string `json:"path"`
	// What says in a few words what is in it.
	What string `json:"what,omitempty"`
}

// Conclude sets and returns Outcome:
//
//   - Invalid where not all requests are accounted for, whatever the verdicts are: they rest on the same numbers,
//   - Invalid where any verdict is: it rests on what the machine did not hold (see analysis.Basis),
//   - else the worst of all verdicts,
//   - but never Pass for a run that broke, was troubled by something that no step called for, has no verdict or has no
//     request: that is Inconclusive.
func (r *Report) Conclude() Outcome {
	verdicts, invalid := 0, false
	worst := Pass
	for _, p := range r.Phases {
		verdicts += len(p.Verdicts)
		worst = worst.Worse(p.Outcome())
		invalid = invalid || slices.ContainsFunc(p.Verdicts, func(v Verdict) bool { return v.Outcome == Invalid })
	}
	if r.Broken != "" || verdicts == 0 || r.Accounting.Requests == 0 || len(r.Accounting.Troubles) > 0 {
		worst = worst.Worse(Inconclusive)
	}
	if invalid || !r.Accounting.Balanced() {
		worst = Invalid
	}
	r.Outcome = worst
	return worst
}

// Void tells whether the run is Invalid and that is the machine's doing alone: played again, it may do better. It is
// not where a verdict is Fail all the same, as that one rests on nothing that the machine did not hold.
func (r *Report) Void() bool {
	failed := slices.ContainsFunc(r.Phases, func(p Phase) bool { return p.Outcome() == Fail })
	return r.Outcome == Invalid && r.Accounting.Void() && (!failed || !r.Accounting.Balanced())
}

// Save writes report.json into dir, which must exist. A reader sees the old file or the new one, never a part.
// Save sets r.Schema and r.FailedFrom.
func (r *Report) Save(dir string) error {
	if err := atomicfile.WriteFile(filepath.Join(dir, ReportFile), 0o644, r.WriteJSON); err != nil {
		return fmt.Errorf("save report in %s: %w", dir, err)
	}
	return nil
}

// WriteJSON writes what report.json has. It sets r.Schema and r.FailedFrom.
func (r *Report) WriteJSON(w io.Writer) error {
	r.Schema, r.FailedFrom = Schema, loadgen.FailedFrom
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(compactNumbers(b), '\n'))
	return err
}

// numbers is a list of numbers alone, as MarshalIndent prints it. A quoted text can't look so: its line breaks
// are escaped.
var numbers = regexp.MustCompile(`\[\n\s*-?[0-9.eE+-]+(,\n\s*-?[0-9.eE+-]+)*\n\s*\]`)

// compactNumbers puts each list of numbers on one line: those of a Timeline have thousands.
func compactNumbers(indented []byte) []byte {
	return numbers.ReplaceAllFunc(indented, func(list []byte) []byte { return bytes.Join(bytes.Fields(list), nil) })
}
