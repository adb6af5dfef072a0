//go:build !linux

package loadgen

import "errors"

// BeRealTime does nothing: the agent runs on Linux, and elsewhere only has to compile.
func BeRealTime() error { return errors.ErrUnsupported }

func beOrdinary() error { return nil }

func isRealTime() bool { return false }
