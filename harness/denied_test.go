package harness

import (
	"errors"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

func TestDenied(t *testing.T) {
	claim := Denied{Revert("1-baseline.yaml"), "no endpoints available"}
	denies := func(why string) *fakeMesh { return &fakeMesh{hook: func(string) error { return errors.New(why) }} }
	provesAs(t, "denied", []proved{
		{"denied", claim, denies("webhook: no endpoints available"), reports.Pass, "webhook: no endpoints available"},
		{"denied for another reason", claim, denies("forbidden"), reports.Fail, "forbidden"},
		{"not denied", claim, &fakeMesh{}, reports.Fail, "it was taken"},
	})
}
