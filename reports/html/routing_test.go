package html

import (
	"bytes"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/analysis"
)

// The page has a table of what is claimed of answers, one of policies, and who answered where several may.
func TestRoutingTables(t *testing.T) {
	both := reports.Place{Host: "a.shop.svc.cluster.local", Versions: []string{"a-v1", "a-v2"}, Percent: 100}
	r := &reports.Routing{
		Rules:    []reports.RoutingRule{{Source: "vs.yaml:7", Object: "VirtualService shop/a", Path: "http[0]"}},
		Policies: []reports.RoutingPolicy{{Source: "p.yaml:1", Object: "AuthorizationPolicy shop/p", Says: "denies"}},
		Classes: []reports.RequestClass{{
			Cohort: "c", Takes: 1, Policy: 1, Requests: 60, Request: "GET a/x", Outcome: reports.Pass,
			Asked: []reports.Place{both}, Seen: []analysis.Landing{
				{Host: both.Host, Version: "a-v2", Code: 200, Count: 25},
				{Host: both.Host, Version: "a-v1", Code: 200, Count: 35},
			},
			Answers: []reports.RoutingAnswer{{
				Note: "header x-a of the answer", Want: "<b>", Percent: 100, Seen: analysis.NewShare(60, 60),
				Outcome: reports.Pass,
			}},
		}},
	}
	var b bytes.Buffer
	if err := document.ExecuteTemplate(&b, "routing", newRouting(r, false)); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"<h4>Answers</h4>", "header x-a of the answer is &lt;b&gt;", "<h4>Policies</h4>", "AuthorizationPolicy shop/p",
		`<tr class="part"><td>of these by a-v1</td>`, "of these by a-v2",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got no %q in the page: %s", want, page)
		}
	}
	if strings.Index(page, "by a-v1") > strings.Index(page, "by a-v2") {
		t.Error("the versions are not in their order")
	}
}
