package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestDelete(t *testing.T) {
	saysWhatItDoes(t, Delete("2-canary.yaml"), "kubectl delete -f 2-canary.yaml",
		reports.Action{Kind: "delete", Brief: "delete 2-canary", File: "2-canary.yaml", Deletes: true})
}
