package analysis

import (
	"encoding/json"
	"slices"
	"strings"
)

// A Problem is something that stands in the way of trusting a run's numbers.
type Problem struct {
	// Void tells that it is the machine's doing: the generator could not keep its plan, or a clock moved.
	Void bool
	// Basis is what such a problem shakes: verdicts that rest on it are void. Empty where none can be trusted, as with
	// requests that are not accounted for, and in reports of before verdicts said what they rest on.
	Basis Basis
	// Text says in one sentence what does not add up, or which limit was broken.
	Text string
}

// String is the problem for people.
func (p Problem) String() string {
	if p.Void {
		return "void: " + p.Text
	}
	return p.Text
}

// accountingFields are those of an Accounting without its methods.
type accountingFields Accounting

// accountingJSON is an Accounting in a file. Older readers know problems as texts, and how many of them are the
// machine's.
type accountingJSON struct {
	accountingFields
	Problems []string `json:"problems,omitempty"`
	Voids    int      `json:"voids,omitempty"`
	// VoidProblems are the places in Problems of those that are the machine's, from 0.
	VoidProblems []int `json:"voidProblems,omitempty"`
	// VoidBases has what each of VoidProblems shakes.
	VoidBases []Basis `json:"voidBases,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (b Accounting) MarshalJSON() ([]byte, error) {
	out := accountingJSON{accountingFields: accountingFields(b)}
	for i, p := range b.Problems {
		out.Problems = append(out.Problems, p.Text)
		if p.Void {
			out.Voids++
			out.VoidProblems, out.VoidBases = append(out.VoidProblems, i), append(out.VoidBases, p.Basis)
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Accounting) UnmarshalJSON(file []byte) error {
	in := accountingJSON{}
	if err := json.Unmarshal(file, &in); err != nil {
		return err
	}
	*b = Accounting(in.accountingFields)
	b.Problems = nil
	for i, text := range in.Problems {
		p := Problem{Text: text}
		if at := slices.Index(in.VoidProblems, i); at >= 0 {
			p.Void = true
			// A basis that a newer version knows is none that anything here could be told to rest on.
			if at < len(in.VoidBases) && slices.Contains(bases, in.VoidBases[at]) {
				p.Basis = in.VoidBases[at]
			}
		}
		b.Problems = append(b.Problems, p)
	}
	return nil
}

// ProblemText says for people what stands in the way of trusting the numbers, in one line.
func (b Accounting) ProblemText() string {
	var texts []string
	for _, p := range b.Problems {
		texts = append(texts, p.Text)
	}
	return strings.Join(texts, "; ")
}
