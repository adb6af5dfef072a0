package manifest

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Hint is ": did you mean route?" for a name of which there is a near one among those known, and empty otherwise.
func Hint(name string, known []string) string {
	nearest, distance := "", 0
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(k))
		if nearest == "" || d < distance {
			nearest, distance = k, d
		}
	}
	// More than a third of the letters wrong is another word, not a slip.
	if nearest == "" || 3*distance > max(len(nearest), len(name)) {
		return ""
	}
	return fmt.Sprintf(": did you mean %s?", nearest)
}
