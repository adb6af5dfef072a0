package page

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const (
	// feedEvery is how often a browser is told what changed. From a request to its mark it takes this, 50 ms for which
	// a load agent waits for others, and the way.
	feedEvery = 50 * time.Millisecond
	// beatEvery is how often it is told at least, so that it sees when nobody does.
	beatEvery = time.Second
	// writeWithin is how long a browser may take nothing before it is left: one that sleeps wakes up, finds the
	// connection closed and comes again.
	writeWithin = 15 * time.Second
)

// feed tells a browser what changes, as long as it listens. Each browser has its own pace: one that is slow gets what
// changed since it was told last, which is never more than what is drawn at all. Nobody waits for it.
func (s *Server) feed(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "as many browsers as may are watching: close one", http.StatusServiceUnavailable)
		return
	}
	defer s.leave()
	control := http.NewResponseController(w)
	// What the server allows a request does not end this one.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		http.Error(w, "this connection can't be fed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	tick := time.NewTicker(feedEvery)
	defer tick.Stop()
	var at cursor
	var blocks uint64
	var told time.Time
	for {
		v := s.board.view(&at)
		v.Data, blocks = s.published(blocks)
		idle := !v.Full && v.Face == nil && len(v.Cells) == 0 && len(v.Marks) == 0 && len(v.Data) == 0
		if !idle || time.Since(told) >= beatEvery {
			told = time.Now()
			if err := send(w, control, v); err != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// send writes one message.
func send(w http.ResponseWriter, control *http.ResponseController, v message) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	_, first := w.Write([]byte("data: "))
	_, second := w.Write(append(b, "\n\n"...))
	return errors.Join(first, second, control.Flush())
}

// published are the blocks that came after a number, and the number of the newest.
func (s *Server) published(after uint64) (data map[string]any, newest uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, b := range s.blocks {
		if b.seq > after {
			if data == nil {
				data = map[string]any{}
			}
			data[name] = b.json
		}
	}
	return data, s.number
}

// enter counts a browser, and tells whether it may be fed.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.browsers >= maxBrowsers {
		return false
	}
	s.browsers++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.browsers--
}
