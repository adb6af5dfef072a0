package harness

import (
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/sampleapp"
)

func TestInject(t *testing.T) {
	for _, tc := range []struct {
		step        Inject
		want, brief string
	}{
		{
			Inject{Version: "v2", Faults: sampleapp.Faults{ErrorRate: 0.5}},
			`inject {"errorRate":0.5,"errorCode":503,"latency":"0s","jitter":"0s"} into every pod of v2`,
			"inject errorRate:0.5 into v2",
		},
		{
			Inject{Version: "v2", Pods: 1, Faults: sampleapp.Faults{
				Latency: 50 * time.Millisecond, Concurrency: 4, Unready: true, Overflow: sampleapp.Enqueue,
			}},
			`inject {"errorRate":0,"errorCode":503,"latency":"50ms","jitter":"0s",` +
				`"concurrency":4,"overflow":"queue","unready":true} into 1 pod of v2`,
			"inject latency:50ms,concurrency:4,overflow:queue,unready:true into 1 pod of v2",
		},
		{Inject{Version: "v2"}, "heal every pod of v2", "heal v2"},
		{Inject{Version: "v2", Pods: 1}, "heal 1 pod of v2", "heal 1 pod of v2"},
	} {
		saysWhatItDoes(t, tc.step, tc.want, reports.Action{Kind: "inject", Brief: tc.brief})
	}
}
