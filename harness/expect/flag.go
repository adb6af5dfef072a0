package expect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/analysis"
)

// Flag claims that percent of all requests end with the HTTP status code and with Envoy's response flag. Several flags,
// such as "UF,URX", must all be set; others may be set too. "-" is an error that the app answered by itself.
func Flag(code int, flag string, percent float64) proportion {
	return proportion{property: withFlag{code, flag}, percent: percent}
}

// withFlag is the property of a request that ended with an HTTP status code and with Envoy's response flag.
type withFlag struct {
	code int
	flag string
}

func (f withFlag) String() string { return fmt.Sprintf("with status %d and flag %s", f.code, f.flag) }
func (withFlag) kind() string     { return "flag" }
func (f withFlag) subject() string {
	return fmt.Sprintf("%d %s", f.code, analysis.FlagSet(flagList(f.flag)))
}
func (f withFlag) request() request { return request{failed: loadgen.Failed(f.code), code: f.code} }

// adds is false, as a request may have several flags.
func (withFlag) adds() bool { return false }

func (f withFlag) doubt() string {
	return fmt.Sprintf("with status %d, so that their flag is not known", f.code)
}

func (f withFlag) lacks() string {
	if f.flag == "" {
		return "a flag, or - for none"
	}
	return ""
}

func (f withFlag) count(c analysis.Counts) (count, unknown int) {
	for _, failure := range c.Failures {
		switch {
		case failure.Code != f.code:
		case hasFlags(failure.Flag, f.flag):
			count += failure.Count
		case failure.Flag == analysis.NotLogged:
			unknown += failure.Count
		}
	}
	return count, unknown
}

// hasFlags tells whether the set of flags has all the wanted ones.
func hasFlags(set, wanted string) bool {
	flags := strings.Split(set, ",")
	return !slices.ContainsFunc(flagList(wanted), func(flag string) bool { return !slices.Contains(flags, flag) })
}

// flagList takes "UF, URX" apart.
func flagList(flags string) []string {
	list := strings.Split(flags, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func (f withFlag) moved(failure analysis.Failure) (gave, kept bool) {
	has := failure.Code == f.code && hasFlags(failure.Flag, f.flag)
	return has, !has
}

func (f withFlag) spared(float64) bool {
	return !analysis.ConfigDecides(strings.Join(flagList(f.flag), ","))
}

func (f withFlag) describe(r *Record) { r.Code, r.Flag = f.code, f.flag }

var _ = recorded("flag", func(r Record) Expectation { return Flag(r.Code, r.Flag, r.Percent).as(r) })
