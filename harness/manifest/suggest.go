package manifest

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Nearest returns the known name that is similar to name. ok is false where none is.
func Nearest(name string, known []string) (nearest string, ok bool) {
	distance := 0
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k))
		if nearest == "" || d < distance {
			nearest, distance = k, d
		}
	}
	// A name with more than a third of its letters wrong is another word, not a slip.
	return nearest, nearest != "" && 3*distance <= max(len(nearest), len(name))
}

// Hint returns ": did you mean route?" if a known name is similar to name, and "" otherwise.
func Hint(name string, known []string) string {
	if nearest, ok := Nearest(name, known); ok {
		return fmt.Sprintf(": did you mean %s?", nearest)
	}
	return ""
}
