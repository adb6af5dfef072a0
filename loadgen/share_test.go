package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// sent runs a plan against a server and returns when each request was due, by its id, counted from the begin.
func sent(t *testing.T, p Plan) map[string]time.Duration {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	p.URL = server.URL
	var out bytes.Buffer
	if err := runPlan(context.Background(), p, "pod", Orders{}, &out); err != nil {
		t.Fatal(err)
	}
	due := map[string]time.Duration{}
	var begin Begin
	if _, err := Decode(&out, Handler{
		Begin: func(b Begin) { begin = b },
		Samples: func(all []Sample) {
			for _, s := range all {
				due[fmt.Sprint(s.Cohort, s.Seq, s.ID)] = s.Due.Sub(begin.Start)
			}
		},
	}); err != nil {
		t.Fatal(err)
	}
	if !p.Start.IsZero() && !begin.Start.Equal(p.Start) {
		t.Errorf("got a begin at %s, want the plan's start %s", begin.Start, p.Start)
	}
	return due
}

// Any number of agents send together what one would have sent, each request at the same moment.
func TestAgentsTogetherSendWhatOneWould(t *testing.T) {
	constant := Plan{Run: "r", Duration: 300 * time.Millisecond, Cohorts: []Cohort{
		{Name: "a", Rate: 200}, {Name: "b", Rate: 70},
	}}
	shaped := Plan{
		Run: "r", Duration: 300 * time.Millisecond, Rate: 300,
		Shape:   &Shape{Ramp: &Ramp{From: 0.2, To: 2, Over: 300 * time.Millisecond}},
		Cohorts: []Cohort{{Name: "a", Weight: 3}, {Name: "b", Weight: 1}},
	}
	for name, plan := range map[string]Plan{"constant": constant, "ramp": shaped} {
		want := sent(t, plan)
		if len(want) < 60 {
			t.Fatalf("%s: one agent sent %d requests, want more", name, len(want))
		}
		for _, agents := range []int{1, 2, 3, 5} {
			got := map[string]time.Duration{}
			for agent := range agents {
				p := plan
				// A start that has passed is refused, and a busy machine may take some time until the agent looks.
				p.Agents, p.Agent, p.Start = agents, agent, time.Now().Add(200*time.Millisecond).Round(0)
				for id, due := range sent(t, p) {
					if _, twice := got[id]; twice {
						t.Errorf("%s: %d agents: %s was sent twice", name, agents, id)
					}
					got[id] = due
				}
			}
			if !maps.Equal(got, want) {
				t.Errorf("%s: %d agents sent %d requests, and one sends %d, or others, or at another time", name,
					agents, len(got), len(want))
			}
		}
	}
}

func TestStartHasToLieAhead(t *testing.T) {
	p := Plan{Run: "r", URL: "http://127.0.0.1:1/", Duration: time.Second, Cohorts: []Cohort{{Name: "a", Rate: 1}}}
	for _, lead := range []time.Duration{-time.Second, MaxLead + time.Minute} {
		p.Start = time.Now().Add(lead)
		if err := runPlan(t.Context(), p, "pod", Orders{}, io.Discard); !errors.Is(err, ErrPlan) {
			t.Errorf("start in %s: got %v, want a bad plan", lead, err)
		}
	}
}

func TestAgentsAreChecked(t *testing.T) {
	p := Plan{Run: "r", URL: "http://x/", Duration: time.Second, Cohorts: []Cohort{{Name: "a", Rate: 1}}}
	for _, bad := range []struct{ agent, agents int }{{1, 0}, {2, 2}, {0, MaxAgents + 1}, {-1, 2}} {
		p.Agent, p.Agents = bad.agent, bad.agents
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "agent") {
			t.Errorf("agent %d of %d: got %v, want an error about it", bad.agent, bad.agents, err)
		}
	}
}

// Decode checks each agent's stream for itself: for a missing request, and for one that is another agent's.
func TestDecodeChecksAnAgentsPart(t *testing.T) {
	stream := func(seqs ...uint64) string {
		n := uint64(len(seqs))
		all := []message{{Begin: &Begin{Run: "r", Pod: "p", Agents: 3, Agent: 1}}}
		for _, seq := range seqs {
			all = append(all, message{Samples: []Sample{{Cohort: "a", Seq: seq, Code: 200}}})
		}
		return streamOf(t, append(all, message{End: &End{Why: Duration, Cohorts: []Count{{"a", n, n}}}})...)
	}
	if _, err := Decode(strings.NewReader(stream(1, 4, 7)), Handler{}); err != nil {
		t.Errorf("a whole part: %v", err)
	}
	for want, s := range map[string]string{"number 4 is missing": stream(1, 7), "another agent's": stream(1, 3)} {
		if _, err := Decode(strings.NewReader(s), Handler{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
