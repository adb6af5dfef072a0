package describe

import (
	"fmt"
	"strings"

	"github.com/canarylab/canarylab/harness"
)

// OwnAPI is the API of a scenario without HTTPRoutes.
const OwnAPI = "VirtualService"

// API says by which API's routes a scenario is played: by either one that has a twin, by its own any other.
func API(s harness.Scenario) string {
	switch {
	case s.HasTwin():
		return "either"
	case s.AsksGatewayAPI():
		return "HTTPRoute"
	}
	return OwnAPI
}

// withoutTwin is the table of the scenarios that can't be played by HTTPRoutes, with the reasons.
func withoutTwin(all []harness.Scenario) string {
	b := &strings.Builder{}
	b.WriteString("| name | why not |\n|---|---|\n")
	for _, s := range all {
		if !s.HasTwin() && s.OnlyIstio != "" {
			fmt.Fprintf(b, "| `%s` | %s |\n", s.Name, cell(Prose(s.OnlyIstio)))
		}
	}
	return b.String()
}

// twin says on a scenario's page whether HTTPRoutes can play it.
func twin(s harness.Scenario) string {
	switch {
	case s.HasTwin():
		const text = "%s plays it by HTTPRoutes of the Gateway API, with [other manifests](../../scenarios/%s/%s)."
		return fmt.Sprintf(text, code("canarylab scenario run "+s.Name+" --api "+harness.GatewayAPI), s.Name,
			harness.TwinFolder)
	case s.AsksGatewayAPI():
		return ""
	case s.OnlyIstio != "":
		return "Not by HTTPRoutes of the Gateway API: " + Prose(s.OnlyIstio)
	}
	return ""
}
