package loadgen

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// pacedFor is the longest that a pacer waits at a time. Then it looks for a change of the rate.
	pacedFor = 250 * time.Millisecond
	// leastLead is how far ahead a change of the rate lies at least. No pacer waits for a request by then that another
	// rate makes due at another time.
	leastLead = pacedFor + 50*time.Millisecond
)

// Orders are what a load is told while it is sent.
type Orders struct {
	// Stop ends the load when it is closed.
	Stop <-chan struct{}
	// Stages change its rate, each from a moment on that lies ahead: see Shape.With. Nil never does.
	Stages <-chan Stage
}

// Write writes the orders as lines for an agent, until the load is stopped or ended is closed.
func (o Orders) Write(w io.Writer, ended <-chan struct{}) error {
	for {
		select {
		case s := <-o.Stages:
			if err := json.NewEncoder(w).Encode(order{&s}); err != nil {
				return fmt.Errorf("order another rate: %w", err)
			}
		case <-o.Stop:
			if _, err := io.WriteString(w, StopLine); err != nil {
				return fmt.Errorf("order the end: %w", err)
			}
			return nil
		case <-ended:
			return nil
		}
	}
}

// An order is a line that an agent is sent after the plan. Any other line stops the load.
type order struct {
	Stage *Stage `json:"stage"`
}

// readOrder returns the stage of a line, nil for a line that stops the load.
func readOrder(line []byte) *Stage {
	var o order
	if err := unmarshalStrict(line, &o); err != nil {
		return nil
	}
	return o.Stage
}

// With returns the shape with one more stage, later than all others, which holds to the end. The factor is above 0 and
// at most the highest that the shape had: agents are made for that.
func (s *Shape) With(stage Stage) (*Shape, error) {
	next := &Shape{Steps: []Stage{{Factor: 1}}}
	switch {
	case s != nil && len(s.Steps) == 0:
		return nil, fmt.Errorf("change the rate: it changes by itself already (%s)", s)
	case s != nil:
		next.Steps = append([]Stage{}, s.Steps...)
	}
	if !(stage.Factor > 0 && stage.Factor <= next.peak()) {
		return nil, fmt.Errorf("change the rate: %g times the plan's is not above 0 and up to %g", stage.Factor,
			next.peak())
	}
	next.Steps = append(next.Steps, stage)
	if err := errors.Join(next.validate()...); err != nil {
		return nil, fmt.Errorf("change the rate: %w", err)
	}
	return next, nil
}

// A schedule is the shape of a run, which may get further stages while the run goes on. All cohorts share it. What was
// due keeps its time: a stage always lies ahead of what any pacer waits for.
type schedule struct {
	begin time.Time

	mu    sync.Mutex
	shape *Shape
}

// now returns the shape, and the moment until which it is certain. A nil schedule never changes.
func (s *schedule) now() (shape *Shape, certain time.Time) {
	if s == nil {
		return nil, time.Now().Add(pacedFor)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shape, time.Now().Add(pacedFor)
}

// add adds a stage, later than it says where that is not far enough ahead. It returns the stage as it is.
func (s *schedule) add(stage Stage) (Stage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Under the lock, so that no pacer looks between the two clock readings.
	stage.At = max(stage.At, time.Since(s.begin)+leastLead)
	shape, err := s.shape.With(stage)
	if err != nil {
		return stage, err
	}
	s.shape = shape
	return stage, nil
}
