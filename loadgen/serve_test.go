package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// A session is a running agent and its client.
type session struct {
	stdin io.WriteCloser
	// got gets each sample as it arrives.
	got chan Sample
	// ended is closed when everything below is set.
	ended chan struct{}

	begin    Begin
	samples  []Sample
	end      *End
	serveErr error
	err      error
}

// start runs an agent with a plan, as an exec into its pod does.
func start(t *testing.T, ctx context.Context, p Plan) *session {
	t.Helper()
	inReader, inWriter := io.Pipe()
	outReader, outWriter := io.Pipe()
	s := &session{stdin: inWriter, got: make(chan Sample, 1<<16), ended: make(chan struct{})}
	served := make(chan error, 1)
	go func() {
		err := Serve(ctx, "pod-a", inReader, outWriter)
		outWriter.Close()
		served <- err
	}()
	go func() {
		defer close(s.ended)
		s.end, s.err = Decode(outReader, Handler{
			Begin: func(b Begin) { s.begin = b },
			End:   func(End) { inWriter.Close() },
			Samples: func(batch []Sample) {
				s.samples = append(s.samples, batch...)
				for _, x := range batch {
					s.got <- x
				}
			},
		})
		outReader.Close()
		s.serveErr = <-served
	}()
	t.Cleanup(func() { inWriter.Close(); <-s.ended })
	if err := WritePlan(inWriter, p); err != nil {
		t.Fatal(err)
	}
	return s
}

// wait returns when the run is over. Every run in these tests is over within seconds.
func (s *session) wait(t *testing.T) *session {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the run is not over after 20s")
	}
	if s.err != nil || s.serveErr != nil {
		t.Fatalf("got %v from the stream and %v from the agent, want a whole run", s.err, s.serveErr)
	}
	return s
}

func play(t *testing.T, p Plan) *session { t.Helper(); return start(t, t.Context(), p).wait(t) }

func plan(url string, d time.Duration, cohorts ...Cohort) Plan {
	return Plan{Run: "abc123", URL: url, Duration: d, Timeout: 5 * time.Second, Cohorts: cohorts}
}

func TestEveryRequestIsAccountedFor(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v2", Pod: "pod-b", Faults: sampleapp.Faults{ErrorRate: 0.3}})
	var mu sync.Mutex
	group := map[string]string{} // x-user-group by request id
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		group[r.Header.Get("X-Request-Id")] = r.Header.Get("X-User-Group")
		mu.Unlock()
		app.Handler().ServeHTTP(w, r)
	}))
	defer server.Close()

	s := play(t, plan(server.URL+"/", 500*time.Millisecond,
		Cohort{Name: "everyone", Rate: 400},
		Cohort{Name: "beta", Rate: 100, Header: map[string]string{"x-user-group": "beta"}}))

	if s.begin.Run != "abc123" || s.begin.Pod != "pod-a" || s.begin.Go == "" || s.begin.MaxProcs < 1 {
		t.Errorf("begin: got %+v", s.begin)
	}
	if s.end.Why != Duration || len(s.end.Cohorts) != 2 || s.end.Cohorts[0] != (Count{
		"everyone", 200, 200,
	}) || s.end.Cohorts[1] != (Count{"beta", 50, 50}) {
		t.Errorf("end: got %+v, want 200 and 50 requests, all answered", s.end)
	}
	counted := app.Counters()
	if len(s.samples) != 250 || counted.Received != 250 || len(group) != 250 {
		t.Errorf("got %d samples, %d requests received, %d ids, want 250 of each", len(s.samples), counted.Received,
			len(group))
	}
	var failed uint64
	for _, x := range s.samples {
		want := map[string]string{"everyone": "", "beta": "beta"}[x.Cohort]
		if got, ok := group[x.ID]; !ok || got != want || x.ID != fmt.Sprintf("abc123-%s-%d", x.Cohort, x.Seq) {
			t.Fatalf("sample %+v: the server saw group %q (known: %v), want %q", x, got, ok, want)
		}
		if x.Code == 503 {
			failed++
		}
		if x.Err != "" || x.Version != "v2" || x.Pod != "pod-b" || x.Bytes != uint64(len("my-service v2 (pod-b)\n")) {
			t.Fatalf("sample %+v: want no error, v2, pod-b and the body's size", x)
		}
	}
	if failed == 0 || failed != counted.Answered["503"] {
		t.Errorf("got %d samples with 503, the app sent %d", failed, counted.Answered["503"])
	}
}

func TestTimesOfASample(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	s := play(t, plan(server.URL, 300*time.Millisecond, Cohort{Name: "a", Rate: 200}, Cohort{Name: "b", Rate: 200}))
	var maxLag time.Duration
	for _, x := range s.samples {
		due := time.Duration(x.Seq+1) * 5 * time.Millisecond
		if x.Cohort == "a" {
			due -= 2500 * time.Microsecond
		}
		if got := x.Due.Sub(s.begin.Start); got != due {
			t.Fatalf("%s: due %s after the start, want %s", x.ID, got, due)
		}
		if x.Sent.Before(x.Due) || !x.Done.After(x.Sent) {
			t.Fatalf("%s: due %s, sent %s, done %s, want them in this order", x.ID, x.Due, x.Sent, x.Done)
		}
		maxLag = max(maxLag, x.Sent.Sub(x.Due))
	}
	if s.end.MaxLag != maxLag || s.end.P99Lag <= 0 || s.end.P99Lag > maxLag {
		t.Errorf("got a largest lag of %s and a p99 of %s, the samples say %s", s.end.MaxLag, s.end.P99Lag, maxLag)
	}
}

func TestSlowServerDoesNotSlowTheSending(t *testing.T) {
	const delay = 500 * time.Millisecond
	app := sampleapp.New(sampleapp.Config{Version: "v1", Pod: "p", Faults: sampleapp.Faults{Latency: delay}})
	server := httptest.NewServer(app.Handler())
	defer server.Close()
	s := play(t, plan(server.URL, time.Second, Cohort{Name: "a", Rate: 200}))
	// With a request per worker at a time, Vegeta's first ten workers would need 200/10 × 0.5 s = 10 s.
	var last time.Time
	for _, x := range s.samples {
		if x.Sent.After(last) {
			last = x.Sent
		}
		if x.Code != 200 || x.Done.Sub(x.Sent) < delay {
			t.Fatalf("got %+v, want 200 after %s or more", x, delay)
		}
	}
	if got := last.Sub(s.begin.Start); len(s.samples) != 200 || got > 1500*time.Millisecond {
		t.Errorf("got %d requests, the last sent after %s, want 200 within 1s", len(s.samples), got)
	}
}

func TestEndsWhenToldTo(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(s *session, cancel func())
		want Why
	}{
		{"end of stdin", func(s *session, _ func()) { s.stdin.Close() }, Stopped},
		{"stop line", func(s *session, _ func()) { io.WriteString(s.stdin, StopLine) }, Stopped},
		{"signal", func(_ *session, cancel func()) { cancel() }, Signal},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := sampleapp.New(sampleapp.Config{
				Version: "v1", Pod: "p", Faults: sampleapp.Faults{Latency: 100 * time.Millisecond},
			})
			server := httptest.NewServer(app.Handler())
			defer server.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			// The slow cohort's next request is due long after the stop, and must not be sent.
			s := start(t, ctx, plan(
				server.URL, time.Hour, Cohort{Name: "fast", Rate: 100}, Cohort{Name: "slow", Rate: 1},
			))
			<-s.got
			c.end(s, cancel)
			told := time.Now()
			s.wait(t)
			if s.end.Why != c.want {
				t.Errorf("got %q, want %q", s.end.Why, c.want)
			}
			if took := time.Since(told); took > 400*time.Millisecond {
				t.Errorf("ended %s after it was told to, want the 100ms of the requests in flight", took)
			}
			// Ten requests are in flight at the stop. The agent waits for them.
			fast := s.end.Cohorts[0]
			if fast.Sent == 0 || fast.Answered != fast.Sent || s.end.Cohorts[1].Sent > 1 {
				t.Errorf("got %+v, want all of the fast cohort's requests answered", s.end.Cohorts)
			}
			if got := app.Counters().Received; got != uint64(len(s.samples)) {
				t.Errorf("the server got %d requests, there are %d samples", got, len(s.samples))
			}
		})
	}
}

// A brokenAfter is a reader's end that goes away.
type brokenAfter struct{ writes atomic.Int64 }

func (b *brokenAfter) Write(p []byte) (int, error) {
	if b.writes.Add(-1) < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestLoadDoesNotOutliveItsReader(t *testing.T) {
	var received atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { received.Add(1) }))
	defer server.Close()
	p := plan(server.URL, time.Hour, Cohort{Name: "a", Rate: 200})
	for _, writes := range []int64{0, 3} {
		received.Store(0)
		out := &brokenAfter{}
		out.writes.Store(writes)
		began := time.Now()
		err := runPlan(t.Context(), p, "pod-a", Orders{}, out)
		if !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("%d lines: got %v, want that the results could not be written", writes, err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%d lines: ended after %s", writes, took)
		}
		if got := received.Load(); writes == 0 && got != 0 {
			t.Errorf("nobody read the begin line, and the server got %d requests", got)
		}
		before := received.Load()
		// These are twenty intervals of the plan, long enough to show load that goes on.
		time.Sleep(100 * time.Millisecond)
		if got := received.Load() - before; got > 1 { // one may have been on its way
			t.Errorf("%d lines: %d requests came after the end", writes, got)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer hanging.Close()
	// An answer that starts and then hangs is not an answer either.
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "half of")
		w.(http.Flusher).Flush()
		<-hang
	}))
	defer half.Close()
	defer close(hang)
	for _, c := range []struct{ name, url, want string }{
		{"refused", "http://" + closed.Addr().String() + "/", "connection refused"},
		{"too slow", hanging.URL + "/", "no whole answer within 200ms"},
		{"half an answer", half.URL + "/", "no whole answer within 200ms"},
	} {
		p := plan(c.url, 100*time.Millisecond, Cohort{Name: "a", Rate: 50})
		p.Timeout = 200 * time.Millisecond
		s := play(t, p)
		if s.end.Cohorts[0] != (Count{"a", 5, 0}) || len(s.samples) != 5 {
			t.Errorf("%s: got %+v, want 5 sent and none answered", c.name, s.end)
		}
		for _, x := range s.samples {
			if x.Code != 0 || !strings.Contains(x.Err, c.want) || strings.Contains(x.Err, "http://") || !x.Failed() {
				t.Errorf("%s: got %+v, want code 0 and an error with %q, without the URL", c.name, x, c.want)
			}
			if x.Unsent != (c.name == "refused") {
				t.Errorf("%s: got unsent %t, want it where no connection was had", c.name, x.Unsent)
			}
			// Five times the timeout, for a busy machine.
			if took := x.Done.Sub(x.Sent); took > time.Second {
				t.Errorf("%s: given up after %s, want 200ms", c.name, took)
			}
		}
	}
}

func TestRedirectsAreAnswers(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer server.Close()
	s := play(t, plan(server.URL, 100*time.Millisecond, Cohort{Name: "a", Rate: 50}))
	for _, x := range s.samples {
		if x.Code != 302 || x.Err != "" {
			t.Errorf("got %+v, want code 302 and no error", x)
		}
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("%d requests went to another host than the plan's", got)
	}
}

func TestLongBodyKeepsTheConnection(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), 3*maxBody))
	}))
	var dialed atomic.Int64
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dialed.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s := play(t, plan(server.URL, 500*time.Millisecond, Cohort{Name: "a", Rate: 40}))
	for _, x := range s.samples {
		if x.Bytes != maxBody {
			t.Fatalf("got %d bytes, want the bound of %d", x.Bytes, maxBody)
		}
	}
	// A request that is sent while another is under way needs a connection of its own.
	overlap := 0
	for i, x := range s.samples {
		if slices.ContainsFunc(s.samples[:i], func(y Sample) bool {
			return y.Sent.Before(x.Done) && x.Sent.Before(y.Done)
		}) {
			overlap++
		}
	}
	if got := dialed.Load(); got > int64(5+overlap) {
		t.Errorf("%d connections for 20 requests, of which %d were sent while another was under way", got, overlap)
	}
}

// rawServer gives each request's header to answer, and closes the connection if that returns nothing.
func rawServer(t *testing.T, answer func(header string, nth int) string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for nth := 0; ; nth++ {
					var header strings.Builder
					for !strings.HasSuffix(header.String(), "\r\n\r\n") {
						part, err := r.ReadString('\n')
						if err != nil {
							return
						}
						header.WriteString(part)
					}
					reply := answer(header.String(), nth)
					if reply == "" {
						return
					}
					io.WriteString(c, reply)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

const rawOK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func TestHeadersOnTheWire(t *testing.T) {
	for _, c := range []struct {
		name   string
		header map[string]string
		want   []string // the lines in any order, after the request line
	}{
		{"none", nil, []string{"Host: HOST", "User-Agent: canarylab-loadgen", "X-Request-Id: abc123-a-0"}},
		{"case is kept", map[string]string{"x-USER-group": "beta", "COOKIE": "group=beta"},
			[]string{
				"COOKIE: group=beta", "Host: HOST", "User-Agent: canarylab-loadgen", "X-Request-Id: abc123-a-0",
				"x-USER-group: beta",
			}},
		{"host and agent", map[string]string{"host": "my-service.example", "user-agent": "Mobile"},
			[]string{"Host: my-service.example", "X-Request-Id: abc123-a-0", "user-agent: Mobile"}},
	} {
		seen := make(chan string, 1)
		url := rawServer(t, func(header string, _ int) string { seen <- header; return rawOK })
		play(t, plan(url+"/path?x=1", 10*time.Millisecond, Cohort{Name: "a", Rate: 100, Header: c.header}))
		lines := strings.Split(strings.TrimSpace(<-seen), "\r\n")
		want := map[string]bool{"GET /path?x=1 HTTP/1.1": true}
		for _, w := range c.want {
			want[strings.ReplaceAll(w, "HOST", strings.TrimPrefix(url, "http://"))] = true
		}
		for _, got := range lines {
			if !want[got] {
				t.Errorf("%s: got the line %q, which is none of %q", c.name, got, c.want)
			}
			delete(want, got)
		}
		for missing := range want {
			t.Errorf("%s: missing the line %q of %q", c.name, missing, lines)
		}
	}
}

func TestARequestIsSentOnceAtMost(t *testing.T) {
	// The server answers a connection's first request, and closes it on the second. net/http alone would send
	// that one again on a new connection.
	var mu sync.Mutex
	received := map[string]int{}
	url := rawServer(t, func(header string, nth int) string {
		_, rest, _ := strings.Cut(header, "X-Request-Id: ")
		id, _, _ := strings.Cut(rest, "\r\n")
		mu.Lock()
		received[id]++
		mu.Unlock()
		if nth > 0 {
			return ""
		}
		return rawOK
	})
	s := play(t, plan(url, 500*time.Millisecond, Cohort{Name: "a", Rate: 40}))
	lost := 0
	mu.Lock()
	defer mu.Unlock()
	for _, x := range s.samples {
		if got := received[x.ID]; got != 1 {
			t.Errorf("%s came to the server %d times", x.ID, got)
		}
		if x.Code == 0 {
			lost++
			if !strings.Contains(x.Err, errLost.Error()) {
				t.Errorf("got %q, want %q", x.Err, errLost)
			}
		}
	}
	if lost == 0 || len(received) != len(s.samples) {
		t.Errorf("got %d lost of %d samples and %d requests, want some lost and each request to have its sample", lost,
			len(s.samples), len(received))
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestARequestMayMoveUntilItsFirstByte(t *testing.T) {
	here, there := net.Pipe()
	go io.Copy(io.Discard, there)
	defer here.Close()
	c := &conn{Conn: here}
	c.Write([]byte("an earlier request"))
	var before, after error
	s := &sender{run: "r", cohort: Cohort{Name: "c"}, timeout: time.Second, next: roundTripper(func(r *http.Request) (
		*http.Response, error,
	) {
		httptrace.ContextClientTrace(r.Context()).GotConn(httptrace.GotConnInfo{Conn: c, Reused: true})
		_, before = r.GetBody()
		c.Write([]byte("G"))
		_, after = r.GetBody()
		return nil, io.EOF
	})}
	in := httptest.NewRequest("GET", "http://x/", nil)
	in.Header.Set(seqHeader, "0")
	_, _ = s.RoundTrip(in)
	if before != nil || !errors.Is(after, errLost) {
		t.Errorf("got %v before the first byte and %v after, want nil and %v", before, after, errLost)
	}
}

func TestServeRefusesABadPlan(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", "got nothing"},
		{"no JSON", "go\n", "invalid character"},
		{"unknown field", `{"runs":"abc"}` + "\n", `unknown field "runs"`},
		{"out of bounds", `{"run":"abc","url":"http://x/","durationNs":1,"cohorts":[]}` + "\n", "plan: cohorts: got 0"},
		{"too long", strings.Repeat("x", maxPlan+1), "too long"},
	} {
		var out bytes.Buffer
		err := Serve(t.Context(), "pod-a", strings.NewReader(c.in), &out)
		if !errors.Is(err, ErrPlan) || !strings.Contains(err.Error(), c.want) || out.Len() != 0 {
			t.Errorf("%s: got %v and wrote %q, want an ErrPlan with %q and no stream", c.name, err, &out, c.want)
		}
	}
}

func TestServeEndsWithoutAPlan(t *testing.T) {
	in, hold := io.Pipe()
	defer hold.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, "pod-a", in, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestWorkersAreBounded(t *testing.T) {
	p := plan("http://x/", time.Second, Cohort{Name: "a", Rate: 15000}, Cohort{Name: "b", Rate: 4999},
		Cohort{Name: "c", Rate: 1})
	p.Timeout = time.Minute
	var total uint64
	for i, want := range []uint64{7500, 2499, 10} {
		got := workers(p, p.Cohorts[i])
		if got != want {
			t.Errorf("cohort %d: got %d workers, want %d", i, got, want)
		}
		total += got
	}
	if total > maxInFlight+10*MaxCohorts {
		t.Errorf("got %d workers in total, want about %d", total, maxInFlight)
	}
}

// A cohort may ask for something of its own, in its own way.
// Virtual users send in turns, each with its number in the header, and the samples' numbers say which.
func TestUsersSendInTurns(t *testing.T) {
	var mu sync.Mutex
	asked := map[string][]string{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Header.Get("Cookie")] = append(asked[r.Header.Get("Cookie")], r.Header.Get("X-Request-Id"))
	}))
	defer server.Close()
	shoppers := Cohort{
		Name: "shoppers", Rate: 70, Users: 3, Header: map[string]string{"cookie": "a=b; user={user}", "x-kind": "shop"},
	}
	s := play(t, plan(server.URL+"/", 100*time.Millisecond, shoppers))
	if len(s.samples) != 7 || len(asked) != 3 {
		t.Fatalf("got %d samples and %v, want 7 of 3 users", len(s.samples), asked)
	}
	for _, x := range s.samples {
		user, turn := shoppers.User(x.Seq)
		if uint64(user)+3*turn != x.Seq {
			t.Errorf("request %d: got turn %d of user %d", x.Seq, turn, user)
		}
		if cookie := fmt.Sprintf("a=b; user=%d", user); !slices.Contains(asked[cookie], x.ID) {
			t.Errorf("request %s is of user %d, and with that cookie came %q", x.ID, user, asked[cookie])
		}
	}
	if user, turn := (Cohort{}).User(7); user != 0 || turn != 7 {
		t.Errorf("without users: got user %d, turn %d, want one user", user, turn)
	}
}

func TestACohortHasItsOwnTarget(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Method+" "+r.URL.String()]++
	}))
	defer server.Close()
	nowhere := "http://127.0.0.1:1/gone"
	s := play(t, plan(server.URL+"/", 500*time.Millisecond,
		Cohort{Name: "plain", Rate: 10},
		Cohort{Name: "own", Rate: 20, URL: server.URL + "/items?a=b", Method: "PUT"},
		Cohort{Name: "lost", Rate: 10, URL: nowhere}))
	if want := map[string]int{"GET /": 5, "PUT /items?a=b": 10}; !maps.Equal(asked, want) {
		t.Errorf("got %v, want %v", asked, want)
	}
	for _, x := range s.samples {
		if x.Cohort == "lost" && (!x.Unsent || x.Err == "" || strings.Contains(x.Err, nowhere)) {
			t.Errorf("got %+v, want the error alone of a request that was not sent", x)
		}
	}
}
