// Package calibrate makes the lab measure itself. Its tests play a proxy and an app that switch, fail and delay
// at known moments, make the real load agent call them, and compare what the real analysis says with the truth.
// make calibrate runs all of it and prints the table.
package calibrate
