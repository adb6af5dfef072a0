package harness

import "maps"

// What a story without Go can be made of (package story): a zero value of each, by the name that it has there, which is
// the one that reports have for it. Each step's, proof's and detector's own file adds it.
var (
	stepKinds     = map[string]Step{}
	proofKinds    = map[string]Proof{}
	detectorKinds = map[string]Detector{}
	checkKinds    = map[string]func(subset string, limit float64) Check{}
)

// Steps returns a zero value of each step that a story can be made of, by the Kind of its Action.
func Steps() map[string]Step { return maps.Clone(stepKinds) }

// Proofs returns a zero value of each proof, by the Kind of its verdicts.
func Proofs() map[string]Proof { return maps.Clone(proofKinds) }

// Detectors returns a zero value of each detector that a story can be made of, by its type's name in kebab case.
func Detectors() map[string]Detector { return maps.Clone(detectorKinds) }

// Checks returns what makes the ready-made checks of a Gate, by the function's name in kebab case.
func Checks() map[string]func(subset string, limit float64) Check { return maps.Clone(checkKinds) }

// Made tells which of Checks made a check, and of which subset. ok is false for a query of somebody's own.
func (c Check) Made() (kind, subset string, ok bool) {
	for kind, made := range checkKinds {
		if c.spot != (spot{}) && made(c.spot.subset, c.Limit) == c {
			return kind, c.spot.subset, true
		}
	}
	return "", "", false
}

//nolint:unparam // an init could do without a result, and would be one more thing that happens unseen
func stepKind(zero Step) string { return add(stepKinds, zero.Action().Kind, zero) }

//nolint:unparam // an init could do without a result, and would be one more thing that happens unseen
func proofKind(zero Proof) string { return add(proofKinds, zero.kind(), zero) }

//nolint:unparam // an init could do without a result, and would be one more thing that happens unseen
func detectorKind(name string, zero Detector) string { return add(detectorKinds, name, zero) }

//nolint:unparam // an init could do without a result, and would be one more thing that happens unseen
func checkKind(name string, made func(subset string, limit float64) Check) string {
	return add(checkKinds, name, made)
}

// add returns the name, so that a file can call it where it declares things.
func add[T any](kinds map[string]T, name string, kind T) string {
	if _, twice := kinds[name]; twice {
		panic("two things have the kind " + name)
	}
	kinds[name] = kind
	return name
}
