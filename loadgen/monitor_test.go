package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// agentEnv makes the test program an agent, because only a process can be stopped and continued.
const agentEnv = "LOADGEN_TEST_AGENT"

func TestMain(m *testing.M) {
	switch os.Getenv(agentEnv) {
	case "real-time":
		fmt.Println(realTimeThreads())
		return
	case "greedy":
		fmt.Println(yields())
		return
	case "bystand":
		if err := Bystand(os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	case "1":
		if err := Serve(context.Background(), "pod-a", os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// An agent that stands still reports how long and until when, whether or not a request was due.
func TestStandstillShows(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), agentEnv+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := plan(server.URL+"/", time.Minute, Cohort{Name: "a", Rate: 1})
	if err := WritePlan(stdin, p); err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	var health []Health
	decoded := make(chan error, 1)
	go func() {
		_, err := Decode(stdout, Handler{
			Begin: func(Begin) { close(begun) }, Health: func(h Health) { health = append(health, h) },
		})
		decoded <- err
	}()
	<-begun
	const still = 50 * time.Millisecond
	stopped := time.Now()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The test is about how long a process is stopped.
	time.Sleep(still)
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	woken := time.Now()
	if _, err := io.WriteString(stdin, StopLine); err != nil {
		t.Fatal(err)
	}
	if err := <-decoded; err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	var worst Health
	for _, h := range health {
		if h.Stall > worst.Stall {
			worst = h
		}
	}
	if worst.Stall < still-heartbeat || worst.StallAt.Before(stopped) || worst.StallAt.Sub(woken) > time.Second {
		t.Errorf("got a standstill of %s until %s, want one of %s or more, until just after %s", worst.Stall,
			worst.StallAt, still-heartbeat, woken)
	}
}

func TestHealthAddsUp(t *testing.T) {
	var all []Health
	begin := time.Now()
	stop, err := monitorAgent(t.Context(), begin, func(h Health) { all = append(all, h) })
	if err != nil {
		t.Fatal(err)
	}
	// Work until the kernel has counted some time, because rusage moves in ticks.
	var sum byte
	for used := cpuTime(); cpuTime()-used < 50*time.Millisecond; {
		for _, b := range bytes.Repeat([]byte{1}, 1<<16) {
			sum += b
		}
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var took, cpu time.Duration
	for _, h := range all {
		took, cpu = took+h.Took, cpu+h.CPU
		if h.Cores < 1 || h.RunDelay < 0 || h.ClockStep.Abs() > time.Second {
			t.Errorf("got %+v", h)
		}
	}
	if len(all) == 0 || cpu < 50*time.Millisecond || took < 25*time.Millisecond || all[len(all)-1].At.Before(begin) {
		t.Errorf("got %d words with %s of CPU in %s, want 50 ms or more (sum %d)", len(all), cpu, took, sum)
	}
}

func TestHealthCrossesTheWire(t *testing.T) {
	var buf bytes.Buffer
	out := newSampleBuffer(&buf, 10)
	if err := out.enc.write(message{Begin: &Begin{Run: "r"}}); err != nil {
		t.Fatal(err)
	}
	want := Health{
		At: time.Unix(1, 2).UTC(), Took: 3, CPU: 4, Cores: 5, RunDelay: 6, Stall: 7, StallAt: time.Unix(8, 9).UTC(),
		ClockStep: -10,
	}
	out.addHealth(want)
	out.close(End{Why: Stopped})
	if err := out.writeAll(); err != nil {
		t.Fatal(err)
	}
	var got []Health
	if _, err := Decode(bufio.NewReader(&buf), Handler{
		Health: func(h Health) { got = append(got, h) },
	}); err != nil || len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
