package sampleapp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A knob is one field of Faults with the names that set it. JSON, FaultsHeader, the command line and the
// README's table all come from the list of knobs, so that none of them lacks one.
type knob struct {
	// name is the field's name in JSON and in FaultsHeader. flag is its name on the command line.
	name, flag string
	usage      string
	// podOnly marks a knob that makes no sense for one request.
	podOnly bool
	// group is shared by knobs that one request's own knob replaces together: no request has two fates, or two
	// sets of codes.
	group string
	// example is the zero value in JSON's form. A value in JSON must have its type.
	example any

	// set parses a value's text. check compares a value with its bounds.
	set   func(f *Faults, text string) error
	check func(f Faults) error
	clear func(f *Faults)
	// show returns the value in JSON's form. shown tells whether the JSON has it.
	show  func(f Faults) any
	shown func(f Faults) bool
}

// field makes the knob of one field of Faults.
func field[T comparable](
	name, flag, usage string, at func(*Faults) *T,
	parse func(string) (T, error), check func(T) error, show func(T) any,
) knob {
	var zero T
	named := func(err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	return knob{
		name: name, flag: flag, usage: usage, example: show(zero),
		set: func(f *Faults, text string) error {
			v, err := parse(text)
			if err == nil {
				*at(f) = v
			}
			return named(err)
		},
		check: func(f Faults) error { return named(check(*at(&f))) },
		clear: func(f *Faults) { *at(f) = zero },
		show:  func(f Faults) any { return show(*at(&f)) },
		shown: func(f Faults) bool { return *at(&f) != zero },
	}
}

// ofPod marks a knob that is not for one request.
func (k knob) ofPod() knob {
	k.podOnly = true
	return k
}

// in puts a knob into a group.
func (k knob) in(group string) knob {
	k.group = group
	return k
}

// always puts the knob into every JSON, unless another one stands in for it.
func (k knob) always(unless func(Faults) bool) knob {
	set := k.shown
	k.shown = func(f Faults) bool { return set(f) || !unless(f) }
	return k
}

func rateKnob(name, flag, usage string, at func(*Faults) *float64) knob {
	parse := func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }
	return field(name, flag, usage, at, parser(parse, "is not a number such as 0.15"), between(0., 1),
		func(v float64) any { return v })
}

// parser returns a parse whose errors say what a text is that can't be parsed.
func parser[T any](parse func(string) (T, error), wrong string) func(string) (T, error) {
	return func(s string) (v T, err error) {
		if v, err = parse(s); err != nil {
			return v, fmt.Errorf("%q %s", s, wrong)
		}
		return v, nil
	}
}

// between returns a check of both bounds.
func between[T cmp.Ordered](low, high T) func(T) error {
	return func(v T) error {
		if v >= low && v <= high { // NaN is not
			return nil
		}
		return fmt.Errorf("%v is not between %v and %v", v, low, high)
	}
}

func durationKnob(name, flag, usage string, at func(*Faults) *time.Duration) knob {
	return field(name, flag, usage, at, parser(time.ParseDuration, "is not a duration such as 50ms"),
		between(0, maxDelay), func(v time.Duration) any { return v.String() })
}

func countKnob(name, flag, usage string, at func(*Faults) *int) knob {
	return field(name, flag, usage, at, parseCount, between(0, maxCount), func(v int) any { return v })
}

// maxCount bounds counts of requests. It is more than the load agent ever has in flight.
const maxCount = 100_000

var parseCount = parser(strconv.Atoi, "is not a whole number")

// choiceKnob makes a knob with named values, which are numbered in the order of names.
func choiceKnob[T ~uint8](name, flag, usage string, at func(*Faults) *T, names []string) knob {
	return field(name, flag, usage, at,
		func(s string) (T, error) {
			i := slices.Index(names, s)
			if i < 0 {
				return 0, fmt.Errorf("%q is none of %s", s, strings.Join(names, ", "))
			}
			return T(i), nil
		},
		func(v T) error {
			if int(v) >= len(names) {
				return fmt.Errorf("%d is none of %s", v, strings.Join(names, ", "))
			}
			return nil
		},
		func(v T) any {
			if int(v) >= len(names) {
				return strconv.Itoa(int(v))
			}
			return names[v]
		})
}

func switchKnob(name, flag, usage string, at func(*Faults) *bool) knob {
	return field(name, flag, usage, at, parser(strconv.ParseBool, "is neither true nor false"),
		func(bool) error { return nil }, func(v bool) any { return v })
}

// drainFlag sets the drain at start, in Config.DrainDelay and not in Faults.Drain.
const drainFlag = "drain-delay"

const (
	fateGroup = "fate"
	codeGroup = "code"
)

// knobs are all fields of Faults, in the order of its JSON.
var knobs = []knob{
	rateKnob("errorRate", "error-rate", "share of requests to fail, from 0 to 1",
		func(f *Faults) *float64 { return &f.ErrorRate }).in(fateGroup).always(never),
	field("errorCode", "error-code", fmt.Sprintf("status of failed requests, 400 to 599 (default %d)",
		DefaultErrorCode),
		func(f *Faults) *int { return &f.ErrorCode }, parseCount,
		func(v int) error {
			if v == 0 {
				return nil
			}
			return checkCode(v)
		},
		func(v int) any { return Faults{ErrorCode: v}.code() }).
		in(codeGroup).always(func(f Faults) bool { return f.ErrorCodes != Codes{} }),
	field("errorCodes", "error-codes", "statuses of failed requests, drawn evenly, such as 500/503, in place of one",
		func(f *Faults) *Codes { return &f.ErrorCodes }, parseCodes, checkCodes,
		func(c Codes) any { return c.String() }).
		in(codeGroup),
	rateKnob("closeRate", "close-rate", "share of requests whose connection is closed without an answer, from 0 to 1",
		func(f *Faults) *float64 { return &f.CloseRate }).in(fateGroup),
	rateKnob("resetRate", "reset-rate", "share of requests whose connection is reset, from 0 to 1",
		func(f *Faults) *float64 { return &f.ResetRate }).in(fateGroup),
	durationKnob("latency", "latency", "delay of every answer, such as 50ms",
		func(f *Faults) *time.Duration { return &f.Latency }).always(never),
	durationKnob("jitter", "jitter", "measure of a further random delay of every answer, see distribution",
		func(f *Faults) *time.Duration { return &f.Jitter }).always(never),
	choiceKnob("distribution", "distribution",
		"how the random delay is spread: uniform (0 to jitter), exponential (mean jitter), "+
			"normal (half of a bell, deviation jitter) (default uniform)",
		func(f *Faults) *Distribution { return &f.Distribution }, distributions),
	durationKnob("stream", "stream", "how long every answer's body takes after its header",
		func(f *Faults) *time.Duration { return &f.Stream }),
	countKnob("concurrency", "concurrency", "how many requests are worked on at once; 0 is no limit",
		func(f *Faults) *int { return &f.Concurrency }).ofPod(),
	choiceKnob("overflow", "overflow",
		"what becomes of requests over the limit: reject (503 at once), queue (default reject)",
		func(f *Faults) *Overflow { return &f.Overflow }, overflows).ofPod(),
	countKnob("queue", "queue", "how many requests may wait in the queue; 0 is no bound",
		func(f *Faults) *int { return &f.Queue }).ofPod(),
	switchKnob("unready", "unready", "say on /readyz that the pod is not ready, and go on serving",
		func(f *Faults) *bool { return &f.Unready }).ofPod(),
	durationKnob("drain", drainFlag, "how long to go on serving after SIGTERM, so that proxies learn of it first",
		func(f *Faults) *time.Duration { return &f.Drain }).ofPod(),
}

func never(Faults) bool { return false }

func knobOf(name string) (knob, error) {
	if i := slices.IndexFunc(knobs, func(k knob) bool { return k.name == name }); i >= 0 {
		return knobs[i], nil
	}
	var names []string
	for _, k := range knobs {
		names = append(names, k.name)
	}
	return knob{}, fmt.Errorf("%s: unknown; there are %s", name, strings.Join(names, ", "))
}

// text returns the text for set of a value in JSON, which must have the knob's JSON type.
func (k knob) text(value json.RawMessage) (string, error) {
	if string(value) == "null" {
		return "", fmt.Errorf("%s: null is not a value; leave the field out", k.name)
	}
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		return "", fmt.Errorf("%s: %w", k.name, err)
	}
	if got, want := jsonType(v), jsonType(k.example); got != want {
		return "", fmt.Errorf("%s: want a %s, got a %s", k.name, want, got)
	}
	if s, ok := v.(string); ok {
		return s, nil
	}
	return string(value), nil
}

func jsonType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case int, float64:
		return "number"
	case []any:
		return "list"
	default:
		return "object"
	}
}
