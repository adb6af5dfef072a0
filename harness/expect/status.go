package expect

import (
	"strconv"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Status claims that percent of all requests end with the HTTP status code, whoever answered. Code 0 is no answer.
func Status(code int, percent float64) proportion {
	return proportion{property: withStatus(code), percent: percent}
}

// withStatus is the property of a request that ended with an HTTP status code.
type withStatus int

func (code withStatus) String() string {
	if code == 0 {
		return "without an answer"
	}
	return "with status " + strconv.Itoa(int(code))
}

func (withStatus) kind() string                            { return "status" }
func (code withStatus) subject() string                    { return strconv.Itoa(int(code)) }
func (code withStatus) count(c analysis.Counts) (int, int) { return c.Codes[int(code)], 0 }
func (withStatus) doubt() string                           { return "" }
func (withStatus) lacks() string                           { return "" }
func (withStatus) adds() bool                              { return true }

func (code withStatus) request() request {
	return request{failed: loadgen.Failed(int(code)), code: int(code)}
}

func (code withStatus) moved(f analysis.Failure) (gave, kept bool) {
	return f.Code == int(code), f.Code != int(code)
}
func (withStatus) spared(float64) bool { return true }

func (code withStatus) describe(r *Record) { r.Code = int(code) }

var _ = recorded("status", func(r Record) Expectation { return Status(r.Code, r.Percent).as(r) })
