package training

import (
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// The stretches of time that the judge looks at, and how much has to be in them. At the rates of the missions, 210 to
// 700 requests a second, a verdict takes 2 s for a failure, and some 7 s for its absence.
const (
	// soon and later are the windows in which failures are looked for: many show in the first, few in the second.
	soon  = 2 * time.Second
	later = 6 * time.Second
	// stale is how long it may be that no request is known. The longest wait for a log entry is lateWithin.
	stale = lateWithin + 2*time.Second
	// leastFew is what soon has to hold before anything is said.
	leastFew = 100
	// leastClean and leastCohort are how many requests, of all callers and of each cohort, none of which failed, say
	// that nobody is hurt. If 1 % failed, there would be no failure among 1,000 once in 23,000 times, and if 4 % of a
	// cohort's did, none among 250 as rarely.
	leastClean  = 1000
	leastCohort = 250
	// stray is the share of failures that says nothing yet. Nothing fails in a mesh that is well.
	stray = 0.003
)

// clean are the windows in which no request may have failed before anybody is called safe or mended. A share of 10 % is
// certain in the first, one of 50 % takes the second or the third.
var clean = []time.Duration{6 * time.Second, 9 * time.Second, 12 * time.Second, 18 * time.Second}

// keep is how long the judge keeps what was sent.
const keep = 20 * time.Second

// A Judge says what the traffic says, at any time, of what was sent in the last seconds. It is a function of what it is
// given. It is not safe for concurrent use.
//
// Each verdict but Unsure is certain, to about one in a million looks for a failure and one in ten thousand for a
// share: what is not yet certain is Unsure. Nothing is Mended that was not Broken before, and nothing that no proxy
// logs.
type Judge struct {
	goal  Goal
	slots slots
	// known is when the last request of each cohort was sent up to which none is missing.
	known map[string]time.Time
	// armed is when the first request failed as the break has it, once that was certain; zero before.
	armed time.Time
	// first is when a request first failed as the break has it, failed when the last one was sent that failed at all. A
	// request that is misrouted counts as one that failed (Goal.judged).
	first, failed time.Time
	// wrong and right are when the last of the callers were sent that a break deprives of the canary: of those who got
	// another version, and of those who got it.
	wrong, right time.Time
}

// NewJudge makes a Judge of a goal.
func NewJudge(g Goal) *Judge { return &Judge{goal: g, slots: slots{}, known: map[string]time.Time{}} }

// Add takes an answer, and returns it as it is counted: a misrouted one has a Kind. Those of one cohort come in the
// order in which they were sent, without a gap.
func (j *Judge) Add(a Answer) Answer {
	a = j.goal.judged(a)
	j.slots.add(&a)
	j.known[a.Cohort] = a.Sent
	b := j.goal.Break
	deprived := j.goal.deprives() && b.about(a.Cohort)
	switch {
	case deprived && a.Kind == b.Kind:
		j.wrong = a.Sent
	case deprived && a.Kind == "":
		j.right = a.Sent
	case a.Kind != "" && a.Sent.After(j.failed):
		j.failed = a.Sent
	}
	if a.Kind == b.Kind && (j.first.IsZero() || a.Sent.Before(j.first)) {
		j.first = a.Sent
	}
	return a
}

// hurtAt is when the last request was sent that hurt its caller. Callers who are deprived of the canary are hurt as
// long as some get it and others do not: it ends with the last of whichever of both come to an end, be it mended or
// rolled back.
func (j *Judge) hurtAt() time.Time {
	split := j.wrong
	if j.right.Before(split) {
		split = j.right
	}
	if split.After(j.failed) {
		return split
	}
	return j.failed
}

// before is what was sent in some time that ends by a moment. Where none of the callers who are deprived of the canary
// gets it any more, it was rolled back, and they are not hurt.
func (j *Judge) before(at time.Time, over time.Duration) window {
	w := j.slots.before(at, over)
	if !j.goal.deprives() {
		return w
	}
	for _, c := range j.goal.Callers {
		if b := j.goal.Break; b.about(c.Name) && w.of(c.Name).versions[j.goal.Canary] == 0 {
			w.pardon(c.Name, b.Kind)
		}
	}
	return w
}

// upTo is the moment up to which every request is known, zero where there is none.
func (j *Judge) upTo() time.Time {
	var at time.Time
	for _, c := range j.goal.Callers {
		known := j.known[c.Name]
		if known.IsZero() {
			return known
		}
		if at.IsZero() || known.Before(at) {
			at = known
		}
	}
	return at
}

// Armed tells since when the break is seen, zero where it was not yet.
func (j *Judge) Armed() time.Time { return j.armed }

// Look judges by what is known at now.
func (j *Judge) Look(now time.Time) State {
	at := j.upTo()
	if at.IsZero() || now.Sub(at) > stale {
		return j.silent(at, now)
	}
	j.slots.forget(at.Add(-keep))
	last := j.before(at, soon)
	if last.all.sent < leastFew {
		return j.state(Unsure, at, &last, "only %s requests were sent in the last %s: it takes %d",
			format.Number(last.all.sent), seconds(soon), leastFew)
	}
	for _, over := range []time.Duration{soon, later} {
		w := j.before(at, over)
		if last.all.failed > 0 && len(j.hurtCohorts(&w, &last)) > 0 {
			return j.hurt(at, &w, &last)
		}
	}
	return j.unhurt(at)
}

// silent is the state where no requests are known.
func (j *Judge) silent(at, now time.Time) State {
	text := "no request is known yet"
	if !at.IsZero() {
		text = fmt.Sprintf("for %s no request is known to have come to its end: there is no load, it waits for "+
			"answers, or what is recorded of it comes late, as on a busy machine",
			format.Short(now.Sub(at)))
	}
	return State{At: at, Verdict: Unsure, Text: text}
}

// state is a verdict on a window.
func (j *Judge) state(v Verdict, at time.Time, w *window, text string, args ...any) State {
	s := State{
		At: at, From: at.Add(-w.over), Verdict: v, Text: fmt.Sprintf(text, args...), Requests: w.all.sent,
		Failed: w.all.failed, Kinds: w.all.sortedKinds(),
	}
	for _, a := range j.goal.Asked {
		c := w.of(a.Cohort)
		s.Shares = append(s.Shares, Seen{a, c.versions[a.Version], c.sent})
	}
	return s
}

// hurtCohorts are those with failures for certain in w, and with some still in the last of it. The empty one stands for
// all together, where none alone is certain.
func (j *Judge) hurtCohorts(w, last *window) (all []string) {
	for _, c := range j.goal.Callers {
		if n := w.of(c.Name); last.of(c.Name).failed > 0 && above(n.failed, n.sent, stray) {
			all = append(all, c.Name)
		}
	}
	if len(all) == 0 && above(w.all.failed, w.all.sent, stray) {
		all = append(all, "")
	}
	return all
}

// hurt is the state where callers are certainly hurt in w.
func (j *Judge) hurt(at time.Time, w, last *window) State {
	b := j.goal.Break
	if c := w.of(b.Cohort); j.armed.IsZero() && above(c.kinds[b.Kind], c.sent, stray) {
		j.armed = j.first
	}
	what := j.harm(w, at)
	if j.armed.IsZero() {
		return j.state(Another, at, w, "%s, which is not what was to break", what)
	}
	for _, cohort := range j.hurtCohorts(w, last) {
		if b.Cohort != "" && cohort != "" && cohort != b.Cohort {
			return j.state(Worse, at, w, "%s: now those of %s %s too", what, cohort, meets(w.of(cohort).sortedKinds()))
		}
	}
	// A break may have 1.5 times its share by chance, or by what the load does to an app.
	most := min(b.Percent+max(b.Percent/2, 5), (100+b.Percent)/2) / 100
	if j.goal.deprives() {
		most = 1 // a rollback on its way is no harm
	}
	longer := j.before(at, later)
	moved := j.moved(w, &longer)
	if above(w.all.failed, w.all.sent, most) {
		return j.state(Worse, at, w, "%s, and by the break it was some %.0f %%%s", what, b.Percent, moved)
	}
	if moved != "" {
		return j.state(Another, at, w, "%s%s", what, moved)
	}
	return j.state(Broken, at, w, "%s", what)
}

// moved says in which other way requests fail for certain than by the break, empty where they do in none. What few
// requests meet is certain only in a longer window.
func (j *Judge) moved(w, longer *window) string {
	kind := j.goal.Break.Kind
	var others []Kind
	for _, k := range w.all.sortedKinds() {
		certain := above(k.Count, w.all.sent, stray) || above(longer.all.kinds[k.Name], longer.all.sent, stray)
		if k.Name != kind && certain {
			others = append(others, k)
		}
	}
	switch {
	case len(others) == 0:
		return ""
	case j.goal.Break.Misroutes:
		return fmt.Sprintf(": by the break they %s", meets([]Kind{{Name: kind}}))
	case w.all.kinds[kind] == 0:
		return fmt.Sprintf(": the errors moved from %s to %s", kind, names(others))
	}
	return fmt.Sprintf(": besides %s there is now %s", kind, names(others))
}

// unhurt is the state where no failure is certain.
func (j *Judge) unhurt(at time.Time) State {
	w := j.before(at, clean[0])
	open := j.state(Unsure, at, &w, "%s", j.lacks(&w, at))
	if w.all.failed > 0 {
		return open
	}
	for _, over := range clean {
		longer := j.before(at, over)
		if j.lacks(&longer, at) != "" {
			continue // too few for now, or a failure long ago
		}
		s := j.shares(at, &longer)
		s.CleanSince = j.hurtAt()
		if s.Verdict != Unsure {
			return s
		}
		open = s
	}
	return open
}

// harm says what callers met in a window, and when the last of it was sent. The share is one of the whole window: just
// after a break most of that was well, and just after a fix most of it was not.
func (j *Judge) harm(w *window, at time.Time) string {
	return fmt.Sprintf("in the last %s %s of all requests %s, the last one %s", seconds(w.over),
		share(w.all.failed, w.all.sent), met(w.all.sortedKinds()), ago(at.Sub(j.hurtAt())))
}

// stillHurt is what to say of a window with failures that are too few, or too long ago, for a verdict: first what is,
// then what it takes.
func (j *Judge) stillHurt(w *window, at time.Time) string {
	fails, failed := "requests fail", "failed"
	if j.goal.Break.Misroutes {
		fails, failed = "requests fail or are misrouted", "failed or been misrouted"
	}
	if d := at.Sub(j.hurtAt()); d > soon {
		fails = fmt.Sprintf("no request has %s for %.1f s", failed, d.Seconds())
	}
	return fmt.Sprintf("%s: %s. Callers count as safe once no request of %s has %s", fails, j.harm(w, at),
		seconds(clean[0]), failed)
}

// ago says how long ago something was, to the tenth of a second.
func ago(d time.Duration) string {
	if d < 50*time.Millisecond {
		return "just now"
	}
	return fmt.Sprintf("%.1f s ago", d.Seconds())
}

// seconds writes a window's length.
func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// lacks says what a window lacks to show that nobody is hurt. It is empty where that is shown.
func (j *Judge) lacks(w *window, at time.Time) string {
	if w.all.failed > 0 {
		return j.stillHurt(w, at)
	}
	if w.all.sent < leastClean {
		return fmt.Sprintf("%s requests in %s are too few: it takes %s", format.Number(w.all.sent), seconds(w.over),
			format.Number(leastClean))
	}
	for _, c := range j.goal.Callers {
		n := w.of(c.Name)
		if n.sent < leastCohort {
			return fmt.Sprintf("%s requests of %s in %s are too few: it takes %d", format.Number(n.sent), c.Name,
				seconds(w.over), leastCohort)
		}
		if lost := n.sent - n.logged; c.Routed && above(lost, n.sent, stray) {
			return fmt.Sprintf("the proxies that route them logged nothing of %s of %s requests of %s: they go around "+
				"the mesh, or the log does not arrive", format.Number(lost), format.Number(n.sent), c.Name)
		}
	}
	return ""
}

// shares judges a window in which nobody is hurt by the shares that are asked for.
func (j *Judge) shares(at time.Time, w *window) State {
	var off, open, right []string
	for _, a := range j.goal.Asked {
		c := w.of(a.Cohort)
		count := c.versions[a.Version]
		what := fmt.Sprintf("%s has %s of %s, asked are %g %%", a.Version, share(count, c.sent), whose(a.Cohort),
			a.Percent)
		switch {
		case isOff(count, c.sent, a.Percent):
			off = append(off, what)
		case isRight(count, c.sent, a.Percent):
			right = append(right, what)
		default:
			open = append(open, what)
		}
	}
	verdict, text := Mended, "no request fails, and "+strings.Join(right, "; ")
	switch {
	case len(off) > 0:
		verdict, text = Safe, "no request fails, and "+strings.Join(off, "; ")
		if j.armed.IsZero() {
			verdict = Unsure // it was never well
		}
	case len(open) > 0:
		verdict = Unsure
		text = "no request fails, and " + strings.Join(open, "; ") +
			": it takes more requests to be certain that this is near enough"
	case j.armed.IsZero():
		verdict = Healthy
	}
	return j.state(verdict, at, w, "%s", text)
}
