package routes

// A Condition is one thing that a match asks of a request.
type Condition struct {
	// Of is what is looked at. Name is that of the header or query parameter.
	Of   Subject
	Name string
	// Op compares it with Value.
	Op    Op
	Value string
	// Not turns the condition around (withoutHeaders).
	Not bool
	// IgnoreCase compares a path without regard to case.
	IgnoreCase bool
}

// A Subject is a part of a request.
type Subject string

// The parts of a request that a match may look at.
const (
	OfPath      Subject = "uri"
	OfMethod    Subject = "method"
	OfAuthority Subject = "authority"
	OfScheme    Subject = "scheme"
	OfHeader    Subject = "header"
	OfQuery     Subject = "query parameter"
	// OfClaim is a claim of the caller's token (a header @request.auth.claims...). No request is built for it.
	OfClaim Subject = "claim"
)

// An Op compares a part of a request with a condition's value.
type Op string

// The comparisons.
const (
	Exact  Op = "exact"
	Prefix Op = "prefix"
	// PathPrefix is the Gateway API's prefix of whole path elements: /api matches /api/x, and not /apiary.
	PathPrefix Op = "path-prefix"
	// Regex is RE2, and has to match all of the text.
	Regex Op = "regex"
	// Present asks only whether there is a value.
	Present Op = "present"
)
