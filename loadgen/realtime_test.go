package loadgen

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What an ordinary program sees is counted, by a process of its own that ends when it is told to.
func TestBystander(t *testing.T) {
	t.Setenv(agentEnv, "bystand")
	var b bystander
	stop, err := b.start(t.Context(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	var w Waits
	for begun := time.Now(); w.Woken == 0; w = b.take() {
		if time.Since(begun) > 20*time.Second {
			t.Fatal("it said nothing in 20 s")
		}
		time.Sleep(10 * time.Millisecond) // of a process nothing else is to be awaited than what it says
	}
	if w.Woken > int(10*time.Second/wakeEvery) || w.Late > w.Woken {
		t.Errorf("got %+v", w)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := b.start(t.Context(), "/no/such/program"); err == nil {
		t.Error("what is not there was started")
	}
}

// Every thread of the agent gets the class, also one that starts later, and a bystander takes it back. Where this
// process may not have the class none gets it.
func TestBeRealTime(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"=real-time")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	t.Logf("%s", out)
	if got := strings.TrimSpace(string(out)); got != "8 of 8 threads, and none of a bystander" &&
		!strings.HasPrefix(got, "may not: ") {
		t.Errorf("got %q", got)
	}
}

// realTimeThreads is what TestBeRealTime asks of a process of its own.
func realTimeThreads() string {
	if err := BeRealTime(); err != nil {
		return fmt.Sprint("may not: ", err)
	}
	const threads = 8
	var all, real atomic.Int64
	release := make(chan struct{})
	var done sync.WaitGroup
	for range threads {
		done.Go(func() {
			runtime.LockOSThread() // each has one of its own
			if isRealTime() {
				real.Add(1)
			}
			if all.Add(1) == threads {
				close(release)
			}
			<-release
		})
	}
	done.Wait()
	first := real.Load()
	if err := beOrdinary(); err != nil || isRealTime() {
		return fmt.Sprint("a bystander goes first too: ", err)
	}
	return fmt.Sprintf("%d of %d threads, and none of a bystander", first, threads)
}

// An agent that takes most of the machine's processors gives the class up, and says so; one that does not keeps it.
func TestAGreedyAgentYields(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"=greedy")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	t.Logf("%s", out)
	const want = "idle: first true, yielded false; busy: first false, yielded true"
	if got := strings.TrimSpace(string(out)); got != want && !strings.HasPrefix(got, "may not: ") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// yields is what TestAGreedyAgentYields asks of a process of its own.
func yields() string {
	if err := BeRealTime(); err != nil {
		return fmt.Sprint("may not: ", err)
	}
	var h Health
	m := newMonitor(time.Now(), func(said Health) { h = said })
	m.realTime = isRealTime()
	time.Sleep(50 * time.Millisecond) // so much is idle
	m.report(time.Now())
	idle := fmt.Sprintf("idle: first %t, yielded %t", isRealTime(), h.Yielded)
	var done sync.WaitGroup
	end := time.Now().Add(100 * time.Millisecond)
	for range runtime.NumCPU() {
		done.Go(func() {
			for time.Now().Before(end) {
			}
		})
	}
	done.Wait()
	m.report(time.Now())
	return fmt.Sprintf("%s; busy: first %t, yielded %t", idle, isRealTime(), h.Yielded)
}
