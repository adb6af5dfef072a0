package reports

import (
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// Short prints a duration for people, with three digits that matter: "0.96 ms", "131 ms", "12.3 s", "2m05s".
func Short(d time.Duration) string { return short(d) }

// LoadInWords is a plan in one sentence, empty for one without callers.
func LoadInWords(plan loadgen.Plan) string { return load(plan) }

// TimingInWords says how a phase's change spread and how long the phase was watched.
func TimingInWords(o Observation) string { return timing(o) }

// Asked is the claimed share for a table: "10 %", "≥ 20 %".
func (c Claim) Asked() string { return c.asked() }

// Cost is what callers paid for the rollback, in words.
func (r Rollback) Cost() string { return r.cost() }
