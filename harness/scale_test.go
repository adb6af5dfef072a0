package harness

import (
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestScaleTo(t *testing.T) {
	saysWhatItDoes(t, ScaleTo{Deployment: "my-service-v1"}, "kubectl scale deployment my-service-v1 --replicas=0",
		reports.Action{Kind: "scale", Brief: "scale my-service-v1 to 0"})
}
