package analysis

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/format"
)

// IsFailure tells whether a key of Counts.Flags is that of an error. Envoy flags others too, such as a stream
// that its caller ended.
func IsFailure(key string) bool {
	status, _, _ := strings.Cut(key, " ")
	// Behind a slash is the grpc-status of a call that failed by it.
	code, err := strconv.Atoi(status)
	return err != nil || loadgen.Failed(code)
}

// grpcSubject is what GRPCSubject begins with.
const grpcSubject = "grpc/"

// GRPCSubject is the subject of claims about a grpc-status, and its key in Counts.Dispersion.
func GRPCSubject(status string) string { return grpcSubject + status }

// KindInWords is a key of Counts for readers who don't know what 0 and - stand for.
func KindInWords(key string) string {
	if status, ok := strings.CutPrefix(key, grpcSubject); ok {
		return "grpc-status " + status
	}
	code, flag, ok := strings.Cut(key, " ")
	code, grpcStatus, _ := strings.Cut(code, "/")
	if !ok || !IsStatus(key) {
		return Answerer(key)
	}
	if code == "0" {
		code = "no answer"
	}
	return format.Join(" ", code, grpcStatus, format.When(flag != NoFlag, flag))
}

// IsStatus tells whether a claim's subject is a status, with or without a flag, or a grpc-status.
func IsStatus(subject string) bool {
	code, _, _ := strings.Cut(subject, " ")
	code, _, grpc := strings.Cut(code, "/")
	if grpc && code+"/" == grpcSubject {
		return true
	}
	_, err := strconv.Atoi(code)
	return err == nil
}

// Of counts the requests of a claim's subject: a version, a status with or without a flag, or a grpc-status.
func (c Counts) Of(subject string) int {
	if n, ok := c.Versions[subject]; ok {
		return n
	}
	if status, ok := strings.CutPrefix(subject, grpcSubject); ok {
		return c.GRPC[status]
	}
	if code, err := strconv.Atoi(subject); err == nil {
		return c.Codes[code]
	}
	return c.Flags[subject]
}

// CohortOrder is the plan's order of cohorts, then that of the alphabet for others.
func CohortOrder(cohorts map[string]Counts, plan loadgen.Plan) []string {
	place := func(name string) int {
		i := slices.IndexFunc(plan.Cohorts, func(c loadgen.Cohort) bool { return c.Name == name })
		if i < 0 {
			return len(plan.Cohorts)
		}
		return i
	}
	return slices.SortedFunc(maps.Keys(cohorts), func(a, b string) int {
		return cmp.Or(place(a)-place(b), strings.Compare(a, b))
	})
}

// CompareVersions sorts versions, v2 before v10 and "" last.
func CompareVersions(a, b string) int {
	if (a == "") != (b == "") {
		return len(b) - len(a)
	}
	name := func(s string) string { return strings.TrimRight(s, "0123456789") }
	if name(a) == name(b) {
		return cmp.Or(len(a)-len(b), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// Answerer names who answered in a table.
func Answerer(version string) string { return cmp.Or(version, "no version") }
