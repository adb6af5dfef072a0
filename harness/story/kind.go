package story

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
)

// A kind is one of the things that a step, a proof, an expectation, a detector or a check can be.
type kind struct {
	name string
	// form is what its keys are read into: a struct, of which it has some keys, or a text, which has none.
	form reflect.Type
	keys []key
	// make makes the thing of its form, and take the form of a thing: ok is false for a thing of another kind.
	make func(form reflect.Value) (thing any, err error)
	take func(thing reflect.Value) (form reflect.Value, ok bool)
}

// needed are the keys that may not be left out. Of a choice it has the first.
func (k kind) needed() (keys []key) {
	chosen := map[string]bool{}
	for _, one := range k.keys {
		if one.optional && (one.choice == "" || chosen[one.choice]) {
			continue
		}
		chosen[one.choice] = one.choice != ""
		keys = append(keys, one)
	}
	return keys
}

// only is the one key that may not be left out, if there is exactly one, with a single value: that may stand for all
// of the keys.
func (k kind) only() (one key, ok bool) {
	keys := k.needed()
	if len(keys) != 1 || keys[0].choice != "" || keys[0].of.Kind() == reflect.Slice {
		return key{}, false
	}
	return keys[0], true
}

// isText tells that the kind is written with a text, and has no keys.
func (k kind) isText() bool { return k.form.Kind() == reflect.String }

// example is how the kind is written, without values: "share: {version: …, percent: …}".
func (k kind) example() string {
	if _, ok := k.only(); ok || k.isText() {
		return k.name + ": …"
	}
	var keys []string
	for _, one := range k.needed() {
		keys = append(keys, one.name+": …")
	}
	if len(keys) == 0 {
		return k.name
	}
	return k.name + ": {" + strings.Join(keys, ", ") + "}"
}

// A union is a list of kinds: what a value of one type can be.
type union struct {
	// noun is "a step".
	noun  string
	kinds []kind
}

// find returns the kind of a name.
func (u union) find(name string) (kind, bool) {
	i := slices.IndexFunc(u.kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		return kind{}, false
	}
	return u.kinds[i], true
}

func (u union) names() (all []string) {
	for _, k := range u.kinds {
		all = append(all, k.name)
	}
	return all
}

// unions has the union of each type whose values are of several kinds. All of them come from the packages that know
// them: nothing here lists a step, a proof, an expectation or a detector.
var unions = sync.OnceValue(func() map[reflect.Type]union {
	all := map[reflect.Type]union{}
	include(all, "a step", typed(harness.Steps()))
	include(all, "a proof", typed(harness.Proofs()))
	include(all, "a detector", typed(harness.Detectors()))
	include(all, "an expectation", claims())
	include(all, "a check", checks())
	return all
})

// include adds the union of the type T.
func include[T any](all map[reflect.Type]union, noun string, kinds of[T]) {
	slices.SortFunc(kinds, func(a, b kind) int { return cmp.Compare(a.name, b.name) })
	all[reflect.TypeFor[T]()] = union{noun, kinds}
}

// of are kinds of things of the type T.
type of[T any] []kind

// typed are kinds that are types of their own, whose fields are their keys.
func typed[T any](zero map[string]T) (kinds of[T]) {
	for name, z := range zero {
		t := reflect.TypeOf(z)
		k := kind{
			name: name, form: t,
			make: func(form reflect.Value) (any, error) { return form.Interface(), nil },
			take: func(thing reflect.Value) (reflect.Value, bool) { return thing, thing.Type() == t },
		}
		if t.Kind() == reflect.Struct {
			k.keys = keysOf(t)
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// A claim is an expect.Record as people write it. A kind of expectation has some of its keys.
type claim struct {
	Version string `record:"Version"`
	Status  int    `record:"Code"`
	Flag    string `record:"Flag"`
	GRPC    string `json:"grpc" record:"GRPC"`
	// Of the three there is one: a share, or a bound of it.
	Percent     *float64      `json:",omitzero" choice:"share" record:"Percent"`
	AtLeast     *float64      `json:",omitzero" choice:"share" record:"Bound"`
	AtMost      *float64      `json:",omitzero" choice:"share" record:"Bound"`
	Foreseen    float64       `json:",omitzero" record:"Foreseen"`
	DrawnSingly bool          `json:",omitzero" record:"Singly"`
	Rate        float64       `record:"Rate"`
	Times       float64       `record:"Times"`
	Requests    int           `record:"Count"`
	Time        time.Duration `record:"Time"`
	Users       int           `record:"Users"`
	From        string        `record:"From"`
	To          string        `record:"To"`
	Phase       string        `record:"Phase"`
	Of          string        `json:",omitzero" record:"Cohort"`
}

// claims are the kinds of expectations. Each has the keys of the fields that its records have.
func claims() (kinds of[expect.Expectation]) {
	form := reflect.TypeFor[claim]()
	all := keysOf(form)
	for name, record := range expect.Kinds() {
		k := kind{name: name, form: form}
		has := reflect.ValueOf(record)
		for _, one := range all {
			if !has.FieldByName(form.Field(one.field).Tag.Get("record")).IsZero() {
				k.keys = append(k.keys, one)
			}
		}
		k.make = func(form reflect.Value) (any, error) {
			return expect.Make(form.Interface().(claim).record(name))
		}
		k.take = func(thing reflect.Value) (reflect.Value, bool) {
			r := expect.RecordOf(thing.Interface().(expect.Expectation))
			return reflect.ValueOf(claimOf(r, record.Percent != 0)), r.Kind == name
		}
		kinds = append(kinds, k)
	}
	return kinds
}

// record is the claim of a kind, as package expect has it.
func (c claim) record(name string) expect.Record {
	r := expect.Record{
		Kind: name, Version: c.Version, Code: c.Status, Flag: c.Flag, GRPC: c.GRPC, Foreseen: c.Foreseen,
		Singly: c.DrawnSingly,
		Rate:   c.Rate, Times: c.Times, Count: c.Requests, Time: c.Time, Phase: c.Phase, Cohort: c.Of,
		Users: c.Users, From: c.From, To: c.To,
	}
	switch {
	case c.Percent != nil:
		r.Percent = *c.Percent
	case c.AtLeast != nil:
		r.Percent, r.Bound = *c.AtLeast, 1
	case c.AtMost != nil:
		r.Percent, r.Bound = *c.AtMost, -1
	}
	return r
}

// claimOf is the inverse of record. share tells that the kind is about a share.
func claimOf(r expect.Record, share bool) claim {
	c := claim{
		Version: r.Version, Status: r.Code, Flag: r.Flag, GRPC: r.GRPC, Foreseen: r.Foreseen, DrawnSingly: r.Singly,
		Rate: r.Rate, Times: r.Times, Requests: r.Count, Time: r.Time, Phase: r.Phase, Of: r.Cohort,
		Users: r.Users, From: r.From, To: r.To,
	}
	switch {
	case !share:
	case r.Bound > 0:
		c.AtLeast = &r.Percent
	case r.Bound < 0:
		c.AtMost = &r.Percent
	default:
		c.Percent = &r.Percent
	}
	return c
}

// made is a check that a function makes.
type made struct {
	Subset string
	Limit  float64
}

// query is the kind of a check of somebody's own.
const query = "query"

// checks are the kinds of checks: those that a function makes, and queries of somebody's own.
func checks() (kinds of[harness.Check]) {
	form := reflect.TypeFor[made]()
	for name, maker := range harness.Checks() {
		kinds = append(kinds, kind{
			name: name, form: form, keys: keysOf(form),
			make: func(form reflect.Value) (any, error) {
				m := form.Interface().(made)
				return maker(m.Subset, m.Limit), nil
			},
			take: func(thing reflect.Value) (reflect.Value, bool) {
				c := thing.Interface().(harness.Check)
				kind, subset, _ := c.Made()
				return reflect.ValueOf(made{subset, c.Limit}), kind == name
			},
		})
	}
	own := typed(map[string]harness.Check{query: {}})[0]
	own.take = func(thing reflect.Value) (reflect.Value, bool) {
		_, _, ok := thing.Interface().(harness.Check).Made()
		return thing, !ok
	}
	return append(kinds, own)
}

// Written says how a thing is written in a story.yaml, such as "endpoints: {subset: …, want: …}", and which keys it may
// have besides. The thing is known by its kind, among those of the type T. ok is false for a kind that there is not.
func Written[T any](name string) (text string, also []string, ok bool) {
	k, ok := unions()[reflect.TypeFor[T]()].find(name)
	if !ok {
		return "", nil, false
	}
	needed := named(k.needed())
	for _, one := range k.keys {
		if !slices.Contains(needed, one.name) {
			also = append(also, one.name)
		}
	}
	return k.example(), also, true
}

// unknown is an error about a name that a union does not have.
func (u union) unknown(name, hint string) string {
	return fmt.Sprintf("%q is not %s%s (there are: %s)", name, u.noun, hint, strings.Join(u.names(), ", "))
}
