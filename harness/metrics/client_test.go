package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A server answers like a Prometheus with known answers, and remembers what it was asked.
type server struct {
	status int
	body   string
	path   string
	query  string
	time   string
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.path, s.query, s.time = r.URL.Path, r.FormValue("query"), r.FormValue("time")
	w.Header().Set("Content-Type", "application/json")
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	fmt.Fprint(w, s.body)
}

func ask(t *testing.T, s *server) *Client {
	t.Helper()
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	c, err := New(h.Client(), h.URL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Prometheus 3.15 answers this, word for word.
const (
	one = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795546819.569,` +
		`"0.13829787234042554"]}]}}`
	scalar  = `{"status":"success","data":{"resultType":"scalar","result":[1795546819.655,"1"]}}`
	nothing = `{"status":"success","data":{"resultType":"vector","result":[]}}`
	nan     = `{"status":"success","data":{"resultType":"vector",` +
		`"result":[{"metric":{"instance":"10.244.0.11:15090","job":"callers"},"value":[1795546819.477,"NaN"]}]}}`
	several = `{"status":"success","data":{"resultType":"vector",` +
		`"result":[{"metric":{"__name__":"envoy_cluster_upstream_rq_total",` +
		`"cluster_name":"outbound|80|v1|my-service.weighted-rollout.svc.cluster.local",` +
		`"instance":"10.244.0.11:15090","job":"callers"},"value":[1795546819.395,"106"]},` +
		`{"metric":{"__name__":"envoy_cluster_upstream_rq_total",` +
		`"cluster_name":"outbound|80|v2|my-service.weighted-rollout.svc.cluster.local",` +
		`"instance":"10.244.0.11:15090","job":"callers"},"value":[1795546819.395,"94"]}]}}`
	matrix = `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up",` +
		`"instance":"10.244.0.11:15090","job":"callers"},"values":[[1795546817.655,"1"],[1795546818.655,"1"]]}]}}`
	text = `{"status":"success","data":{"resultType":"string","result":[1795546819.924,"x"]}}`
	info = `{"status":"success","data":{"resultType":"vector",` +
		`"result":[{"metric":{"instance":"10.244.0.11:15090","job":"callers"},"value":[1795546820.116,"0"]}]},` +
		`"infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ` +
		`\"up\" (1:6)"]}`
	stamp = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795546820.283,` +
		`"1795546819.655"]}]}}`
	native = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"h"},` +
		`"histogram":[1795546820.283,{"count":"1","sum":"2","buckets":[[0,"1","2","1"]]}]}]}}`
	broken = `{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:2: parse error: ` +
		`unclosed left parenthesis"}`
)

func TestQuery(t *testing.T) {
	at := time.UnixMilli(1795546819569)
	for _, tc := range []struct {
		name, body string
		want       Sample
		err        []string // what the error says; nil for none
	}{
		{"one series", one, Sample{Value: 0.13829787234042554, At: at, Found: true}, nil},
		{"a scalar", scalar, Sample{Value: 1, At: time.UnixMilli(1795546819655), Found: true}, nil},
		{"zero is a number", info, Sample{Value: 0, At: time.UnixMilli(1795546820116), Found: true}, nil},
		{"no series", nothing, Sample{}, nil},
		{"a share of no requests", nan, Sample{At: time.UnixMilli(1795546819477)}, nil},
		{"several series", several, Sample{}, []string{
			"2 series", `cluster_name="outbound|80|v1|my-service`, `cluster_name="outbound|80|v2|my-service`,
		}},
		{"a range", matrix, Sample{}, []string{"got a matrix"}},
		{"a text", text, Sample{}, []string{`"string"`}},
		{"a histogram", native, Sample{}, []string{"h is a histogram"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &server{body: tc.body}
			got, err := ask(t, s).Query(t.Context(), "the query", at)
			if s.path != "/api/v1/query" || s.query != "the query" || s.time != "1795546819.569" {
				t.Errorf("got %s asked for %q at %s, want the query, at 1795546819.569", s.path, s.query, s.time)
			}
			if tc.err == nil {
				if err != nil || got.Value != tc.want.Value || !got.At.Equal(tc.want.At) || got.Found != tc.want.Found {
					t.Errorf("got %+v (%v), want %+v", got, err, tc.want)
				}
				return
			}
			for _, want := range append(tc.err, "the query") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %+v, %v; want an error that says %q", got, err, want)
				}
			}
			if got.Found {
				t.Errorf("got %+v found beside an error", got)
			}
		})
	}
}

func TestQueryAsOfNow(t *testing.T) {
	s := &server{body: one}
	if _, err := ask(t, s).Query(t.Context(), "up", time.Time{}); err != nil || s.time != "" {
		t.Errorf("got time %q asked for (%v), want none: Prometheus takes its own", s.time, err)
	}
}

// No answer does not mean that all is well.
func TestAQueryThatFails(t *testing.T) {
	c := ask(t, &server{status: http.StatusBadRequest, body: broken})
	if got, err := c.Query(t.Context(), "(", time.Time{}); err == nil || got.Found || !strings.Contains(
		err.Error(), "unclosed left parenthesis",
	) {
		t.Errorf("got %+v, %v; want Prometheus' own words", got, err)
	}
	c = ask(t, &server{status: http.StatusServiceUnavailable, body: "Service Unavailable"})
	if got, err := c.Query(t.Context(), "up", time.Time{}); err == nil || got.Found {
		t.Errorf("got %+v, %v; want an error", got, err)
	}
	if _, found, err := c.LastScrape(t.Context(), "up", time.Time{}); err == nil || found {
		t.Errorf("got found %t, %v; want an error", found, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(t, &server{body: one}).Query(ended, "up", time.Time{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
	if _, err := New(http.DefaultClient, "http://bad host"); err == nil {
		t.Error("got no error for an address that is none")
	}
}

func TestLastScrape(t *testing.T) {
	s := &server{body: stamp}
	got, found, err := ask(t, s).LastScrape(t.Context(), `up{job="callers"}`, time.Time{})
	if want := time.UnixMilli(1795546819655); err != nil || !found || !got.Equal(want) {
		t.Errorf("got %v, %t (%v), want %v", got, found, err, want)
	}
	if want := `max(timestamp(up{job="callers"}))`; s.query != want {
		t.Errorf("got %s asked, want %s", s.query, want)
	}
	if got, found, err := ask(t, &server{body: nothing}).LastScrape(
		t.Context(), "up", time.Time{},
	); err != nil || found || !got.IsZero() {
		t.Errorf("got %v, %t (%v), want nothing found", got, found, err)
	}
}
