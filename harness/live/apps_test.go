package live

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/canarylab/canarylab/sampleapp"
)

// The sample app's own admin handler is what call talks to.
func TestCallSpeaksTheSampleAppsAdmin(t *testing.T) {
	server := httptest.NewServer(sampleapp.New(sampleapp.Config{Version: "v2", Pod: "p"}).AdminHandler())
	defer server.Close()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: rewrite{to.Host}}
	ctx := context.Background()

	var c sampleapp.Counters
	if err := call(ctx, client, http.MethodGet, "/counters", nil, &c); err != nil || c.Version != "v2" {
		t.Errorf("got %+v, %v, want the counters of v2", c, err)
	}
	want := sampleapp.Faults{ErrorRate: 0.25, ErrorCode: 500}
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got sampleapp.Faults
	if err := call(ctx, client, http.MethodPut, "/faults", body, &got); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	err = call(ctx, client, http.MethodPut, "/faults", []byte(`{"errorRate":7}`), nil)
	if err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), "errorRate") {
		t.Errorf("got %v, want the app's error", err)
	}
}

// rewrite sends every request to one host.
type rewrite struct{ host string }

func (r rewrite) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.Host = r.host
	return http.DefaultTransport.RoundTrip(req)
}
