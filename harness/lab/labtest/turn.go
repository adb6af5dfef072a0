package labtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Turns is the number of turns that together play everything.
const Turns = 8

// A Turn tells which part of what takes long a test binary plays. The zero Turn plays all of it.
type Turn struct {
	// number counts from 1; 0 stands for all turns.
	number int
}

// ParseTurn reads a Turn as the variable TURN has it: 1/8 to 8/8, or all. An empty text is all.
func ParseTurn(s string) (Turn, error) {
	if s == "" || s == "all" {
		return Turn{}, nil
	}
	number, ok := strings.CutSuffix(s, "/"+strconv.Itoa(Turns))
	n, err := strconv.Atoi(number)
	if t := (Turn{n}); ok && err == nil && 1 <= n && n <= Turns && t.String() == s {
		return t, nil
	}
	return Turn{}, fmt.Errorf("no turn %q: TURN is 1/%[2]d to %[2]d/%[2]d, or all", s, Turns)
}

// turnOfEnv reads the Turn that TURN asks for.
func turnOfEnv() (Turn, error) { return ParseTurn(os.Getenv("TURN")) }

// String returns what ParseTurn reads.
func (t Turn) String() string {
	if t.number == 0 {
		return "all"
	}
	return fmt.Sprintf("%d/%d", t.number, Turns)
}

// Has tells whether the turn plays the part with that index, which counts from 0.
func (t Turn) Has(index int) bool { return t.number == 0 || index%Turns == t.number-1 }

// Share returns the items of list that the turn plays: every eighth, so that neighbours, which are often of one
// kind, are played in different turns.
func Share[T any](t Turn, list []T) []T {
	var share []T
	for i, item := range list {
		if t.Has(i) {
			share = append(share, item)
		}
	}
	return share
}

// TheTurn returns the Turn that TURN asks for, and fails the test where there is no such turn.
func TheTurn(t testing.TB) Turn {
	t.Helper()
	turn, err := turnOfEnv()
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

// ByTurns skips the test unless its turn has come. Tests that take about as long should have different indexes.
func ByTurns(t testing.TB, index int) {
	t.Helper()
	if turn := TheTurn(t); !turn.Has(index) {
		t.Skipf("this is played in turn %s, and TURN is %s", Turn{index%Turns + 1}, turn)
	}
}
