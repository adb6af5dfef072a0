package realmesh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/expect"
	"github.com/canarylab/canarylab/sampleapp"
)

// What the stories tell people to look at is there: kubectl logs of the caller's proxy has the requests that
// fail, while they do, and no others.
func TestFailuresArePrinted(t *testing.T) {
	ctx := t.Context()
	k := theLab.Open(ctx, t).Kube()
	s := quietStory(t)
	s.Phases[1].Do = harness.Inject{Version: "v1", Faults: sampleapp.Faults{ErrorRate: 1}}
	s.Phases[1].Expect = []expect.Expectation{expect.Flag(503, "-", 100)}
	var line string
	d := disturb("phase 2 of 2", func() error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		pod, err := onePod(ctx, k, s.Name, "app=load-client")
		if err != nil {
			return err
		}
		log, err := k.FollowLog(ctx, s.Name, pod, "istio-proxy", time.Time{})
		if err != nil {
			return err
		}
		defer func() { _ = log.Close() }()
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if line = lines.Text(); strings.Contains(line, `"GET / HTTP/`) {
				return nil
			}
		}
		return errors.Join(fmt.Errorf("the log of %s ended without a request", pod), lines.Err())
	})
	// Whether it passes is not the question: somebody reads along.
	if _, err := theLab.Play(ctx, t, s, harness.Options{Progress: d}); err != nil {
		t.Fatal(err)
	}
	if err := <-d.done; err != nil {
		t.Fatal(err)
	}
	// The first of them: the answers before, of status 200, are not among them.
	if !strings.Contains(line, `" 503 - via_upstream `) {
		t.Errorf("got %s, want the app's own 503", line)
	}
}
