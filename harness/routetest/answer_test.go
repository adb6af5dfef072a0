package routetest_test

import (
	"strings"
	"testing"

	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/reports"
)

// What a route does to requests and answers is claimed, and what can't be judged says so.
func TestAnswers(t *testing.T) {
	made, err := of(t, "../../docs/your-canary/answers.yaml", "")
	if err != nil {
		t.Fatal(err)
	}
	s := made.Scenario
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	r := s.Phases[0].Routing
	got := map[string]float64{}
	for _, c := range r.Classes {
		for _, a := range c.Answers {
			got[a.String()] = a.Percent
		}
	}
	for want, percent := range map[string]float64{
		"the path that the app sees is /orders":                                            100,
		"the host that the app sees is orders.internal":                                    100,
		"header x-stage that the app sees is canary":                                       100,
		"header x-debug that the app sees is absent":                                       100,
		"header x-served-by of the answer is orders-canary":                                100,
		"header location of the answer is http://orders.shop.svc.cluster.local/api/orders": 100,
		"an answer after 270ms or more":                                                    50,
	} {
		if got[want] != percent {
			t.Errorf("got %v, want %q with %g %%", got, want, percent)
		}
	}
	carried := false
	for _, c := range s.Load.Cohorts {
		carried = carried || c.Header["x-debug"] != ""
	}
	if !carried {
		t.Error("no request has the header that is to be removed")
	}
	claims := 0
	for _, e := range s.Phases[0].Expect {
		if expect.RecordOf(e).Kind == reports.KindNoted {
			claims++
		}
	}
	if claims < len(got) {
		t.Errorf("got %d claims about answers, want one for each", claims)
	}
	said := ""
	for _, m := range r.Remarks {
		said += m.Text + "\n"
	}
	for _, want := range []string{"timeout of 3.00 s is not judged", "tries again is not judged"} {
		if !strings.Contains(said, want) {
			t.Errorf("got remarks %s, want %q", said, want)
		}
	}
}
