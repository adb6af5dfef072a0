package loadgen

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A cohort asks a gateway by TLS for the host that its Host header names, by HTTP/1.1, and what breaks in the handshake
// was never sent.
func TestCohortOverTLS(t *testing.T) {
	var wrong, all atomic.Int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		all.Add(1)
		if r.TLS.ServerName != "shop.test" || r.Host != "shop.test" || r.ProtoMajor != 1 ||
			r.Header.Get("Authorization") != "Bearer x" {
			wrong.Add(1)
		}
	}))
	defer server.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer plain.Close()
	p := Plan{
		Run: "r", URL: "http://unused/", Duration: 300 * time.Millisecond, Cohorts: []Cohort{
			{
				Name: "secure", Rate: 100, URL: server.URL, Entry: Gateway,
				Header: map[string]string{"Host": "shop.test", "authorization": "Bearer x"},
			},
			{Name: "no-tls", Rate: 20, URL: strings.Replace(plain.URL, "http:", "https:", 1), Entry: Gateway},
		},
	}
	s := start(t, t.Context(), p)
	<-s.ended
	if s.err != nil || s.serveErr != nil {
		t.Fatal(s.err, s.serveErr)
	}
	if all.Load() < 10 || wrong.Load() > 0 {
		t.Errorf("got %d requests, %d of them otherwise than asked", all.Load(), wrong.Load())
	}
	for _, x := range s.samples {
		if (x.Cohort == "secure") != (x.Code == http.StatusOK) || (x.Cohort == "secure") == x.Unsent {
			t.Errorf("got %+v, want an answer by TLS, and what has none unsent", x)
		}
	}
	p.Cohorts[0].Entry = Sidecar
	if err := p.Validate(); err == nil || !strings.Contains(err.Error(), "http://") {
		t.Errorf("got %v, want TLS refused where a sidecar routes", err)
	}
}
