package sampleapp

import (
	"strings"
	"testing"
	"time"
)

func TestFaultsOfOneRequest(t *testing.T) {
	pod := Faults{
		ErrorRate: 0.5, ErrorCodes: Codes{500, 503}, CloseRate: 0.5, Latency: time.Second, Concurrency: 5,
		Unready: true,
	}
	with := func(change func(*Faults)) Faults {
		f := pod
		change(&f)
		return f
	}
	for _, tc := range []struct {
		header string // lines are separate headers
		want   Faults
		err    string
	}{
		{"latency=50ms", with(func(f *Faults) { f.Latency = 50 * time.Millisecond }), ""},
		// The distribution may be set without a jitter, so that a request can turn the pod's jitter off.
		{"distribution=normal", with(func(f *Faults) { f.Distribution = Normal }), ""},
		{"latency=0s", with(func(f *Faults) { f.Latency = 0 }), ""},
		{"errorCode=404", with(func(f *Faults) { f.ErrorCode, f.ErrorCodes = 404, Codes{} }), ""},
		{"errorCodes=404/410", with(func(f *Faults) { f.ErrorCodes = Codes{404, 410} }), ""},
		// No request has two fates, so the pod's do not count beside those of the request.
		{"resetRate=1", with(func(f *Faults) { f.ErrorRate, f.CloseRate, f.ResetRate = 0, 0, 1 }), ""},
		{"errorRate=0.25, closeRate=0.75", with(func(f *Faults) { f.ErrorRate, f.CloseRate = 0.25, 0.75 }), ""},
		{"jitter=1ms,distribution=normal,stream=2s\nerrorRate=0",
			with(func(f *Faults) {
				f.Jitter, f.Distribution, f.Stream, f.ErrorRate, f.CloseRate = time.Millisecond, Normal, 2*time.Second,
					0, 0
			}), ""},

		{"", Faults{}, `want knob=value,knob=value, got ""`},
		{"errorRate", Faults{}, `want knob=value,knob=value, got "errorRate"`},
		{"errorRate=1,", Faults{}, `want knob=value,knob=value, got ""`},
		{"errorRate=", Faults{}, `errorRate: "" is not a number`},
		{"errorRate=NaN", Faults{}, "errorRate: NaN is not between 0 and 1"},
		{"errorrate=1", Faults{}, "errorrate: unknown; there are errorRate, "},
		{"errorRate=1,errorRate=0", Faults{}, "errorRate: it is there twice"},
		{"errorRate=0.6,closeRate=0.6", Faults{}, "their sum 1.2 is above 1"},
		{"errorCode=500,errorCodes=503", Faults{}, "errorCodes: takes the place of errorCode"},
		{"latency=50", Faults{}, `latency: "50" is not a duration`},
		{"concurrency=1", Faults{}, "concurrency: it is about the whole pod, not about one request"},
		{"overflow=queue", Faults{}, "overflow: it is about the whole pod"},
		{"queue=1", Faults{}, "queue: it is about the whole pod"},
		{"unready=true", Faults{}, "unready: it is about the whole pod"},
		{"drain=1s", Faults{}, "drain: it is about the whole pod"},
	} {
		got, err := override(pod, strings.Split(tc.header, "\n"))
		switch {
		case tc.err == "" && (err != nil || got != tc.want):
			t.Errorf("%q: got %+v, %v, want %+v", tc.header, got, err, tc.want)
		case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || !strings.HasPrefix(err.Error(),
			FaultsHeader+": ")):
			t.Errorf("%q: got %v, want an error with %s and %q", tc.header, err, FaultsHeader, tc.err)
		}
	}
}

func TestFaultsOfOneRequestOverHTTP(t *testing.T) {
	a := New(Config{Version: "v1", Pod: "p", Faults: Faults{Concurrency: 1}})
	if r := do(t, a.Handler(), "GET", "/", "", FaultsHeader, "errorRate=1,errorCode=418"); r.StatusCode != 418 {
		t.Errorf("got %d, want 418", r.StatusCode)
	}
	r := do(t, a.Handler(), "GET", "/", "", FaultsHeader, "unready=true", "x-request-id", "7")
	if body := text(t, r); r.StatusCode != 400 || !strings.HasPrefix(body, "X-App-Faults: unready: ") {
		t.Errorf("got %d %q, want 400 that names the knob", r.StatusCode, body)
	}
	if _, n, ok := ParseSerial(r.Header.Get(SerialHeader)); !ok || n != 2 || r.Header.Get(
		VersionHeader,
	) != "v1" || r.Header.Get("X-Request-Id") != "7" {
		t.Errorf("got %v with the 400, want the usual headers", r.Header)
	}
	if r := do(t, a.Handler(), "GET", "/", ""); r.StatusCode != 200 {
		t.Errorf("the next one: got %d, want 200", r.StatusCode)
	}
	if c := a.Counters(); c.Answered["418"] != 1 || c.Answered["400"] != 1 || c.Answered["200"] != 1 ||
		c.Received != 3 {
		t.Errorf("got %+v, want one of each", c)
	}
}
