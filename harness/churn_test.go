package harness

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// withChurn is a story with a file that can be churned, and one that can't.
func withChurn() Scenario {
	s := story()
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"others.yaml": `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere, namespace: ` + s.Name + `}
spec:
  hosts: [elsewhere.example.com]
  endpoints: [{address: 198.51.100.1}, {address: 198.51.100.2}]
`,
		"none.yaml": `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: elsewhere, namespace: ` + s.Name + `}
spec: {hosts: [elsewhere.example.com]}
`,
	} {
		files[s.Name+"/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	s.Files = files
	return s
}

func TestChurnIsChecked(t *testing.T) {
	s := withChurn()
	if err := (Churn{"others.yaml", 40 * time.Millisecond}).check(s, nil); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		churn Churn
		want  string
	}{
		{Churn{"others.yaml", time.Millisecond}, "want 10ms to 1m0s"},
		{Churn{"none.yaml", time.Second}, "is no ServiceEntry with endpoints"},
		{Churn{"missing.yaml", time.Second}, "missing.yaml"},
	} {
		if err := c.churn.check(s, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %q", c.churn, err, c.want)
		}
	}
}

func TestEachWriteOfChurnIsAnother(t *testing.T) {
	objects, err := Churn{File: "others.yaml"}.objects(withChurn())
	if err != nil {
		t.Fatal(err)
	}
	address := func(n int) string {
		return endpointsOf(churned(objects, n)[0])[0].(map[string]any)["address"].(string)
	}
	if a, b, last := address(0), address(1), address(254); a != "198.51.100.1" || b != "198.51.100.2" || last != a {
		t.Errorf("got %s, %s and, after a round, %s", a, b, last)
	}
}

func TestChurnGoesOnUntilCalm(t *testing.T) {
	r := &run{journal: &journal{}}
	written := make(chan int)
	write := func(ctx context.Context, n int) error {
		select {
		case written <- n:
		case <-ctx.Done():
		}
		return nil
	}
	r.churn(&churning{every: time.Millisecond, write: write})
	seen := map[int]bool{}
	for range 3 {
		// Several are under way at a time, so that they come in any order.
		n := <-written
		if seen[n] || n < 1 || n > 3+churnsAtOnce {
			t.Errorf("got write %d after %v, want each once", n, seen)
		}
		seen[n] = true
	}
	if err := (Calm{}).do(t.Context(), moment{churn: r.churn}); err != nil {
		t.Error(err)
	}
	select {
	case n := <-written:
		t.Errorf("write %d came after the calm", n)
	case <-time.After(20 * time.Millisecond):
	}
	if r.churns != nil {
		t.Error("there is something left to end")
	}
}

func TestChurnIsPartOfTheState(t *testing.T) {
	s := withChurn()
	churn := Churn{"others.yaml", time.Second}
	s.Phases = []Phase{{Name: "a", Do: churn}, {Name: "b", Do: Calm{}}}
	for phase, want := range map[int]bool{0: true, 1: false} {
		st, err := s.state(phase)
		if err != nil {
			t.Fatal(err)
		}
		if got := st.churn != nil; got != want {
			t.Errorf("phase %d: got churn %t, want %t", phase, got, want)
		}
	}
}
