package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestUndo(t *testing.T) {
	saysWhatItDoes(t, Undo{"my-service-v2"}, "kubectl rollout undo deployment my-service-v2",
		reports.Action{Kind: "undo", Brief: "rollout undo my-service-v2"})
}
