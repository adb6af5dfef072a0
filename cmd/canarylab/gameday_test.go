package main

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/scenarios/missions"
)

// The facilitator's page has both services, the roles and the buttons, and no learner's page tells what breaks.
func TestTheFacilitatorsPage(t *testing.T) {
	t.Setenv("CANARYLAB_HOME", t.TempDir())
	c := &teacher{coach: coach{global: &global{}}, learners: services}
	class, err := c.class(training.Deal(missions.All()[:2], services))
	if err != nil {
		t.Fatal(err)
	}
	lead := &facilitator{}
	r, err := openRoom(t.Context(), c, class, lead)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	names := []string{class.Learners[0].Mission.Name(), class.Learners[1].Mission.Name()}
	text := fetched(t, http.MethodGet, r.lead.URL(), "")
	for _, want := range append(names, "shop-1", "shop-2", "scribe", "operator of shop-2", "Abort everything",
		class.Learners[1].Mission.Hints[0][:20], r.pages[1].URL()) {
		if !strings.Contains(text, want) {
			t.Errorf("the facilitator's page lacks %q", want)
		}
	}
	for _, p := range r.pages {
		text := fetched(t, http.MethodGet, p.URL(), "")
		for _, tells := range append(names, r.lead.URL()) {
			if strings.Contains(text, tells) {
				t.Errorf("a learner's page has %q in it", tells)
			}
		}
	}
	for _, test := range []struct{ do, arg, want string }{
		{"game-day-break", "1", "has not begun yet"}, {"game-day-hint", "2", "has not begun yet"},
		{"game-day-hint", "3", "no learner"}, {"game-day-break", `"x"`, "no learner"},
		{"game-day-abort", "null", "both services go back"},
	} {
		if got := fetched(t, http.MethodPost, r.lead.URL()+"do/"+test.do, test.arg); !strings.Contains(got, test.want) {
			t.Errorf("%s %s: got %s, want %q", test.do, test.arg, got, test.want)
		}
	}
	// Whoever aborts before anything is played has nothing played.
	if seats, err := class.Run(t.Context()); err == nil || len(seats) > 0 {
		t.Errorf("got %v, %v after an abort, want nothing", seats, err)
	}
}

func fetched(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
