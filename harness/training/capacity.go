package training

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/format"
)

// A Machine is what a class is played on.
type Machine interface {
	// Use measures for some time what all programs of the machine use together.
	Use(ctx context.Context, over time.Duration) (environment.Use, error)
}

const (
	// keptFree is the part of a machine that is kept free: a processor that always has work is late with it.
	keptFree = 0.1
	// lookFor is how long a look at a machine takes. Without a learner there is one look, with a learner there are
	// busyLooks, of which the least counts: what has just been deployed takes more for some seconds. In the first 10 s
	// one learner seemed to take 63 % of a processor, where three took 133 % later.
	lookFor   = 5 * time.Second
	busyLooks = 4
)

// least is what a machine uses that was least busy in one of so many looks. Its memory is that of the last.
func least(ctx context.Context, m Machine, looks int) (environment.Use, error) {
	var used environment.Use
	for i := range looks {
		u, err := m.Use(ctx, lookFor)
		if err != nil {
			return u, err
		}
		if i > 0 {
			u.CPU = min(u.CPU, used.CPU)
		}
		used = u
	}
	return used, nil
}

// A Capacity says how many learners a machine carries.
type Capacity struct {
	// Idle is what the machine uses without a learner. One learner takes CPU, in processors, and Memory, in bytes.
	Idle   environment.Use `json:"idle"`
	CPU    float64         `json:"cpu"`
	Memory int64           `json:"memory"`
	// Rate is the learner's that was measured. Mean is that of all, to which its processor time is scaled.
	Rate int     `json:"rate"`
	Mean float64 `json:"meanRate"`
	// Learners is how many the machine carries, Asked how many there are to be.
	Learners int `json:"learners"`
	Asked    int `json:"asked"`
}

// capacity is that of a machine, by what it used without and with a learner. rates are those of all learners, the
// measured one's first.
func capacity(idle, busy environment.Use, rates []int) Capacity {
	c := Capacity{
		Idle: idle, CPU: max(busy.CPU-idle.CPU, 0), Memory: max(busy.Memory-idle.Memory, 0), Rate: rates[0],
		Asked: len(rates),
	}
	for _, r := range rates {
		c.Mean += float64(max(r, rates[0])) / float64(len(rates)) // part of what one takes does not depend on its rate
	}
	c.Learners = maxLearners
	room := func(has, used, takes float64) {
		if takes > 0 {
			c.Learners = min(c.Learners, max(int((has*(1-keptFree)-used)/takes), 0))
		}
	}
	room(float64(idle.Cores), idle.CPU, c.CPU*c.Mean/float64(c.Rate))
	room(float64(idle.Total), float64(idle.Memory), float64(c.Memory))
	return c
}

// String is "this machine carries 4 learners: one takes 31 % of 200 % and 0.6 GB, ...".
func (c Capacity) String() string {
	const gb = 1e9
	learners := "no learner"
	if c.Learners > 0 {
		learners = format.Plural(c.Learners, "learner", "learners")
	}
	return fmt.Sprintf("this machine carries %s: at %d requests a second one takes %.0f %% of %d %% of processor "+
		"time and %.1f of %.1f GB of memory; %.0f %% and %.1f GB were taken before, and %.0f %% are kept free",
		learners, c.Rate, 100*c.CPU, 100*c.Idle.Cores, float64(c.Memory)/gb, float64(c.Idle.Total)/gb,
		100*c.Idle.CPU, float64(c.Idle.Memory)/gb, 100*keptFree)
}

// ErrTooMany is wrapped where a machine does not carry a class.
var ErrTooMany = errors.New("too many learners for this machine")

// check says what to do where the machine does not carry those that were asked for.
func (c Capacity) check() error {
	if c.Learners >= c.Asked {
		return nil
	}
	var do []string
	if c.Learners > 0 {
		do = append(do, fmt.Sprintf("have no more than %d", c.Learners))
	}
	do = append(do, "have them play at a lower --rate", "end what else runs here", "take a bigger machine")
	return fmt.Errorf("%w: %s, and %d were asked for: %s; --over begins all the same", ErrTooMany, c, c.Asked,
		strings.Join(do[:len(do)-1], ", ")+" or "+do[len(do)-1])
}
