package trace

import (
	"strings"
	"testing"
)

func TestOlderTracesSayItInWords(t *testing.T) {
	got, err := Read(strings.NewReader("" +
		`{"event":{"at":"2026-11-23T06:01:02Z","kind":"held","proxy":"a","text":"at the latest"}}` + `
{"event":{"at":"2026-11-23T06:01:02Z","kind":"held","proxy":"b"}}
{"sample":{"cohort":"c","seq":0,"id":"1","code":0,"err":"dial tcp 10.0.0.3:80: connect: connection refused"}}
{"sample":{"cohort":"c","seq":1,"id":"2","code":0,"err":"no whole answer within 10s"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if e := got.Events; !e[0].Late || e[0].Text != "" || e[1].Late {
		t.Errorf("got %+v, want the first to be late", e)
	}
	if s := got.Samples; !s[0].Unsent || s[1].Unsent {
		t.Errorf("got %+v, want the first to be unsent", s)
	}
}
