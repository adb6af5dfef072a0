package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestRestart(t *testing.T) {
	saysWhatItDoes(t, Restart{"my-service-v2"}, "kubectl rollout restart deployment my-service-v2",
		reports.Action{Kind: "restart", Brief: "rollout restart my-service-v2"})
}
