package environment

import "time"

// A Write is one of an object by somebody else than the lab.
type Write struct {
	// At is when it was seen, a few milliseconds after it was accepted.
	At time.Time `json:"at"`
	// Verb is created, changed or deleted.
	Verb string `json:"verb"`
	// Object is such as VirtualService/my-service.
	Object string `json:"object"`
	// By names the program that wrote, such as kubectl-edit, where the object says so.
	By string `json:"by,omitempty"`
	// What lists what changed, such as "spec.subsets[1].labels.version: v2.0 → v2".
	What []string `json:"what,omitempty"`
}

// shown is how many of the differences String has.
const shown = 3

// String is "changed VirtualService/my-service (spec.http[0].route[1].weight: 10 → 0)".
func (w Write) String() string {
	text := w.Verb + " " + w.Object
	for i, what := range w.What {
		switch {
		case i == shown:
			return text + ", …)"
		case i == 0:
			text += " (" + what
		default:
			text += ", " + what
		}
	}
	if len(w.What) > 0 {
		text += ")"
	}
	return text
}

// Rest are the differences that String leaves out.
func (w Write) Rest() []string { return w.What[min(shown, len(w.What)):] }
