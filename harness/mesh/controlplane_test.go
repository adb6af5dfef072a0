package mesh

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestNotices(t *testing.T) {
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	log := strings.Join([]string{
		"2026-11-24T03:13:16.718971Z\tinfo\tsync complete\tname=ingress/informer/Nodes attempt=7 time=154.353799ms",
		"2026-11-24T03:13:18.173559Z\tinfo\tads\tPush debounce stable[3] 1 for config " +
			"VirtualService/demo/my-service: 100.165231ms since last change, 100.165171ms since last push, " +
			"forced=false",
		"2026-11-24T03:13:18.2Z\tinfo\tads\tPush debounce stable[4] 14 for config DestinationRule/demo/my-service " +
			"and 8 more configs: 100.4ms since last change, 154ms since last push, forced=true",
		"2026-11-24T03:13:18.21Z\tinfo\tads\tPush debounce stable[5] 1 for reason unknown: 100ms since last change, " +
			"154ms since last push, forced=true",
		"2026-11-24T03:13:18.3Z\tinfo\tads\tXDS: Pushing Services:3 ConnectedEndpoints:0 " +
			"Version:2026-11-24T03:13:18Z/3",
		"2026-11-24T03:13:18.390995Z\tinfo\tdelta\tCDS: PUSH request for node:load-client-1.demo resources:9 " +
			"removed:0 size:7.5kB cached:0/8",
		"2026-11-24T03:13:19.416231Z\tinfo\tdelta\tRDS: PUSH for node:load-client-1.demo resources:9 removed:0 " +
			"size:7.5kB cached:0/8",
		"2026-11-24T03:13:19.5Z\twarn\tdelta\tADS:LDS: ACK ERROR load-client-1.demo-17 Internal:Error " +
			"adding/updating listener(s) virtualOutbound: invalid drain",
		`{"level":"info","time":"2026-11-24T03:13:20.5Z","scope":"delta","msg":"EDS: PUSH INC for ` +
			`node:my-service-v1-1.demo resources:1 size:1kB"}`,
		"not a line of it",
		"",
	}, "\n")
	client := Proxy{Namespace: "demo", Pod: "load-client-1"}
	want := []Notice{
		{At: at("2026-11-24T03:13:18.173559Z"), Kind: Debounced, Config: "VirtualService/demo/my-service"},
		{At: at("2026-11-24T03:13:18.2Z"), Kind: Debounced, Config: "DestinationRule/demo/my-service", More: true},
		{At: at("2026-11-24T03:13:19.416231Z"), Kind: Pushed, Type: "RDS", Proxy: client},
		{
			At:    at("2026-11-24T03:13:19.5Z"),
			Kind:  Rejected,
			Type:  "LDS",
			Proxy: client,
			Text:  "Internal:Error adding/updating listener(s) virtualOutbound: invalid drain",
		},
		{
			At:    at("2026-11-24T03:13:20.5Z"),
			Kind:  Pushed,
			Type:  "EDS",
			Proxy: Proxy{Namespace: "demo", Pod: "my-service-v1-1"},
		},
	}
	var got []Notice
	last := readNotices(strings.NewReader(log), time.Time{}, func(n Notice) { got = append(got, n) })
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	// When the log is read again, no notice comes twice.
	got = nil
	if again := readNotices(strings.NewReader(log), last, func(n Notice) { got = append(got, n) }); len(got) != 0 ||
		!again.Equal(last) {
		t.Errorf("got %+v again", got)
	}
}
