package loadgen

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/canarylab/canarylab/sampleapp"
)

func TestSocketsAreReadToTheirEnd(t *testing.T) {
	const open = 250 * time.Millisecond
	app := sampleapp.New(sampleapp.Config{Version: "v2", Pod: "pod-b", Faults: sampleapp.Faults{Stream: open}})
	server := httptest.NewServer(app.Handler())
	defer server.Close()

	s := play(t, plan(
		server.URL+"/", 400*time.Millisecond,
		Cohort{Name: "sockets", Rate: 50, Socket: true, Header: map[string]string{"x-user-group": "beta"}},
	))

	if s.end.Why != Duration || s.end.Cohorts[0] != (Count{"sockets", 20, 20}) {
		t.Errorf("end: got %+v, want 20 sockets, all granted", s.end)
	}
	if got := app.Counters().Answered; len(got) != 1 || got["101"] != 20 {
		t.Errorf("the app counts %v, want 20 of 101", got)
	}
	for _, x := range s.samples {
		if x.Code != 101 || x.Err != "" || x.Version != "v2" || x.Pod != "pod-b" || x.Serial == "" || x.ID == "" {
			t.Fatalf("sample %+v: want 101 from pod-b of v2, with a number", x)
		}
		if took := x.Done.Sub(x.Sent); took < open {
			t.Errorf("a socket that is open for %s was done after %s", open, took)
		}
		// One at once, one every 100 ms, one at the end.
		if want := uint64(4 * len("my-service v2 (pod-b)\n")); x.Bytes != want {
			t.Errorf("got %d bytes of messages, want %d", x.Bytes, want)
		}
	}
}

func TestASocketThatIsNotGranted(t *testing.T) {
	app := sampleapp.New(sampleapp.Config{Version: "v2", Pod: "pod-b", Faults: sampleapp.Faults{ErrorRate: 1}})
	server := httptest.NewServer(app.Handler())
	defer server.Close()
	s := play(t, plan(server.URL+"/", 100*time.Millisecond, Cohort{Name: "sockets", Rate: 100, Socket: true}))
	if got := app.Counters().Answered; got["503"] != 10 {
		t.Errorf("the app counts %v, want 10 of 503", got)
	}
	for _, x := range s.samples {
		if x.Code != 503 || x.Version != "v2" || x.Bytes == 0 {
			t.Fatalf("sample %+v: want the app's 503", x)
		}
	}
}

func TestASocketThatBreaks(t *testing.T) {
	for name, end := range map[string]func(*websocket.Conn){
		"cut":         func(c *websocket.Conn) { c.CloseNow() },
		"never ended": func(c *websocket.Conn) { <-c.CloseRead(t.Context()).Done() },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c, err := websocket.Accept(w, r, nil); err == nil {
					end(c)
				}
			}))
			defer server.Close()
			p := plan(server.URL+"/", 50*time.Millisecond, Cohort{Name: "sockets", Rate: 100, Socket: true})
			p.Timeout = 300 * time.Millisecond
			for _, x := range play(t, p).samples {
				if x.Code != 0 || x.Err == "" || strings.Contains(x.Err, server.URL) {
					t.Fatalf("sample %+v: want no answer and why, without the address", x)
				}
			}
		})
	}
	refused := httptest.NewServer(nil)
	refused.Close()
	for _, x := range play(t, plan(
		refused.URL+"/", 50*time.Millisecond, Cohort{Name: "sockets", Rate: 100, Socket: true},
	)).samples {
		if x.Code != 0 || !strings.Contains(x.Err, "connection refused") {
			t.Fatalf("sample %+v: want that the connection was refused", x)
		}
	}
}

func TestASocketIsAskedForByGET(t *testing.T) {
	p := plan("http://my-service/", time.Second, Cohort{Name: "sockets", Rate: 1, Socket: true})
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
	p.Method = http.MethodPost
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "cohorts[0].socket") {
		t.Errorf("got %v, want that a WebSocket can't be asked for by POST", err)
	}
}
