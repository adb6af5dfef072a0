package sampleapp

import (
	"fmt"
	"slices"
	"strings"
)

// FaultsHeader is the request header that sets faults for one request, such as
// "errorRate=1,errorCode=500,latency=50ms". The pod's own faults apply to what it does not name. A request that
// names one of errorRate, closeRate and resetRate has 0 for the others, and one that names errorCode or
// errorCodes has no other code.
const FaultsHeader = "X-App-Faults"

// override returns the faults of one request, with the header's values in place of the pod's. Several headers
// count as one list (RFC 9110, section 5.3).
func override(pod Faults, header []string) (Faults, error) {
	f, err := parseOverride(pod, strings.Split(strings.Join(header, ","), ","))
	if err == nil {
		err = f.Validate()
	}
	if err != nil {
		return Faults{}, fmt.Errorf("%s: %w", FaultsHeader, err)
	}
	return f, nil
}

func parseOverride(f Faults, pairs []string) (Faults, error) {
	type setting struct {
		knob
		value string
	}
	settings := make([]setting, 0, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(strings.TrimSpace(pair), "=")
		if !found {
			return Faults{}, fmt.Errorf("want knob=value,knob=value, got %.40q", pair)
		}
		k, err := knobOf(name)
		if err != nil {
			return Faults{}, err
		}
		if k.podOnly {
			const ofPod = "%s: it is about the whole pod, not about one request; set it on the admin port"
			return Faults{}, fmt.Errorf(ofPod, name)
		}
		if slices.ContainsFunc(settings, func(s setting) bool { return s.name == name }) {
			return Faults{}, fmt.Errorf("%s: it is there twice", name)
		}
		settings = append(settings, setting{k, value})
	}
	// Whole groups are cleared before the first value is set, so that Validate sees two of one group.
	for _, s := range settings {
		for _, k := range knobs {
			if k.group != "" && k.group == s.group {
				k.clear(&f)
			}
		}
	}
	for _, s := range settings {
		if err := s.set(&f, s.value); err != nil {
			return Faults{}, err
		}
	}
	return f, nil
}
