package loadgen

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Hidden stands where the value of a header is that is nobody's to read.
const Hidden = "(not shown)"

// secretHeaders are headers whose values let who has them in (RFC 9110, 11.6 and 11.7; the others by convention).
var secretHeaders = []string{"authorization", "proxy-authorization", "x-api-key", "api-key", "x-auth-token"}

// jsonWebToken is a JWT in its compact form (RFC 7519, 3.1), in whatever it is.
var jsonWebToken = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.[\w-]*`)

// IsSecret tells whether the value of a header is not for a report: by its name, or because it has a token.
func IsSecret(name, value string) bool {
	if strings.Contains(value, UserMark) {
		return false // it is made for virtual users
	}
	return slices.Contains(secretHeaders, strings.ToLower(name)) || jsonWebToken.MatchString(value)
}

// Shown is the value of a header as a report has it.
func Shown(name, value string) string {
	if IsSecret(name, value) {
		return Hidden
	}
	return value
}

// HasToken tells whether a text has a token in it, as a URL may.
func HasToken(text string) bool { return jsonWebToken.MatchString(text) }

// WithoutToken is a text with what stands for a token in the place of each.
func WithoutToken(text string) string { return jsonWebToken.ReplaceAllString(text, Hidden) }

// WithoutSecrets returns the plan as it is recorded.
func (p Plan) WithoutSecrets() Plan {
	return p.withHeaders(func(c Cohort) map[string]string {
		out := maps.Clone(c.Header)
		for name, v := range out {
			out[name] = Shown(name, v)
		}
		return out
	})
}

// WithSecretsOf returns the plan as it is sent: what is hidden in it has the values that own has, whose cohorts have
// the same names.
func (p Plan) WithSecretsOf(own Plan) Plan {
	return p.withHeaders(func(c Cohort) map[string]string {
		i := slices.IndexFunc(own.Cohorts, func(o Cohort) bool { return o.Name == c.Name })
		out := maps.Clone(c.Header)
		for name, v := range out {
			if v == Hidden && i >= 0 {
				out[name] = own.Cohorts[i].Header[name]
			}
		}
		return out
	})
}

func (p Plan) withHeaders(header func(Cohort) map[string]string) Plan {
	p.Cohorts = slices.Clone(p.Cohorts)
	for i, c := range p.Cohorts {
		p.Cohorts[i].Header = header(c)
	}
	return p
}
