package harness

import "testing"

// The files' state follows the steps: what was applied last, without what was deleted.
func TestStateOfTheFiles(t *testing.T) {
	s := story()
	s.Phases = append(s.Phases, Phase{Name: "gone", Do: Delete("2-half.yaml"), Rollback: true})
	for phase, want := range []string{"v1", "half", "v1", ""} {
		objects, err := s.state(phase)
		if err != nil {
			t.Fatal(err)
		}
		route := ""
		for _, o := range objects {
			if o.GetKind() == "VirtualService" {
				route += o.GetAnnotations()["route"]
			}
		}
		if route != want {
			t.Errorf("after phase %d: got the route %q, want %q", phase, route, want)
		}
	}
}
