package harness

import (
	"reflect"
	"testing"

	"github.com/canarylab/canarylab/reports"
)

// saysWhatItDoes tells whether a step says what it does, to people and as data.
func saysWhatItDoes(t *testing.T, step Step, want string, action reports.Action) {
	t.Helper()
	if got := step.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := step.Action(); !reflect.DeepEqual(got, action) {
		t.Errorf("%s: got %+v, want %+v", step, got, action)
	}
}
