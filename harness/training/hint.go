package training

import (
	"fmt"
	"time"
)

// A Level is how much a hint tells. Each costs more than the one before it.
type Level int

// The levels, in the order in which they are given.
const (
	Where Level = iota
	What
	Command
)

// levels is how many there are.
const levels = 3

// String is the level's word.
func (l Level) String() string { return [levels]string{"where", "what", "command"}[l] }

// Price is what a hint puts on both clocks.
func (l Level) Price() time.Duration {
	return [levels]time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}[l]
}

// GuessPrice is the time that a diagnosis costs that is not right. Whoever tries all of them pays for it.
const GuessPrice = 30 * time.Second

// Hints are a mission's, by level.
type Hints [levels]string

// A Hint is one that was given.
type Hint struct {
	At    time.Time     `json:"at"`
	Level string        `json:"level"`
	Text  string        `json:"text"`
	Price time.Duration `json:"priceNs"`
}

// of is the hint of a level.
func (h Hints) of(l Level, at time.Time) Hint { return Hint{at, l.String(), h[l], l.Price()} }

func (h Hints) check() error {
	for l, text := range h {
		if text == "" {
			return fmt.Errorf("no hint %q", Level(l))
		}
	}
	return nil
}
