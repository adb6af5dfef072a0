package routes

// A Class is a kind of request that is worth sending, and what should become of it.
type Class struct {
	// Name is unique in the table and in kebab case, such as "reviews-end-user-jason" or
	// "reviews-without-end-user".
	Name string
	// Rule is the rule that the class is derived from, as index in Table.Rules; -1 for a default of a host without
	// rules, and for a case of TestCases.
	Rule int
	Kind ClassKind
	// Why says in a few words what is special about it: "meets http[0].match[0]", "header end-user is absent".
	Why     string
	Request Request
	// Takes is the rule that the request should meet by the table: Rule for one that meets it, another one or -1
	// for a near miss, and the rule before it for one that is shadowed.
	Takes int
	Want  Want
}

// A ClassKind says why a class is worth sending.
type ClassKind string

// The kinds of classes.
const (
	// Meets: the request meets all of the rule's conditions.
	Meets ClassKind = "meets"
	// NearMiss: the request misses the rule by one condition.
	NearMiss ClassKind = "near-miss"
	// Default: a plain request to a host, which meets no condition on purpose.
	Default ClassKind = "default"
	// Case: a test case of the user's own.
	Case ClassKind = "case"
)

// Classes derives the classes of all rules and hosts. Requests that are the same are one class.
func (t Table) Classes() []Class { return nil }
