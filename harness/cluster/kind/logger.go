package kind

import (
	"fmt"
	"strings"
	"sync"

	kindlog "sigs.k8s.io/kind/pkg/log"

	"github.com/canarylab/canarylab/harness/progress"
)

// A logger makes steps of what kind logs: " • Preparing nodes 📦 ..." begins one, " ✓ Preparing nodes 📦" ends
// it. It drops everything else: errors come back as errors.
type logger struct {
	kindlog.NoopLogger
	steps progress.Progress

	mu   sync.Mutex
	done func(error)
}

var _ kindlog.Logger = (*logger)(nil)

// V implements kind's Logger.
func (l *logger) V(level kindlog.Level) kindlog.InfoLogger {
	if level > 0 {
		return kindlog.NoopInfoLogger{}
	}
	return l
}

// Enabled implements kind's InfoLogger.
func (l *logger) Enabled() bool { return true }

// Infof implements kind's InfoLogger.
func (l *logger) Infof(format string, args ...any) { l.Info(fmt.Sprintf(format, args...)) }

// Info implements kind's InfoLogger.
func (l *logger) Info(message string) {
	what, rest, _ := strings.Cut(strings.TrimSpace(message), " ")
	switch what {
	case "•":
		l.begin("kind: " + plain(rest))
	case "✓":
		l.end(nil)
	case "✗":
		l.end(fmt.Errorf("%s failed", plain(rest)))
	}
}

func (l *logger) begin(step string) {
	l.end(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = progress.Begin(l.steps, step)
}

// end ends the step that goes on, if one does.
func (l *logger) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done != nil {
		l.done(err)
		l.done = nil
	}
}

// plain is a step's name without the pictures and dots that kind adds.
func plain(s string) string {
	s = strings.TrimSuffix(strings.TrimSpace(s), "...")
	s = strings.Map(func(r rune) rune {
		// Pictures are there, and in two blocks of symbols.
		if r > 0x2fff || r >= 0x2300 && r < 0x2400 || r >= 0x2600 && r < 0x2800 {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
