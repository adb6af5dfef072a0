package trace

import (
	"time"
)

// A Decision is what was made of a canary while it had its share: whoever watched it decided that it is bad, or
// that it is good.
type Decision struct {
	// By says who decided, and by what rule.
	By string `json:"by"`
	// Bad is a decision to take the canary back. Otherwise it is one to go on.
	Bad bool `json:"bad"`
	// Text says what it rests on, such as "12 of 117 answers of v2 failed".
	Text string `json:"text"`
	// Seen is when what it rests on was known: the last request's end, or the time of the newest scrape. Asked
	// is when somebody began to look at it; zero for a rule that looks at every request at once.
	Seen  time.Time `json:"seen,omitzero"`
	Asked time.Time `json:"asked,omitzero"`
}
