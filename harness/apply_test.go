package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestApply(t *testing.T) {
	saysWhatItDoes(t, Apply("2-canary.yaml"), "kubectl apply -f 2-canary.yaml",
		reports.Action{Kind: "apply", Brief: "apply 2-canary", File: "2-canary.yaml"})
}
