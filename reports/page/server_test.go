package page

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/loadgen"
	"github.com/canarylab/canarylab/reports/internal/labtrace"
	"github.com/canarylab/canarylab/reports/trace"
)

// serve serves a board until the test ends.
func serve(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Board == nil {
		o.Board = NewBoard(judge.Unseen)
	}
	s, err := Serve(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// ask sends a request, changed by change, and returns the status and the body.
func ask(t testing.TB, method, url, body string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b), answer.Header
}

func TestOnlyTheOwnPageGetsIn(t *testing.T) {
	called := 0
	s := serve(t, Options{Commands: map[string]Command{"go": func(context.Context, json.RawMessage) (any, error) {
		called++
		return "done", nil
	}}})
	address := strings.TrimSuffix(strings.TrimPrefix(s.URL(), "http://"), s.root)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	port := address[strings.LastIndex(address, ":"):]
	for _, test := range []struct {
		name, method, url string
		change            func(*http.Request)
		want              int
	}{
		{"the page", "GET", s.URL(), nil, 200},
		{"by its other name", "GET", s.URL(), host("localhost" + port), 200},
		{"a link from elsewhere", "GET", s.URL(), func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}, 200},
		{"its own button", "POST", s.URL() + "do/go", header("Origin", "http://"+address), 200},
		{"a terminal", "POST", s.URL() + "do/go", nil, 200},
		{"a name that was made to point here", "GET", s.URL(), host("evil.example" + port), 421},
		{"the same with a button", "POST", s.URL() + "do/go", host("evil.example" + port), 421},
		{"no port", "GET", s.URL(), host("127.0.0.1"), 421},
		{"another page's button", "POST", s.URL() + "do/go", header("Origin", "http://evil.example"), 403},
		{"a page without an origin", "POST", s.URL() + "do/go", header("Origin", "null"), 403},
		{"another port's button", "POST", s.URL() + "do/go", header("Origin", "http://127.0.0.1:1"), 403},
		{"another page's script", "GET", s.URL() + "feed", header("Sec-Fetch-Site", "cross-site"), 403},
		{"another page's frame", "GET", s.URL(), func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		}, 403},
		{"another page's form", "POST", s.URL() + "do/go", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}, 403},
		{"a form", "POST", s.URL() + "do/go", header("Content-Type", "text/plain"), 415},
		{"no token", "GET", "http://" + address + "/", nil, 404},
		{"another token", "GET", "http://" + address + "/" + strings.Repeat("a", len(s.root)-2) + "/", nil, 404},
		{"a part of the token", "GET", s.URL()[:len(s.URL())-3] + "/", nil, 404},
		{"nothing there", "GET", s.URL() + "x", nil, 404},
		{"another command", "POST", s.URL() + "do/other", nil, 404},
		{"a link as a button", "GET", s.URL() + "do/go", nil, 405},
	} {
		before := called
		got, body, headers := ask(t, test.method, test.url, "null", test.change)
		if got != test.want || (called > before) != (test.method == "POST" && test.want == 200) {
			t.Errorf("%s: got status %d (%.80s), %d calls, want %d", test.name, got, body, called-before, test.want)
		}
		if strings.Contains(body, strings.Trim(s.root, "/")) || headers.Get("Access-Control-Allow-Origin") != "" ||
			headers.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %v and %.200s, want neither the token nor leave for others", test.name, headers, body)
		}
	}
}

func TestPolicyNamesWhatThePageHas(t *testing.T) {
	s := serve(t, Options{Panels: []Panel{{
		Name: "one", Title: "One", HTML: "<p>first</p>", Style: "#panel-one { color: red; }",
		Script: "element.dataset.on = 1;",
	}, {Name: "two", HTML: "<p>second</p>"}}})
	_, body, headers := ask(t, "GET", s.URL(), "", nil)
	policy := headers.Get("Content-Security-Policy")
	for _, has := range []string{"default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, has) {
			t.Errorf("got policy %s, want %s", policy, has)
		}
	}
	n := 0
	for _, tag := range []string{"style", "script"} {
		for _, m := range regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(body, -1) {
			if n++; !strings.Contains(policy, hash(m[1])) {
				t.Errorf("the policy does not name %s %.40q", tag, m[1])
			}
		}
	}
	if n != 4 {
		t.Errorf("got %d styles and scripts, want one style, the page's script, the panel's, and its start", n)
	}
	for _, has := range []string{
		`id="panel-one"><h2>One</h2><p>first</p>`, `id="panel-two"><p>second</p>`, "<noscript>",
	} {
		if !strings.Contains(body, has) {
			t.Errorf("the page lacks %s", has)
		}
	}
	for _, m := range regexp.MustCompile(`(?i)(src|href)=|style="|\son[a-z]+=|:\s*url\(`).FindAllString(body, -1) {
		t.Errorf("the page has %q: something would be fetched, or its policy forbids it", m)
	}
}

func TestCommands(t *testing.T) {
	s := serve(t, Options{Commands: map[string]Command{
		"echo":   func(_ context.Context, arg json.RawMessage) (any, error) { return arg, nil },
		"refuse": func(context.Context, json.RawMessage) (any, error) { return nil, errors.New("not now\x1b[31m") },
		"odd":    func(context.Context, json.RawMessage) (any, error) { return func() {}, nil },
	}})
	for _, test := range []struct {
		command, body string
		status        int
		says          string
	}{
		{"echo", `{"a":1}`, 200, `{"result":{"a":1}}`},
		{"echo", "null", 200, `{"result":null}`},
		{"refuse", "null", 422, `{"error":"not now\\x1b[31m"}`},
		{"odd", "null", 500, `can't be sent`},
		{"echo", "", 400, "one value of JSON"},
		{"echo", "{", 400, "one value of JSON"},
		{"echo", "1 2", 400, "one value of JSON"},
		{"echo", `"` + strings.Repeat("x", maxArgument) + `"`, 400, "one value of JSON"},
	} {
		status, body, _ := ask(t, "POST", s.URL()+"do/"+test.command, test.body, nil)
		if status != test.status || !strings.Contains(body, test.says) {
			t.Errorf("%s of %.20q: got %d, %.200s, want %d, %s",
				test.command, test.body, status, body, test.status, test.says)
		}
	}
}

func TestBadOptions(t *testing.T) {
	nothing := func(context.Context, json.RawMessage) (any, error) { return nil, nil }
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	b := NewBoard(nil)
	for _, test := range []struct {
		o    Options
		says string
	}{
		{Options{}, "no board"},
		{Options{Board: b, Panels: []Panel{{Name: "A"}}}, `"A" is no name for a panel`},
		{Options{Board: b, Panels: []Panel{{Name: "a"}, {Name: "a"}}}, `"a" is no name for a panel`},
		{Options{Board: b, Panels: []Panel{{Name: "a", Script: "// </SCRIPT>"}}}, "the end of a script"},
		{Options{Board: b, Commands: map[string]Command{"a/b": nothing}}, `"a/b" is no command`},
		{Options{Board: b, Commands: map[string]Command{"a": nil}}, `"a" is no command`},
		{Options{Board: b, Listen: "0.0.0.0:0"}, "can be reached by other machines"},
		{Options{Board: b, Listen: "[::]:0"}, "can be reached by other machines"},
		{Options{Board: b, Listen: "192.0.2.1:80"}, "can be reached by other machines"},
		{Options{Board: b, Listen: ":8080"}, "no address to serve a page on"},
		{Options{Board: b, Listen: "localhost:8080"}, "no address to serve a page on"},
		{Options{Board: b, Listen: "127.0.0.1"}, "such as 127.0.0.1:8080"},
		{Options{Board: b, Listen: "127.0.0.1:99999"}, "no address to serve a page on"},
		{Options{Board: b, Listen: taken.Addr().String()}, "another program has that port"},
	} {
		if s, err := Serve(t.Context(), test.o); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: got %v, want %q", test.o, err, test.says)
			if err == nil {
				s.Close()
			}
		}
	}
}

// A listener hears a feed.
type listener struct {
	t    testing.TB
	body io.ReadCloser
	in   *bufio.Reader
}

func listenTo(t testing.TB, s *Server) *listener {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"feed", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %s, %v", answer.Status, answer.Header)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return &listener{t, answer.Body, bufio.NewReaderSize(answer.Body, 1<<20)}
}

// next is the next message.
func (l *listener) next() message {
	l.t.Helper()
	for {
		line, err := l.in.ReadBytes('\n')
		if err != nil {
			l.t.Fatal(err)
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			continue
		}
		var v message
		if err := json.Unmarshal(data, &v); err != nil {
			l.t.Fatalf("%v: %.200s", err, data)
		}
		return v
	}
}

// until is the first message for which ok holds.
func (l *listener) until(ok func(message) bool) message {
	l.t.Helper()
	for {
		if v := l.next(); ok(v) {
			return v
		}
	}
}

func TestFeed(t *testing.T) {
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b, Panels: []Panel{{Name: "demo", Title: "Demo"}}})
	first := listenTo(t, s)
	if v := first.next(); !v.Full || v.Face == nil || v.Face.State != Waiting {
		t.Errorf("got %+v, want all of it first", v)
	}
	lines := recorded(t, 100)
	for _, l := range lines[:500] {
		b.Line(l)
	}
	sum := func(v message) (n int) {
		for _, c := range v.Cells {
			n += c[2]
		}
		return n
	}
	requests := b.requests
	total := 0
	first.until(func(v message) bool {
		if v.Full {
			t.Error("got all of it a second time")
		}
		total += sum(v)
		return total >= requests && v.Face != nil
	})
	if err := s.Publish("demo", map[string]int{"step": 1}); err != nil {
		t.Fatal(err)
	}
	if err := s.Publish("demo", map[string]int{"step": 2}); err != nil {
		t.Fatal(err)
	}
	isStep2 := func(v message) bool { return fmt.Sprint(v.Data["demo"]) == "map[step:2]" }
	first.until(isStep2)
	// A second browser, or the same one after a reload.
	second := listenTo(t, s)
	if v := second.next(); !v.Full || sum(v) != requests || !isStep2(v) ||
		v.Face == nil || v.Face.Requests != requests {
		t.Errorf("got %d of %d requests, %v: want all that is shown", sum(v), requests, v.Data)
	}
	first.body.Close()
	b.Restart()
	if v := second.until(func(v message) bool { return v.Full }); v.Face == nil || v.Face.Requests != 0 {
		t.Errorf("got %+v, want another run", v.Face)
	}
	if err := s.Publish("demo", strings.Repeat("x", maxBlock)); err == nil {
		t.Error("too large a block is published")
	}
	if err := s.Publish("demo", func() {}); err == nil {
		t.Error("what is no JSON is published")
	}
}

// TestSlowBrowserHoldsNobodyUp has a browser that reads nothing: neither the run nor another browser waits for it, and
// when it wakes up it is shown what is there, and not all that it missed.
func TestSlowBrowserHoldsNobodyUp(t *testing.T) {
	b := NewBoard(judge.Unseen)
	s := serve(t, Options{Board: b})
	asleep, awake := listenTo(t, s), listenTo(t, s)
	awake.next()
	block := strings.Repeat("x", maxBlock-10)
	for _, l := range recorded(t, 50)[:300] {
		b.Line(l)
	}
	requests := b.requests
	const rounds = 20 // of a megabyte each: more than a socket's buffers hold
	for i := range rounds {
		for panel := range 4 {
			if err := s.Publish(fmt.Sprint("big-", panel), fmt.Sprint(i, block)[:maxBlock-10]); err != nil {
				t.Fatal(err)
			}
		}
		at := labtrace.At(float64(2000 + i))
		b.Line(trace.Line{Sample: &loadgen.Sample{
			ID: fmt.Sprint("live01-z-", i), Cohort: "everyone", Sent: at, Done: at, Code: 200, Version: "v1",
		}})
		want := requests + i + 1
		awake.until(func(v message) bool { return v.Face != nil && v.Face.Requests == want })
	}
	messages := 0
	asleep.until(func(v message) bool { messages++; return v.Face != nil && v.Face.Requests == requests+rounds })
	if messages >= rounds {
		t.Errorf("got %d messages, want what was missed in few", messages)
	}
}

func TestTooManyBrowsers(t *testing.T) {
	s := serve(t, Options{})
	var all []*listener
	for range maxBrowsers {
		all = append(all, listenTo(t, s))
	}
	if status, body, _ := ask(t, "GET", s.URL()+"feed", "", nil); status != 503 ||
		!strings.Contains(body, "close one") {
		t.Errorf("got %d, %s, want to be told that there are too many", status, body)
	}
	all[0].body.Close()
	for range 500 {
		s.mu.Lock()
		n := s.browsers
		s.mu.Unlock()
		if n < maxBrowsers {
			listenTo(t, s).next()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a browser that is gone is still counted")
}

func TestClose(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Serve(ctx, Options{Board: NewBoard(nil)})
	if err != nil {
		t.Fatal(err)
	}
	l := listenTo(t, s)
	l.next()
	cancel()
	if _, err := io.ReadAll(l.in); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Logf("the feed ended with %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("got %v", err)
		}
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.Split(s.URL(), "/")[2]); err == nil {
		t.Error("the address still answers")
	}
}
