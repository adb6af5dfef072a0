package analysis

import (
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/reports/trace"
)

// What is void says who used the processors, and what to do about it.
func TestAdvice(t *testing.T) {
	const s = time.Second
	used := func(stolen time.Duration, programs ...trace.Program) *trace.Processor {
		return &trace.Processor{Took: 10 * s, Cores: 2, Stolen: stolen, Programs: programs}
	}
	envoy, chrome := trace.Program{Name: "envoy", CPU: 9 * s}, trace.Program{Name: "chrome", CPU: 4 * s}
	cc1, vim := trace.Program{Name: "cc1plus", CPU: 3 * s}, trace.Program{Name: "vim", CPU: s / 2}
	for _, test := range []struct {
		name  string
		basis Basis
		b     Accounting
		want  string
		not   string
	}{
		{
			"nobody looked", OnTime, Accounting{},
			"play it again with nothing else running, or at a lower rate (--rate)", "%",
		},
		{"a clock", OneClock, Accounting{Processor: used(0, chrome)}, "let nobody set the clock", "chrome"},
		{
			"others", OnTime, Accounting{Processor: used(0, envoy, chrome, cc1, vim)},
			"in the 10.0 s in which requests were late, the machine's 2 processors were 82 % busy (envoy 45 %, " +
				"chrome 20 %, cc1plus 15 %, vim 2 %); close chrome and cc1plus, or play it at a lower rate (--rate)",
			"",
		},
		{
			"the lab alone", AtRate, Accounting{Processor: used(0, envoy, vim)},
			"; play it at a lower rate (--rate), or on a machine with more processors", "close",
		},
		{
			"the hypervisor", OnTime, Accounting{Processor: used(6*s, envoy)},
			"(the hypervisor, for other machines, 30 %, envoy 45 %); play it when the machine's neighbours are " +
				"quiet, or at a lower rate (--rate)", "close",
		},
		{"another machine", OnTime, Accounting{
			Processor: used(0, envoy, chrome), Generator: Generator{ClockError: time.Millisecond},
		}, "the load was sent from another machine, which canarylab can't see", "chrome"},
	} {
		got := test.b.Advice(test.basis)
		if !strings.Contains(got, test.want) || test.not != "" && strings.Contains(got, test.not) {
			t.Errorf("%s: got %q, want %q, and not %q", test.name, got, test.want, test.not)
		}
	}
}

// A bracket closes as the clock of a rollback has it.
func TestClosing(t *testing.T) {
	for _, test := range []struct{ affected, requests, closes, last int }{
		// Of 100 in 1,000 the interval begins at 8.21 %: ln(0.005)/ln(1-0.0821) = 61.8, ln(0.0001)/ln(1-0.0821) =
		// 107.5.
		{100, 1000, 62, 108},
		{1000, 1000, 1, 2},
	} {
		if closes, last := Closing(test.affected, test.requests); closes != test.closes || last != test.last {
			t.Errorf("%d of %d: got %d and %d, want %d and %d", test.affected, test.requests, closes, last, test.closes,
				test.last)
		}
	}
}
