package sampleapp

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func do(t *testing.T, h http.Handler, method, path, body string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAnswerSaysWhoMadeIt(t *testing.T) {
	a := New(Config{Version: "v2", Pod: "pod-a"})
	r := do(t, a.Handler(), "GET", "/any/path", "", "x-request-id", "run-beta-7")
	for name, want := range map[string]string{
		VersionHeader: "v2", PodHeader: "pod-a", "X-Request-Id": "run-beta-7", "Connection": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got, want := text(t, r), "my-service v2 (pod-a)\n"; got != want {
		t.Errorf("body: got %q, want %q", got, want)
	}
	if _, ok := do(t, a.Handler(), "GET", "/", "").Header["X-Request-Id"]; ok {
		t.Error("an answer has an X-Request-Id that nobody sent")
	}
}

func TestAnswersAreNumbered(t *testing.T) {
	a, b := New(Config{Version: "v1"}), New(Config{Version: "v1"})
	if a.Counters().Instance == b.Counters().Instance {
		t.Error("two lives of a pod have the same name")
	}
	// Errors are numbered too, because the number says what was received, not how it ended.
	do(t, a.AdminHandler(), "PUT", "/faults", `{"errorRate":1}`)
	for want := uint64(1); want <= 3; want++ {
		got := do(t, a.Handler(), "GET", "/", "").Header.Get(SerialHeader)
		instance, n, ok := ParseSerial(got)
		if !ok || instance != a.Counters().Instance || n != want {
			t.Errorf("got serial %q, want number %d of %s", got, want, a.Counters().Instance)
		}
	}
}

func TestParseSerial(t *testing.T) {
	for in, want := range map[string]bool{
		Serial("k3x9qa", 17): true, "": false, "k3x9qa": false, "-1": false, "k3x9qa-0": false, "k3x9qa--1": false,
		"k3x9qa-1x": false,
	} {
		if instance, n, ok := ParseSerial(in); ok != want || ok && (instance != "k3x9qa" || n != 17) {
			t.Errorf("%q: got %q, %d, %t, want ok %t", in, instance, n, ok, want)
		}
	}
}

// everyKnob has a value other than the default for each knob that goes with all others.
const everyKnob = `{"errorRate":0.25,"errorCodes":"500/503","closeRate":0.125,"resetRate":0.5,"latency":"50ms",` +
	`"jitter":"1.5s","distribution":"exponential","stream":"2s","concurrency":10,"overflow":"queue","queue":5,` +
	`"unready":true,"drain":"3s"}`

func TestFaultsOverTheAdminPort(t *testing.T) {
	const none = `{"errorRate":0,"errorCode":503,"latency":"0s","jitter":"0s"}`
	for _, c := range []struct {
		name, method, body string
		code               int
		want               string // exact where it is JSON, else contained
	}{
		{"show", "GET", "", 200, none},
		{
			"all", "PUT", `{"errorRate":0.25,"errorCode":500,"latency":"50ms","jitter":"1.5s"}`, 200,
			`{"errorRate":0.25,"errorCode":500,"latency":"50ms","jitter":"1.5s"}`,
		},
		{
			"one, the others are cleared", "PUT", `{"errorRate":1}`, 200,
			`{"errorRate":1,"errorCode":503,"latency":"0s","jitter":"0s"}`,
		},
		{"every knob", "PUT", everyKnob, 200, everyKnob},
		{
			"defaults by name", "PUT",
			`{"errorCode":503,"distribution":"uniform","overflow":"reject","unready":false,"queue":0}`, 200, none,
		},
		{"clear", "DELETE", "", 200, none},
		{"rate too high", "PUT", `{"errorRate":5}`, 400, "errorRate: 5 is not between 0 and 1"},
		{"rate below", "PUT", `{"errorRate":-0.1}`, 400, "errorRate"},
		{"rate of wrong type", "PUT", `{"errorRate":"half"}`, 400, "errorRate: want a number, got a string"},
		{"code that is no error", "PUT", `{"errorCode":200}`, 400, "errorCode: 200"},
		{"no unit", "PUT", `{"latency":"50"}`, 400, `latency: "50" is not a duration`},
		{"too long", "PUT", `{"jitter":"50m"}`, 400, "jitter: 50m0s"},
		{"negative", "PUT", `{"latency":"-1s"}`, 400, "latency: -1s"},
		{"misspelt", "PUT", `{"errorrate":1}`, 400, "errorrate: unknown; there are errorRate, "},
		{"null", "PUT", `{"errorRate":null}`, 400, "errorRate: null"},
		{"code that is no code", "PUT", `{"errorCode":500.5}`, 400, `errorCode: "500.5" is not a whole number`},
		{"codes of wrong type", "PUT", `{"errorCodes":[500,503]}`, 400, "errorCodes: want a string, got a list"},
		{
			"codes with commas", "PUT", `{"errorCodes":"500,503"}`, 400,
			`errorCodes: "500,503" is not a list of codes such as 500/503`,
		},
		{"codes that are no errors", "PUT", `{"errorCodes":"500/200"}`, 400, "errorCodes: 200 is not an HTTP error"},
		{
			"too many codes", "PUT", `{"errorCodes":"500/501/502/503/504/505/506/507/508"}`, 400,
			"errorCodes: \"500/501/502/503/504/505/506/507/508\" are more than 8",
		},
		{
			"code and codes", "PUT", `{"errorCode":500,"errorCodes":"500/503"}`, 400,
			"errorCodes: takes the place of errorCode",
		},
		{
			"three fates", "PUT", `{"errorRate":0.5,"closeRate":0.3,"resetRate":0.3}`, 400,
			"errorRate, closeRate and resetRate: their sum 1.1 is above 1",
		},
		{"close rate", "PUT", `{"closeRate":1.5}`, 400, "closeRate: 1.5"},
		{"reset rate", "PUT", `{"resetRate":-1}`, 400, "resetRate: -1"},
		{
			"distribution", "PUT", `{"jitter":"1s","distribution":"pareto"}`, 400,
			`distribution: "pareto" is none of uniform, exponential, normal`,
		},
		{"stream", "PUT", `{"stream":"-1s"}`, 400, "stream: -1s"},
		{"concurrency", "PUT", `{"concurrency":-1}`, 400, "concurrency: -1 is not between 0 and 100000"},
		{"overflow of nothing", "PUT", `{"overflow":"queue"}`, 400, "overflow: has no effect without concurrency"},
		{
			"queue where all is rejected", "PUT", `{"concurrency":1,"queue":5}`, 400,
			"queue: has no effect unless overflow",
		},
		{"overflow", "PUT", `{"concurrency":1,"overflow":"drop"}`, 400, `overflow: "drop" is none of reject, queue`},
		{"readiness of wrong type", "PUT", `{"unready":"true"}`, 400, "unready: want a boolean, got a string"},
		{"drain", "PUT", `{"drain":"1h"}`, 400, "drain: 1h0m0s"},
		{"not an object", "PUT", `null`, 400, "want one JSON object"},
		{"empty", "PUT", ``, 400, "want one JSON object"},
		{"two", "PUT", `{} {}`, 400, "nothing after it"},
		{"huge", "PUT", `{"latency":"` + strings.Repeat("0", maxFaultsBody) + `1s"}`, 400, "too large"},
		{"other method", "POST", `{}`, 405, ""},
	} {
		a := New(Config{Version: "v1", Pod: "p"})
		r := do(t, a.AdminHandler(), c.method, "/faults", c.body)
		got := strings.TrimSpace(text(t, r))
		if r.StatusCode != c.code {
			t.Errorf("%s: got %d %s, want %d", c.name, r.StatusCode, got, c.code)
		}
		if exact := strings.HasPrefix(c.want, "{"); exact && got != c.want || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if after := a.injector.get(); c.code != 200 && after != (Faults{}) {
			t.Errorf("%s: refused, but the faults are now %+v", c.name, after)
		}
	}
}

func TestCountersAreExactUnderLoad(t *testing.T) {
	a := New(Config{Version: "v1", Pod: "p", Faults: Faults{ErrorRate: 0.3}})
	server := httptest.NewServer(a.Handler())
	defer server.Close()
	const callers, each = 8, 200
	codes := make([]map[int]uint64, callers)
	var wg sync.WaitGroup
	for i := range callers {
		codes[i] = map[int]uint64{}
		wg.Go(func() {
			for range each {
				r, err := server.Client().Get(server.URL)
				if err != nil {
					t.Error(err)
					return
				}
				codes[i][r.StatusCode]++
				io.Copy(io.Discard, r.Body)
				r.Body.Close()
			}
		})
	}
	wg.Wait()
	got := a.Counters()
	var ok, failed uint64
	for _, m := range codes {
		ok, failed = ok+m[200], failed+m[503]
	}
	if got.Received != callers*each || got.Answered["200"] != ok || got.Answered["503"] != failed || len(
		got.Answered,
	) != 2 {
		t.Errorf("got %+v, want %d received, %d × 200, %d × 503", got, callers*each, ok, failed)
	}
}

// serve starts an app on its own ports. stop begins its end, and done gets what Serve returned.
func serve(t *testing.T, cfg Config) (a *App, app, admin string, stop func(), done <-chan error) {
	t.Helper()
	var ls [2]net.Listener
	for i := range ls {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ls[i] = l
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	a = New(cfg)
	go func() { ended <- a.Serve(ctx, ls[:1], ls[1], slog.New(slog.DiscardHandler)) }()
	return a, "http://" + ls[0].Addr().String(), "http://" + ls[1].Addr().String(), cancel, ended
}

// get reads the whole body, so that the connection is free again.
func get(t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return r
}

func TestAdminCallsAreNotCounted(t *testing.T) {
	a, app, admin, _, _ := serve(t, Config{
		Version: "v1", Pod: "p", Faults: Faults{ErrorRate: 1}, ShutdownTimeout: time.Second,
	})
	get(t, app)
	for _, path := range []string{"/livez", "/readyz", "/faults"} {
		if r := get(t, admin+path); r.StatusCode != 200 {
			t.Errorf("%s: got %d %s, want 200", path, r.StatusCode, text(t, r))
		}
	}
	body := text(t, get(t, admin+"/counters"))
	var c Counters
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatal(err)
	}
	if c.Received != 1 || c.Answered["503"] != 1 || c.InFlight != 0 || c.Version != "v1" || c.Pod != "p" ||
		!c.Since.Equal(a.counters.since) {
		t.Errorf("got %s, want one request, answered with 503", body)
	}
}

// waitFor polls a fact that has no event.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 5s for: %s", what)
		}
	}
}

func TestDelayEndsWhenTheClientLeaves(t *testing.T) {
	a, app, _, _, _ := serve(t, Config{
		Version: "v1", Pod: "p", Faults: Faults{Latency: time.Minute}, ShutdownTimeout: time.Second,
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		r, _ := http.NewRequestWithContext(ctx, "GET", app, nil)
		_, _ = http.DefaultClient.Do(r)
	}()
	waitFor(t, "the request in flight", func() bool { return a.Counters().InFlight == 1 })
	leave()
	waitFor(t, "the request abandoned", func() bool { c := a.Counters(); return c.InFlight == 0 && c.Abandoned == 1 })
	if got := a.Counters(); got.Received != 1 || len(got.Answered) != 0 {
		t.Errorf("got %+v, want 1 received and none answered", got)
	}
}

func TestStopsGracefully(t *testing.T) {
	const drain = 500 * time.Millisecond
	a, app, admin, stop, done := serve(t, Config{
		Version: "v1", Pod: "p", DrainDelay: drain, ShutdownTimeout: 5 * time.Second,
	})
	ready := func() int { r := get(t, admin+"/readyz"); return r.StatusCode }
	waitFor(t, "readiness", func() bool { return ready() == 200 })
	if r := get(t, app); r.StatusCode != 200 || r.Close {
		t.Errorf("before the stop: got %d, close %v, want 200 on a connection that stays", r.StatusCode, r.Close)
	}
	stop()
	waitFor(t, "readiness gone", func() bool { return ready() == 503 })
	if r := get(t, admin+"/livez"); r.StatusCode != 200 {
		t.Errorf("livez while draining: got %d, want 200", r.StatusCode)
	}
	if r := get(t, app); r.StatusCode != 200 || !r.Close {
		t.Errorf("while draining: got %d, close %v, want 200 and a hint to come no more", r.StatusCode, r.Close)
	}
	// The request is sent during the drain and answered after it.
	a.injector.set(Faults{Latency: drain + 100*time.Millisecond})
	if r := get(t, app); r.StatusCode != 200 {
		t.Errorf("in flight at the end of the drain: got %d, want 200", r.StatusCode)
	}
	if err := <-done; err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
	if r, err := http.Get(app); err == nil {
		r.Body.Close()
		t.Error("the app port still answers after the end")
	}
	if got := a.Counters(); got.Received != 3 || got.Answered["200"] != 3 {
		t.Errorf("got %+v, want three requests, answered", got)
	}
}

// The counters of a pod can be read after it is gone.
func TestLastWords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "last-words")
	a, app, _, stop, done := serve(t, Config{
		Version: "v1", Pod: "pod-a", LastWords: file, ShutdownTimeout: time.Minute,
	})
	get(t, app)
	get(t, app)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got Counters
	if err := json.Unmarshal(b, &got); err != nil || got.Received != 2 || got.Pod != "pod-a" ||
		got.Instance != a.Counters().Instance {
		t.Errorf("got last words %s, %v, want 2 requests received by %s of pod-a", b, err, a.Counters().Instance)
	}
}

// A drain that is set at run time overrides the one from the start.
func TestDrainCanBeChanged(t *testing.T) {
	a, app, admin, stop, done := serve(t, Config{
		Version: "v1", Pod: "p", DrainDelay: time.Hour, ShutdownTimeout: 5 * time.Second,
	})
	get(t, app)
	a.injector.set(Faults{Drain: time.Millisecond})
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("still serving 5s after the stop: got %s, want a drain of 1ms", text(t, get(t, admin+"/faults")))
	}
}

func TestUnreadyServesOn(t *testing.T) {
	a, app, admin, _, _ := serve(t, Config{
		Version: "v1", Pod: "p", Faults: Faults{Unready: true}, ShutdownTimeout: time.Second,
	})
	get(t, app) // it listens
	if r := get(t, admin+"/readyz"); r.StatusCode != 503 || !strings.Contains(text(t, r), "told to be unready") {
		t.Errorf("unready: got %d, want 503 that says why", r.StatusCode)
	}
	if r := get(t, admin+"/livez"); r.StatusCode != 200 {
		t.Errorf("unready: got liveness %d, want 200", r.StatusCode)
	}
	if r := get(t, app); r.StatusCode != 200 || r.Close {
		t.Errorf("unready: got %d, close %t from the app port, want 200 and no hint to go", r.StatusCode, r.Close)
	}
	a.injector.set(Faults{})
	waitFor(t, "readiness again", func() bool { return get(t, admin+"/readyz").StatusCode == 200 })
}

func TestStopIsBounded(t *testing.T) {
	a, app, _, stop, done := serve(t, Config{
		Version: "v1", Pod: "p", Faults: Faults{Latency: time.Minute}, ShutdownTimeout: 50 * time.Millisecond,
	})
	go func() { _, _ = http.Get(app) }()
	waitFor(t, "the request in flight", func() bool { return a.Counters().InFlight == 1 })
	stop()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "within 50ms") {
			t.Errorf("got %v, want an error that names the 50ms", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still serving 5s after the stop")
	}
}

func TestParseConfig(t *testing.T) {
	env := map[string]string{"VERSION": "v1", "POD_NAME": "pod-a"}
	for _, c := range []struct {
		name string
		args string
		env  map[string]string
		want string // of the error; empty for none
	}{
		{"environment", "", env, ""},
		{"flags before environment", "--version=v2 --pod=pod-b", env, ""},
		{"no version", "", nil, "no version"},
		{"bad fault", "--version=v1 --error-rate=2", env, "errorRate: 2"},
		{"bad number", "--version=v1 --error-rate=many", env, `errorRate: "many" is not a number`},
		{"bad group", "--version=v1 --error-rate=0.6 --close-rate=0.6", env, "their sum 1.2"},
		{"encrypted next", "--version=v1 --next=https://backend", env, `next: "https://backend" is not a URL`},
		{"next without host", "--version=v1 --next=http:///path", env, "next: "},
		{
			"next by environment", "", map[string]string{"VERSION": "v1", "POD_NAME": "pod-a", "NEXT": "backend"},
			"next: ",
		},
		{"bad header", "--version=v1 --next=http://b --propagate=x-a,x:b", env, `propagate: "x:b"`},
		{"no header", "--version=v1 --next=http://b --propagate=x-a,", env, `propagate: ""`},
		{
			"header of the connection", "--version=v1 --next=http://b --propagate=connection", env,
			"propagate: connection is about one connection",
		},
		{"propagation to nobody", "--version=v1 --propagate=x-a", env, "propagate: has no effect without next"},
		{"argument", "pause", env, `unexpected argument "pause"`},
		{"unknown flag", "--nope", env, "nope"},
		{"help", "--help", env, flag.ErrHelp.Error()},
	} {
		var out bytes.Buffer
		cfg, err := ParseConfig(strings.Fields(c.args), func(k string) string { return c.env[k] }, &out)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		want := Config{Version: "v1", Pod: "pod-a"}
		if strings.Contains(c.args, "v2") {
			want = Config{Version: "v2", Pod: "pod-b"}
		}
		if err == nil && (cfg.Version != want.Version || cfg.Pod != want.Pod) {
			t.Errorf("%s: got %s %s, want %s %s", c.name, cfg.Version, cfg.Pod, want.Version, want.Pod)
		}
	}
	if cfg, err := ParseConfig(
		[]string{"--version=v1"}, func(string) string { return "" }, io.Discard,
	); err != nil || cfg.Pod == "" {
		t.Errorf("no POD_NAME: got pod %q, %v, want the host's name", cfg.Pod, err)
	}
}

// Every knob can be set at start.
func TestFaultsAtStart(t *testing.T) {
	args := strings.Fields(`--version=v1 --error-rate=0.25 --error-codes=500/503 --close-rate=0.125 --reset-rate=0.5
		--latency=50ms --jitter=1.5s --distribution=exponential --stream=2s --concurrency=10 --overflow=queue --queue=5
		--unready --drain-delay=3s
		--next=http://backend:8080/x --propagate=x-request-id,X-User-Group --seed=7`)
	cfg, err := ParseConfig(args, func(string) string { return "" }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var want Faults
	if err := json.Unmarshal([]byte(everyKnob), &want); err != nil {
		t.Fatal(err)
	}
	if cfg.DrainDelay != want.Drain {
		t.Errorf("drain: got %s, want %s", cfg.DrainDelay, want.Drain)
	}
	if want.Drain = 0; cfg.Faults != want {
		t.Errorf("got %+v, want %+v", cfg.Faults, want)
	}
	if again, err := ParseConfig(
		append(cfg.Faults.Args(), "--version=v1"), func(string) string { return "" }, io.Discard,
	); err != nil || again.Faults != cfg.Faults {
		t.Errorf("got %+v, %v of %q, want the same faults", again.Faults, err, cfg.Faults.Args())
	}
	if cfg.Next != "http://backend:8080/x" || !slices.Equal(
		cfg.Propagate, []string{"x-request-id", "X-User-Group"},
	) || cfg.Seed != 7 {
		t.Errorf("got next %q, propagate %q, seed %d", cfg.Next, cfg.Propagate, cfg.Seed)
	}
	if cfg, err := ParseConfig(
		strings.Fields("--version=v1 --error-code=418"), func(string) string { return "" }, io.Discard,
	); err != nil || cfg.Faults != (Faults{ErrorCode: 418}) {
		t.Errorf("error-code: got %+v, %v, want 418", cfg.Faults, err)
	}
}

func TestMainExitCodes(t *testing.T) {
	none := func(string) string { return "" }
	for args, want := range map[string]int{
		"--help": 0, "": 64, "--version=v1 --addr=256.0.0.1:0 --admin-addr=127.0.0.1:0": 1,
	} {
		var stderr bytes.Buffer
		if got := Main(strings.Fields(args), none, &stderr); got != want {
			t.Errorf("%q: got %d, want %d: %s", args, got, want, &stderr)
		}
		if stderr.Len() == 0 {
			t.Errorf("%q: nothing on stderr", args)
		}
	}
}

// The app closes no connection that waits: it would race with the next request on it.
func TestTheAppPortHasNoTimeout(t *testing.T) {
	s := New(Config{Version: "v1"}).server()
	if s.ReadTimeout != 0 || s.ReadHeaderTimeout != 0 || s.IdleTimeout != 0 || s.WriteTimeout != 0 {
		t.Errorf("got timeouts of %s, %s, %s and %s, want none", s.ReadTimeout, s.ReadHeaderTimeout, s.IdleTimeout,
			s.WriteTimeout)
	}
}
