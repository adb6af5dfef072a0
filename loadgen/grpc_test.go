package loadgen

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/sampleapp"
)

// grpcServer serves a handler by HTTP/2 without TLS, as the sample app does.
func grpcServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s.Config.Protocols = &protocols
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func TestCallsAreAccountedFor(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v2", Pod: "pod-b", Faults: sampleapp.Faults{ErrorRate: 0.3}})
	conns := map[string]bool{}
	requests := make(chan *http.Request, 200)
	server := grpcServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests <- r
		app.Handler().ServeHTTP(w, r)
	}))
	s := play(t, plan(server.URL, 400*time.Millisecond, Cohort{
		Name: "callers", Rate: 500, GRPC: &GRPC{Connections: 3}, Users: 7,
		Header: map[string]string{"X-User": "u-{user}", "Host": "my-service"},
	}))
	if s.end.Why != Duration || s.end.Cohorts[0] != (Count{"callers", 200, 200}) {
		t.Errorf("end: got %+v, want 200 calls, all answered", s.end)
	}
	close(requests)
	for r := range requests {
		conns[r.RemoteAddr] = true
		if r.Host != "my-service" || r.Header.Get("X-Request-Id") == "" ||
			!strings.HasPrefix(r.Header.Get("X-User"), "u-") {
			t.Fatalf("got a call for %s with %v", r.Host, r.Header)
		}
	}
	if len(conns) != 3 {
		t.Errorf("got %d connections, want 3", len(conns))
	}
	if got := app.Counters(); got.Received != 200 || got.Answered["200"] != 200 {
		t.Errorf("the app counts %+v, want 200 received and answered", got)
	}
	failed := 0
	for _, x := range s.samples {
		if x.Code != 200 || x.Version != "v2" || x.Pod != "pod-b" || x.Serial == "" || x.Err != "" || x.Unsent {
			t.Fatalf("sample %+v: want an answer of pod-b", x)
		}
		switch {
		case x.GRPC == GRPCOK && !x.Failed() && x.Outcome() == "200":
			// The message is one field: its tag, its length, and the text.
			if want := uint64(2 + len("my-service v2 (pod-b)\n")); x.Bytes != want {
				t.Fatalf("got %d bytes, want %d", x.Bytes, want)
			}
		case x.GRPC == "UNAVAILABLE" && x.Failed() && x.Outcome() == "200/UNAVAILABLE":
			failed++
		default:
			t.Fatalf("sample %+v: want OK or UNAVAILABLE", x)
		}
	}
	if failed < 30 || failed > 90 {
		t.Errorf("got %d failed calls of 200, want some 60", failed)
	}
}

// Streams stay open beside each other, each message is counted on both sides, and their status is in the trailer.
func TestStreamsAreAccountedFor(t *testing.T) {
	for _, c := range []struct {
		name, status string
		stream       time.Duration
		fails        float64
		code         int
		messages     uint64
	}{
		{"whole", GRPCOK, 500 * time.Millisecond, 0, 200, 6},
		{"failed", "UNAVAILABLE", 500 * time.Millisecond, 1, 200, 0},
		{"beyond their deadline", "DEADLINE_EXCEEDED", time.Minute, 0, 0, 11},
	} {
		app := sampleapp.New(sampleapp.Config{Version: "v1", Pod: "p", Faults: sampleapp.Faults{
			Stream: c.stream, ErrorRate: c.fails,
		}})
		s := play(t, plan(grpcServer(t, app.Handler()).URL, 200*time.Millisecond, Cohort{
			Name: "watchers", Rate: 250, GRPC: &GRPC{Stream: true, Deadline: time.Second},
		}))
		if len(s.samples) != 50 {
			t.Errorf("%s: got %d samples, want 50", c.name, len(s.samples))
		}
		for _, x := range s.samples {
			code, messages := x.Code == c.code, x.Messages == c.messages
			if c.code == 0 {
				// Both sides know the deadline, and either may end the call first. How many come is up to the machine.
				code, messages = x.Code == 0 || x.Code == 200, x.Messages > 0 && x.Messages <= c.messages
			}
			if !code || !messages || x.GRPC != c.status {
				t.Fatalf("%s: sample %+v", c.name, x)
			}
		}
		if got := app.Counters(); got.Received != 50 {
			t.Errorf("%s: the app counts %+v, want 50 received", c.name, got)
		}
	}
}

// A stream of which a message is missing is no answer.
func TestStreamThatLacksAMessage(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v1"})
	server := grpcServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.Handler().ServeHTTP(w, r)
		w.Header()[http.TrailerPrefix+strings.ToLower(sampleapp.MessagesHeader)] = []string{"7"}
	}))
	for _, x := range play(t, plan(server.URL, 100*time.Millisecond, Cohort{
		Name: "watchers", Rate: 50, GRPC: &GRPC{Stream: true},
	})).samples {
		if x.Code != 0 || !strings.Contains(x.Err, "1 messages of a stream came, and the app sent 7") {
			t.Fatalf("sample %+v", x)
		}
	}
}

// A call that is not answered has the caller's own grpc-status, and says why.
func TestCallsWithoutAnAnswer(t *testing.T) {
	refused := httptest.NewServer(nil)
	refused.Close()
	slow := sampleapp.New(sampleapp.Config{Version: "v1", Faults: sampleapp.Faults{Latency: time.Minute}})
	app := sampleapp.New(sampleapp.Config{Version: "v1"})
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() }) // nobody accepts, so that no connection gets as far as HTTP/2
	for name, c := range map[string]struct {
		url, status, err string
		method           string
		code             int
		unsent           bool
	}{
		"nobody listens": {url: refused.URL, status: "UNAVAILABLE", err: "connection refused", unsent: true},
		"nobody answers": {url: grpcServer(t, slow.Handler()).URL, status: "DEADLINE_EXCEEDED", err: "deadline"},
		"nobody accepts": {
			url: "http://" + mute.Addr().String(), status: "DEADLINE_EXCEEDED", err: "deadline", unsent: true,
		},
		"it is cut in the middle": {
			url: grpcServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/grpc")
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			})).URL, status: "INTERNAL", err: "RST_STREAM",
		},
		"it is no gRPC": {
			url: grpcServer(t, http.NotFoundHandler()).URL, status: "UNIMPLEMENTED", err: "404",
		},
		"there is no such method": {
			url: grpcServer(t, app.Handler()).URL, method: "my.Shop/Buy", status: "UNIMPLEMENTED", code: 200,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, x := range play(t, plan(c.url, 100*time.Millisecond, Cohort{
				Name: "callers", Rate: 50, GRPC: &GRPC{Method: c.method, Deadline: 300 * time.Millisecond},
			})).samples {
				if x.Code != c.code || x.GRPC != c.status || !strings.Contains(x.Err, c.err) || x.Unsent != c.unsent ||
					!x.Failed() || (x.Err == "") != (c.code != 0) {
					t.Fatalf("sample %+v: want %+v", x, c)
				}
			}
		})
	}
}

// One connection is kept for all calls, and with fresh ones each has its own.
func TestConnectionsOfCalls(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v1"})
	for _, fresh := range []bool{false, true} {
		from := make(chan string, 100)
		server := grpcServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			from <- r.RemoteAddr
			app.Handler().ServeHTTP(w, r)
		}))
		p := plan(server.URL, 200*time.Millisecond, Cohort{Name: "callers", Rate: 100, GRPC: &GRPC{}})
		p.FreshConnections = fresh
		if s := play(t, p); s.end.Cohorts[0] != (Count{"callers", 20, 20}) {
			t.Errorf("got %+v, want 20 answered", s.end)
		}
		close(from)
		all := map[string]bool{}
		for address := range from {
			all[address] = true
		}
		if want := map[bool]int{false: 1, true: 20}[fresh]; len(all) != want {
			t.Errorf("fresh %t: got %d connections, want %d", fresh, len(all), want)
		}
	}
}

// A server that goes away finishes the calls that it has, and the caller goes on at the one that takes its place.
func TestCallsGoOnAtANewServer(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v1"})
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	listen := func(at string) (*http.Server, string) {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: app.Handler(), Protocols: &protocols}
		go s.Serve(l)
		return s, l.Addr().String()
	}
	first, at := listen("127.0.0.1:0")
	running := start(t, t.Context(), plan("http://"+at, time.Second, Cohort{Name: "callers", Rate: 100, GRPC: &GRPC{}}))
	for app.Counters().Received < 20 {
		time.Sleep(time.Millisecond) // the app tells nobody
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, _ := listen(at)
	defer second.Close()
	failed := 0
	s := running.wait(t)
	for _, x := range s.samples {
		switch {
		case x.Failed() && !x.Unsent:
			t.Errorf("sample %+v: want it answered, or never sent", x)
		case x.Failed():
			failed++
		}
	}
	if got := app.Counters().Received; int(got)+failed != len(s.samples) || failed > 30 {
		t.Errorf("the app received %d, %d were not sent, of %d", got, failed, len(s.samples))
	}
}

func TestWhatACallCannotBe(t *testing.T) {
	good := Plan{
		Run: "abc123", URL: "http://my-service/", Duration: time.Second,
		Cohorts: []Cohort{{Name: "callers", Rate: 1, GRPC: &GRPC{Method: "my.shop.v1.Cart/Add", Connections: 2}}},
	}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(p *Plan, c *Cohort){
		"a service and its method": func(_ *Plan, c *Cohort) { c.GRPC.Method = "Cart.Add" },
		"0 to 100":                 func(_ *Plan, c *Cohort) { c.GRPC.Connections = 101 },
		"freshConnections":         func(p *Plan, _ *Cohort) { p.FreshConnections = true },
		"0 to the plan's timeout":  func(_ *Plan, c *Cohort) { c.GRPC.Deadline = time.Hour },
		"no method of HTTP":        func(p *Plan, _ *Cohort) { p.Method = http.MethodPost },
		"no body of the plan's":    func(p *Plan, _ *Cohort) { p.Body = &Body{Size: 3} },
		"is no WebSocket":          func(_ *Plan, c *Cohort) { c.Socket = true },
		"can be noted":             func(_ *Plan, c *Cohort) { c.Notes = []Note{{Of: SeenPath}} },
		"has a path":               func(p *Plan, _ *Cohort) { p.URL = "http://my-service/cart" },
		"sets the header":          func(_ *Plan, c *Cohort) { c.Header = map[string]string{"grpc-timeout": "1S"} },
		"callers and plain ask for": func(p *Plan, _ *Cohort) {
			p.Cohorts = append(p.Cohorts, Cohort{Name: "plain", Rate: 1})
		},
	} {
		bad := good
		g := *good.Cohorts[0].GRPC
		bad.Cohorts = []Cohort{good.Cohorts[0]}
		bad.Cohorts[0].GRPC = &g
		change(&bad, &bad.Cohorts[0])
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want that %q", err, want)
		}
	}
	// Another port may have another protocol.
	good.Cohorts = append(good.Cohorts, Cohort{Name: "plain", Rate: 1, URL: "http://my-service:81/"})
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}

func TestNamesOfStatuses(t *testing.T) {
	all := GRPCStatuses()
	if len(all) != 17 || all[0] != GRPCOK || all[14] != "UNAVAILABLE" || GRPCStatus(14) != all[14] {
		t.Errorf("got %v", all)
	}
	if GRPCStatus(99) != "99" || IsGRPCStatus("Unavailable") || !IsGRPCStatus("CANCELLED") {
		t.Error("a name that is none, or a number that is")
	}
}
