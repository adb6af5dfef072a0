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
}

// MarshalJSON implements json.Marshaler.
func (b Accounting) MarshalJSON() ([]byte, error) {
	out := accountingJSON{accountingFields: accountingFields(b)}
	for i, p := range b.Problems {
		out.Problems = append(out.Problems, p.Text)
		if p.Void {
			out.Voids++
			out.VoidProblems = append(out.VoidProblems, i)
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
		b.Problems = append(b.Problems, Problem{Void: slices.Contains(in.VoidProblems, i), Text: text})
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
