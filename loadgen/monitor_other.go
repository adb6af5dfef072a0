//go:build !linux

package loadgen

import "time"

// The agent runs on Linux. Elsewhere it only has to compile.

func sleep(d time.Duration) { time.Sleep(d) }

func cpuTime() time.Duration { return 0 }

func threadWaits() map[string]time.Duration { return nil }
