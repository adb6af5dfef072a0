package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness/manifest"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

// Inject sets the faults of the pods of one version, through the sample app's admin port. The zero Faults heal it.
type Inject struct {
	Version string
	Faults  sampleapp.Faults
	// Pods is how many of them, the first by name. Zero means all.
	Pods int `json:",omitzero"`
}

// whom names the pods. all comes before the version where they are all of its pods.
func (i Inject) whom(all string) string {
	if i.Pods == 0 {
		return all + i.Version
	}
	return count(i.Pods, "pod") + " of " + i.Version
}

// String implements Step.
func (i Inject) String() string {
	whom := i.whom("every pod of ")
	if i.Faults == (sampleapp.Faults{}) {
		return "heal " + whom
	}
	b, err := i.Faults.MarshalJSON()
	if err != nil { // no fault has a form that JSON lacks; NaN does, and check refuses it
		return fmt.Sprintf("inject %+v into %s", i.Faults, whom)
	}
	return fmt.Sprintf("inject %s into %s", b, whom)
}

// Action implements Step.
func (i Inject) Action() reports.Action {
	brief := "heal " + i.whom("")
	if i.Faults != (sampleapp.Faults{}) {
		brief = "inject " + strings.Join(setFaults(i.Faults), ",") + " into " + i.whom("")
	}
	return reports.Action{Kind: "inject", Brief: brief}
}

// setFaults lists the faults that are set, each as name:value. It leaves out errorCode, which JSON has in any case.
func setFaults(f sampleapp.Faults) []string {
	b, err := f.MarshalJSON()
	if err != nil {
		return []string{err.Error()}
	}
	// The order is that of the JSON. Its values are numbers, texts and truths.
	fields := json.NewDecoder(bytes.NewReader(b))
	fields.UseNumber()
	var all []string
	_, err = fields.Token() // {
	for err == nil && fields.More() {
		var name, value json.Token
		name, _ = fields.Token()
		if value, err = fields.Token(); err != nil {
			break
		}
		text := fmt.Sprint(value)
		if name != "errorCode" && !slices.Contains([]string{"0", "0s", "", "false"}, text) {
			all = append(all, fmt.Sprintf("%s:%s", name, text))
		}
	}
	return all
}

func (i Inject) check(Scenario, map[string]bool) error {
	switch {
	case i.Version == "":
		return errors.New("no version")
	case i.Pods < 0:
		return fmt.Errorf("%d pods", i.Pods)
	}
	return i.Faults.Validate()
}

func (i Inject) known(names manifest.Names) error { return names.Version(i.Version) }

func (Inject) effects(Scenario) effects { return effects{} }

func (i Inject) leave(s *state) {
	if i.Pods == 0 {
		s.faults = slices.DeleteFunc(s.faults, func(earlier Inject) bool { return earlier.Version == i.Version })
	}
	if i.Faults != (sampleapp.Faults{}) {
		s.faults = append(s.faults, i)
	}
}

func (i Inject) do(ctx context.Context, at moment) error {
	return at.env.Apps.Inject(ctx, at.scenario.home(), i.Version, i.Pods, i.Faults)
}

var _ = stepKind(Inject{})
