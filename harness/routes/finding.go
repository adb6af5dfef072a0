package routes

// A Finding is something in the objects that looks like a mistake, found without sending anything.
type Finding struct {
	// Kind is in kebab case: one of the constants below.
	Kind FindingKind
	// Object is the object that has it, and Source its line there. Rule is the rule concerned, as index in
	// Table.Rules, -1 if it is none.
	Object string
	Source Source
	Rule   int
	// Text says what is wrong, and Do what to do about it: a sentence each.
	Text, Do string
}

// A FindingKind is the kind of a finding.
type FindingKind string

// The kinds of findings.
const (
	Unreadable      FindingKind = "unreadable"
	NotLookedAt     FindingKind = "not-looked-at"
	Shadowed        FindingKind = "shadowed"
	WeightSum       FindingKind = "weight-sum"
	UnknownHost     FindingKind = "unknown-host"
	UndefinedSubset FindingKind = "undefined-subset"
	UnusedRule      FindingKind = "unused-destination-rule"
	NoSuchPods      FindingKind = "no-such-pods"
	DuplicateHost   FindingKind = "duplicate-host"
	HeaderCase      FindingKind = "header-case"
	PathSlash       FindingKind = "path-slash"
	NoGrant         FindingKind = "no-reference-grant"
)
