package harness

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
)

// A journal notes what happens beside the load: which change was made when, what became of pods, what istiod
// says of itself, which log streams ended. It separates what a step of the scenario causes from trouble, and
// assigns each event to a phase. It is safe for concurrent use.
type journal struct {
	rec  *recorder
	pods *podTracker

	mu    sync.Mutex
	notes []string
	// changes are the changes of the run so far. While podsMove, the last of them may make pods come and go.
	changes  []change
	podsMove bool
	// istiodAway tells that a step took istiod away.
	istiodAway bool
	// logCuts are the log streams that ended.
	logCuts []logCut
}

// A change is that of a phase, since it began to be written.
type change struct {
	phase string
	since time.Time
}

// A logCut is the end of one proxy's access log stream.
type logCut struct {
	proxy, why string
	at         time.Time
}

func newJournal(rec *recorder, pods *podTracker) *journal { return &journal{rec: rec, pods: pods} }

// note adds a sentence to the report's notes, once.
func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := fmt.Sprintf(format, args...); !slices.Contains(j.notes, n) {
		j.notes = append(j.notes, n)
		j.rec.event(trace.Event{Kind: trace.Note, Text: n})
	}
}

// allNotes returns the notes so far.
func (j *journal) allNotes() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.notes)
}

// beginChange says that a phase's change begins, and what it concerns.
func (j *journal) beginChange(phase string, at time.Time, e effects) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changes = append(j.changes, change{phase, at})
	j.podsMove, j.istiodAway = e.Workloads, j.istiodAway || e.ownIstio()
}

// istiodIsBack says that a step has brought istiod back.
func (j *journal) istiodIsBack() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.istiodAway = false
}

// phaseAt returns the phase whose change was the last at a moment, empty before the first.
func (j *journal) phaseAt(at time.Time) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	phase := ""
	for _, c := range j.changes {
		if !at.Before(c.since) {
			phase = c.phase
		}
	}
	return phase
}

// event records an event that belongs to the phase of its moment.
func (j *journal) event(e trace.Event) {
	e.Phase = j.phaseAt(e.At)
	j.rec.event(e)
}

// trouble records what happened to the lab that no step of the scenario calls for.
func (j *journal) trouble(at time.Time, text string) {
	j.event(trace.Event{At: at, Kind: trace.Trouble, Text: text})
}

// onPodEvent takes what was seen of a pod.
func (j *journal) onPodEvent(e environment.PodEvent) {
	j.mu.Lock()
	expected := j.podsMove
	j.mu.Unlock()
	pod, leaves := j.pods.track(e)
	j.rec.pods([]trace.Pod{pod})
	if e.Trouble != "" {
		j.trouble(time.Now(), e.Trouble)
	}
	if leaves && !expected {
		j.trouble(time.Now(), fmt.Sprintf("pod %s was taken away, and not by a step of the scenario", pod.Name))
	}
}

// onControlPlane takes an event from istiod, which does not know about phases. It leaves out what is of the
// deployment, and what a step did to istiod.
func (j *journal) onControlPlane(e trace.Event) {
	j.mu.Lock()
	away := j.istiodAway
	j.mu.Unlock()
	if e.Kind == trace.Trouble && !away || e.Kind != trace.Trouble && j.phaseAt(e.At) != "" {
		j.event(e)
	}
}

// onLogCut takes the end of a proxy's log stream. Whether it is trouble shows when it is known whether the
// proxy's pod ended then too: see judgeLogCuts.
func (j *journal) onLogCut(proxy string, at time.Time, why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.logCuts = append(j.logCuts, logCut{proxy, why, at})
}

// judgeLogCuts records as trouble each log stream that ended although its pod did not.
func (j *journal) judgeLogCuts() {
	j.mu.Lock()
	cuts := slices.Clone(j.logCuts)
	j.mu.Unlock()
	for _, c := range cuts {
		if !j.pods.left(c.proxy) {
			j.trouble(c.at, fmt.Sprintf("the access log stream of %s was cut: %s", c.proxy, c.why))
		}
	}
}
