package reports

import "time"

// Short prints a duration for people, with three digits that matter: "0.96 ms", "131 ms", "12.3 s", "2m05s".
func Short(d time.Duration) string { return short(d) }
