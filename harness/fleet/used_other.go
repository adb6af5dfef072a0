//go:build !unix

package fleet

import "time"

// used is unknown on this system.
func used() time.Duration { return 0 }
