// Package calibrate has the lab measure itself: its tests play a proxy and an app that switch, fail and delay
// at known moments, have the real load agent ask them, and hold what the real analysis says against the truth.
// make calibrate runs all of it and prints the table.
package calibrate
