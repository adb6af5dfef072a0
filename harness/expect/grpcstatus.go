package expect

import (
	"fmt"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

// GRPCStatus claims that percent of all requests end with a grpc-status, such as UNAVAILABLE, whatever their HTTP
// status. That is 200 for each call that was answered
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses). A request that is no call has none.
func GRPCStatus(status string, percent float64) proportion {
	return proportion{property: withGRPCStatus(status), percent: percent}
}

// withGRPCStatus is the property of a call that ended with a grpc-status.
type withGRPCStatus string

func (status withGRPCStatus) String() string  { return "with grpc-status " + string(status) }
func (withGRPCStatus) kind() string           { return "grpc-status" }
func (status withGRPCStatus) subject() string { return analysis.GRPCSubject(string(status)) }
func (status withGRPCStatus) count(c analysis.Counts) (count, no int) {
	return c.GRPC[string(status)], 0
}
func (withGRPCStatus) doubt() string       { return "" }
func (withGRPCStatus) adds() bool          { return true }
func (withGRPCStatus) spared(float64) bool { return true }

func (status withGRPCStatus) lacks() string {
	if !loadgen.IsGRPCStatus(string(status)) {
		return fmt.Sprintf("a grpc-status in place of %q, such as UNAVAILABLE", string(status))
	}
	return ""
}

// request has no HTTP status: a call fails with one of 200, or without an answer.
func (status withGRPCStatus) request() request {
	return request{failed: status != loadgen.GRPCOK, code: anyCode}
}

func (status withGRPCStatus) moved(f analysis.Failure) (gave, kept bool) {
	return f.GRPC == string(status), f.GRPC != string(status)
}

func (status withGRPCStatus) describe(r *Record) { r.GRPC = string(status) }

var _ = recorded("grpc-status", func(r Record) Expectation { return GRPCStatus(r.GRPC, r.Percent).as(r) })
