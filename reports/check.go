package reports

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

const (
	// maxBins bounds a Timeline: 1,000,000 of 100 ms are 28 hours.
	maxBins = 1_000_000
	// maxCount is more requests than any run has, and so few that sums of counts stay integers.
	maxCount = 1_000_000_000_000
)

// check refuses a report whose numbers no run can have, by the path of the field. What draws a report, and what
// compares two, loops over bins and makes intervals of shares: there such numbers end nowhere.
func (r *Report) check() error {
	if n := len(r.Setup.Load.Cohorts); n > loadgen.MaxCohorts {
		return fmt.Errorf("setup.load.cohorts: there are %d, more than %d", n, loadgen.MaxCohorts)
	}
	return checkValue("", reflect.ValueOf(r).Elem())
}

// checkValue looks for what has bounds in a value.
func checkValue(path string, v reflect.Value) error {
	if v.CanInterface() {
		if err := checkKnown(v.Interface()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkValue(path, v.Elem())
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return nil
		}
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				if err := checkValue(join(path, jsonName(f)), v.Field(i)); err != nil {
					return err
				}
			}
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Pointer {
			return nil
		}
		for i := range v.Len() {
			if err := checkValue(fmt.Sprintf("%s[%d]", path, i), v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if err := checkValue(fmt.Sprintf("%s[%.40q]", path, fmt.Sprint(key)), v.MapIndex(key)); err != nil {
				return err
			}
		}
	case reflect.Int:
		if n := v.Int(); n < -maxCount || n > math.MaxInt64/2 && n != math.MaxInt64 {
			return fmt.Errorf("%s: %d is no count", path, n)
		}
	case reflect.Float64:
		if f := v.Float(); math.Abs(f) > 1e300 {
			return fmt.Errorf("%s: %g is no measurement", path, f)
		}
	}
	return nil
}

// checkKnown looks at types that have bounds of their own.
func checkKnown(value any) error {
	switch v := value.(type) {
	case analysis.Share:
		if v.Count < 0 || v.Of < v.Count || v.Of > maxCount {
			return fmt.Errorf("%d of %d is no share", v.Count, v.Of)
		}
	case analysis.Counts:
		if v.Requests < 0 || v.Requests > maxCount {
			return fmt.Errorf("%d is no number of requests", v.Requests)
		}
		return cmp.Or(
			within(v.Versions, v.Requests, "versions: %d answers of %.40q"),
			within(v.Codes, v.Requests, "codes: %d answers with status %d"),
			within(v.GRPC, v.Requests, "grpc: %d calls with status %.40q"),
			within(v.Flags, v.Requests, "flags: %d requests of %.40q"),
		)
	case analysis.Open:
		if v.Connections < 0 || v.Cut < 0 || v.Cut > v.Connections || v.Connections > maxCount {
			return fmt.Errorf("%d of %d open connections can't have been cut", v.Cut, v.Connections)
		}
	case analysis.Timeline:
		return checkTimeline(v)
	case analysis.Curve:
		if len(v.Percents) != len(v.LatencyMS) || v.N < 0 {
			return fmt.Errorf("%d percents have %d latencies", len(v.Percents), len(v.LatencyMS))
		}
		if !slices.IsSorted(v.Percents) || !slices.IsSorted(v.LatencyMS) {
			return fmt.Errorf("it does not rise")
		}
	}
	return nil
}

// within refuses counts that are not from 0 to most. words name one of them, with its count and its key.
func within[K comparable](counts map[K]int, most int, words string) error {
	for key, n := range counts {
		if n < 0 || n > most {
			return fmt.Errorf(words+" are not 0 to %d", n, key, most)
		}
	}
	return nil
}

func checkTimeline(t analysis.Timeline) error {
	if t.Bins < 0 || t.Bins > maxBins || t.BinMS <= 0 || t.BinMS > 1e9 {
		return fmt.Errorf("%d bins of %g ms are no timeline", t.Bins, t.BinMS)
	}
	for i, s := range t.Series {
		if s.From < 0 || s.From > t.Bins || len(s.Counts) > t.Bins-s.From {
			return fmt.Errorf("series[%d]: %d bins from %d on are not within %d", i, len(s.Counts), s.From, t.Bins)
		}
		for _, n := range s.Counts {
			if n < 0 || n > maxCount {
				return fmt.Errorf("series[%d]: %d is no number of requests", i, n)
			}
		}
	}
	return nil
}

// jsonName is a field's name in the file, empty for one whose fields are those of the whole.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" && !f.Anonymous {
		name = f.Name
	}
	return name
}

func join(path, name string) string {
	return strings.Trim(path+"."+name, ".")
}
