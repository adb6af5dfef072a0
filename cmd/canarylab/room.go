package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/canarylab/canarylab/harness/training"
)

// A room is what the learners of a class have: a page and a socket each. The class has a socket too, so that no other
// mission begins on its cluster.
type room struct {
	class *training.Class
	pages []*livePage
	// lead is the page of whoever leads a game day, nil for a class.
	lead    *livePage
	stop    context.CancelFunc
	serving sync.WaitGroup
}

// openRoom opens the room of a class.
func openRoom(ctx context.Context, c *teacher, class *training.Class, lead *facilitator) (*room, error) {
	r := &room{class: class}
	serve, stop := context.WithCancel(ctx)
	r.stop = stop
	err := r.open(ctx, serve, c, lead)
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *room) open(ctx, serve context.Context, c *teacher, lead *facilitator) error {
	if err := r.answer(serve, c.global, 0, classHandler{r.class}); err != nil {
		return err
	}
	// The pages outlive an interrupted class, to say what became of it.
	shown := context.WithoutCancel(ctx)
	for i, t := range r.class.Learners {
		if err := r.answer(serve, c.global, i+1, t); err != nil {
			return err
		}
		at := c.listen
		if lead != nil {
			at = nextPort(at, 1)
		}
		p, err := newMissionPage(shown, nextPort(at, i), "Mission of learner "+strconv.Itoa(i+1), t)
		if err != nil {
			return err
		}
		r.pages = append(r.pages, p)
		t.Tap = p.board
		r.serving.Go(func() { p.follow(serve, t) })
	}
	if lead == nil {
		return nil
	}
	var err error
	if r.lead, err = lead.open(shown, c.listen, r); err != nil {
		return err
	}
	r.serving.Go(func() { lead.follow(serve, r) })
	return nil
}

// answer has h answer at the socket of a learner, at the class's for 0.
func (r *room) answer(ctx context.Context, g *global, learner int, h training.Handler) error {
	path, err := socket(g, learner)
	if err != nil {
		return err
	}
	s, err := training.Listen(ctx, path)
	if errors.Is(err, training.ErrUnderWay) {
		return usage("%w", err)
	}
	if err != nil {
		return err
	}
	if t, ok := h.(*training.Trainer); ok {
		keep(t, path)
	}
	r.serving.Go(func() { s.Serve(ctx, h) })
	return nil
}

// nextPort is an address with a higher port. One that leaves the port open stays as it is, and so does one that is
// wrong: whoever listens there says so.
func nextPort(listen string, more int) string {
	host, port, err := net.SplitHostPort(listen)
	n, wrong := strconv.Atoi(port)
	if err != nil || wrong != nil || n == 0 {
		return listen
	}
	return net.JoinHostPort(host, strconv.Itoa(n+more))
}

// list says where everybody finds what is theirs.
func (r *room) list(say func(string, ...any)) {
	if r.lead != nil {
		say("facilitator: %s", r.lead.URL())
	}
	for i, p := range r.pages {
		k := i + 1
		say("learner %d: %s, and in another terminal: canarylab shell --learner %d", k, p.URL(), k)
	}
	say("canarylab train status says how all stand; --learner K asks for one of them")
}

// conclude shows on the pages how the missions ended.
func (r *room) conclude(seats []training.Seat) {
	for _, s := range seats {
		if s.Report != nil {
			r.pages[s.Learner-1].board.Conclude(s.Report)
		}
		if s.Report != nil && s.Learner == 1 && r.lead != nil {
			r.lead.board.Conclude(s.Report)
		}
	}
}

func (r *room) close() {
	r.stop()
	r.serving.Wait()
	for _, p := range r.pages {
		p.Close()
	}
	if r.lead != nil {
		r.lead.Close()
	}
}

// A classHandler answers those who ask and do not say for whom.
type classHandler struct{ class *training.Class }

// Handle implements training.Handler.
func (h classHandler) Handle(_ context.Context, r training.Request) training.Reply {
	if r.Do != training.DoStatus {
		return training.Reply{Error: fmt.Sprintf("a class is under way: say whose mission is meant, by --%s 1 to %d "+
			"or in %s; Ctrl-C in its own terminal ends all", learnerName, len(h.class.Learners), learnerVariable)}
	}
	var all []string
	for i, t := range h.class.Learners {
		all = append(all, fmt.Sprintf("learner %d (%s)\n%s", i+1, t.Options.Namespace, t.Standing()))
	}
	return training.Reply{Text: strings.Join(all, "\n\n")}
}
