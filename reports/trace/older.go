package trace

import "strings"

// modernize fills in what older versions of this program said in words: that a proxy's time is the latest
// possible one, and that a request was never sent.
func (l *Line) modernize() {
	if e := l.Event; e != nil && e.Kind == Synced && e.Text == "at the latest" {
		e.Text, e.Late = "", true
	}
	// The error was that of net.Dialer.
	if s := l.Sample; s != nil && s.Code == 0 && strings.HasPrefix(s.Err, "dial ") {
		s.Unsent = true
	}
}
