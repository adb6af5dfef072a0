package reports

import (
	"fmt"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/trace"
)

// A Rate says how a run came to the rate of its load. Rates are requests a second of all cohorts together.
type Rate struct {
	// Own is the story's, Lowest the lowest that its claims allow, and LowestFor the claim that takes it: 0 and empty
	// where the machine carried the story's own, and nobody had to know.
	Own       int    `json:"own"`
	Lowest    int    `json:"lowest,omitempty"`
	LowestFor string `json:"lowestFor,omitempty"`
	// Played is the run's. Asked tells that it was asked for: then none was tried.
	Played int  `json:"played"`
	Asked  bool `json:"asked,omitempty"`
	// Longer is how much longer the phases have to be watched than at the story's own rate, for as many requests.
	Longer time.Duration `json:"longerNs,omitempty"`
	// Trials are the rates that were tried before the load, in this order.
	Trials []Trial `json:"trials,omitempty"`
}

// A Trial is a rate that was tried.
type Trial struct {
	Rate int `json:"rate"`
	// LagP99 is how much later than due all but one request of 100 were sent at most, of the cohort that was latest.
	LagP99 time.Duration `json:"lagP99Ns"`
	// Waiting is in which fraction of cases an ordinary program waited for a processor for more than loadgen.MaxWait, 0
	// where nobody looked: see analysis.MaxWaits.
	Waiting float64 `json:"othersLate,omitempty"`
	// Carried tells that the machine carried it.
	Carried bool `json:"carried"`
	// Processor is who used the processors meanwhile, nil where that is not known.
	Processor *trace.Processor `json:"processor,omitempty"`
}

// refused is the last trial that the machine did not carry, nil where it carried each, or none was made.
func (r *Rate) refused() *Trial {
	for i := len(r.Trials) - 1; i >= 0; i-- {
		if !r.Trials[i].Carried {
			return &r.Trials[i]
		}
	}
	return nil
}

// Carried tells whether the machine carried the rate that was tried last.
func (r *Rate) Carried() bool {
	n := len(r.Trials)
	return n > 0 && r.Trials[n-1].Carried
}

// RateInWords says in one sentence at which rate a run was played, and why, where that is not the story's own rate or
// the machine did not carry it. It is empty otherwise, and for older reports.
func RateInWords(r *Report) string {
	rate := r.Rate
	if rate == nil || rate.Played == rate.Own && (rate.Asked || rate.Carried()) {
		return ""
	}
	refusal := func(t Trial) string {
		if r.Accounting.Elsewhere() {
			t.Processor = nil // it is of canarylab's machine, and the load came from another
		}
		return trialInWords(t)
	}
	played := fmt.Sprintf("played at %s of the story's %s requests a second", format.Number(rate.Played),
		format.Number(rate.Own))
	longer := format.When(rate.Longer > 0, "it takes "+format.Short(rate.Longer)+" longer for that")
	shorter := format.When(rate.Longer < 0, "it takes "+format.Short(-rate.Longer)+" less for that")
	why := ""
	switch refused := rate.refused(); {
	case rate.Asked:
		why = ", as was asked for"
	case refused == nil:
	case rate.Carried():
		why = ", as the machine carried no more: " + refusal(*refused)
	case rate.Played == rate.Own:
		played = fmt.Sprintf("played at the story's %s requests a second", format.Number(rate.Own))
		why = fmt.Sprintf(", although the machine did not carry them when they were tried: %s; its claims allow no "+
			"lower rate (%s)", refusal(*refused), rate.LowestFor)
	default:
		why = fmt.Sprintf(", the lowest rate that its claims allow (%s), although the machine did not carry it when "+
			"it was tried: %s", rate.LowestFor, refusal(*refused))
	}
	return played + format.Join("; ", why, longer, shorter)
}

// trialInWords says why the machine did not carry a rate.
func trialInWords(t Trial) string {
	s := fmt.Sprintf("at %s a second requests were sent %s late at p99", format.Number(t.Rate), format.Short(t.LagP99))
	if t.Waiting > 0 {
		s += fmt.Sprintf(", and other programs waited for a processor for more than %s in %.1f %% of cases",
			format.Short(loadgen.MaxWait), 100*t.Waiting)
	}
	if t.Processor != nil {
		s += ", while " + analysis.ProcessorInWords(*t.Processor)
	}
	return s
}

// RateFlag is the flag that plays the run again at its rate, with a space before it, where that is not the story's own.
func RateFlag(r *Report) string {
	if r.Rate == nil || r.Rate.Played == r.Rate.Own {
		return ""
	}
	return fmt.Sprintf(" --rate %d", r.Rate.Played)
}
