package training

import (
	"fmt"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/trace"
)

// follow feeds lines to a follower, and returns what it makes of them.
func follow(lines ...trace.Line) (all []Answer) {
	plan := loadgen.Plan{Cohorts: []loadgen.Cohort{
		{Name: "everyone", Rate: 500}, {Name: "plain", Entry: loadgen.Plain},
	}}
	f := newFollower(plan, func(a Answer) { all = append(all, a) })
	f.line(trace.Line{Agent: &loadgen.Begin{Run: "run"}})
	f.line(trace.Line{Pod: &trace.Pod{Name: "v1-pod", IP: "10.0.0.1", Sidecar: true}})
	for _, l := range lines {
		f.line(l)
	}
	return all
}

func sample(cohort string, seq uint64, code int, version string) trace.Line {
	at := began.Add(time.Duration(seq) * 2 * time.Millisecond)
	return trace.Line{Sample: &loadgen.Sample{
		Cohort: cohort, Seq: seq, ID: fmt.Sprintf("run-%s-%d", cohort, seq), Sent: at, Done: at.Add(time.Millisecond),
		Code: code, Version: version,
	}}
}

func entry(id string, flags ...string) trace.Line {
	return trace.Line{Log: &trace.LogEntry{ID: id, Start: began, Flags: flags, Attempts: 1}}
}

// What failed is known by its flags, also where the log comes first, and counts for no version.
func TestAnswersHaveTheirFlags(t *testing.T) {
	all := follow(
		entry("run-everyone-0", "UH"), sample("everyone", 0, 503, ""),
		sample("everyone", 1, 200, "v1"), entry("run-everyone-1"),
		sample("everyone", 2, 503, "v2"), entry("run-everyone-2", "URX", "UF"),
	)
	want := []Answer{
		{Sent: began, Cohort: "everyone", Kind: "503 UH", Logged: true},
		{Sent: began.Add(2 * time.Millisecond), Cohort: "everyone", Version: "v1", Logged: true},
		{Sent: began.Add(4 * time.Millisecond), Cohort: "everyone", Kind: "503 UF,URX", Logged: true},
	}
	if fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("got\n%+v, want\n%+v", all, want)
	}
}

// On a busy machine the log comes seconds after the answer. What failed is then no failure of another sort.
func TestALateLogIsAwaited(t *testing.T) {
	lines := []trace.Line{sample("everyone", 0, 503, "")}
	for seq := uint64(1); seq < 1800; seq++ { // 3.6 s
		lines = append(lines, sample("everyone", seq, 503, ""))
	}
	for seq := range 1800 {
		lines = append(lines, entry(fmt.Sprintf("run-everyone-%d", seq), "UH"))
	}
	all := follow(lines...)
	if len(all) != 1800 {
		t.Fatalf("got %d answers, want 1,800", len(all))
	}
	for i, a := range all {
		if a.Kind != "503 UH" {
			t.Fatalf("request %d: got %q, want 503 UH", i, a.Kind)
		}
	}
}

// A request that is under way may fail yet: those sent later wait for it. Other cohorts do not.
func TestAnswersComeInTheOrderOfSending(t *testing.T) {
	lines := []trace.Line{
		sample("everyone", 1, 200, "v1"), entry("run-everyone-1"),
		sample("everyone", 2, 200, "v1"), entry("run-everyone-2"),
		{Log: &trace.LogEntry{ID: "run-plain-0", Side: trace.ServerSide, Start: began}}, sample("plain", 0, 200, "v2"),
	}
	if all := follow(lines...); len(all) != 1 || all[0].Cohort != "plain" || all[0].Logged {
		t.Errorf("got %+v, want only that of the other cohort, which no proxy routed", all)
	}
	lines = append(lines, sample("everyone", 0, 504, ""), entry("run-everyone-0", "UT"))
	if all := follow(lines...); len(all) != 4 || all[1].Kind != "504 UT" || !all[1].Sent.Equal(began) {
		t.Errorf("got %+v, want all of them, and the late one first", all)
	}
}

// What a learner sends by hand is in the proxies' logs too, and is none of the load's.
func TestOthersRequestsAreLeftOut(t *testing.T) {
	all := follow(entry("somebody-else", "UH"), sample("everyone", 0, 200, "v1"), entry("run-everyone-0"))
	if len(all) != 1 || all[0].Kind != "" {
		t.Errorf("got %+v, want the one of the load", all)
	}
}
