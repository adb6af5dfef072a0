// Package metrics asks Prometheus for numbers. It tells a number from its absence, because a gate that takes
// silence for health promotes a canary that nobody ever reached.
//
// # What there is to ask for
//
// The callers' sidecars count by cluster, which is Envoy's name for a subset of a port of a host. Istio's
// bootstrap (istio.io/istio, tools/packaging/common/envoy_bootstrap.json: stats_tags) makes that the label
// cluster_name, such as "outbound|80|v2|my-service.shop.svc.cluster.local" (without the semicolon that ends it
// in Envoy's own name). It also makes a label of a status and of a status's class, both on one metric:
// envoy_cluster_upstream_rq has a series with response_code="503" and one with response_code_class="5xx" for
// the same requests, and there is no envoy_cluster_upstream_rq_xx. A sum over both counts twice. A real mesh
// showed all of this:
//
//	what the caller got                    upstream_rq{5xx}  _completed  _total  _time  anything else
//	200 of the app                         no                yes         yes     yes
//	503 of the app                         yes               yes         yes     yes
//	429 of the app                         no: 4xx           yes         yes     yes
//	503 UH, the subset has no pod          yes               yes         no      no     upstream_cx_none_healthy
//	503 NC, the subset is not defined      no                no          no      no     the subset's series end
//
// So _completed is the number to divide by: by _total, a canary without pods has no requests. Latency does not
// show UH, and nothing that is counted by cluster shows NC: a gate sees it as the silence of a canary that
// nobody calls.
//
// Counters of statuses, _completed and _time begin to exist with the first request that they count. The
// functions rate and increase do not know that there was nothing before. They give no value until a second
// scrape, leave out what the first one brought, and then extrapolate (they made 14.1 of 13 failures in a row).
// A difference to the value before, or to 0 if there is none, is exact. For subset v2 and five seconds, with C
// for envoy_cluster_upstream_rq_completed{cluster_name=~"outbound\\|80\\|v2\\|my-service\\..*"}, E for
// envoy_cluster_upstream_rq{response_code_class="5xx",cluster_name=~...} and B for
// envoy_cluster_upstream_rq_time_bucket{cluster_name=~...}, in milliseconds:
//
//	requests    sum(C) - (sum(C offset 5s) or sum(C) * 0)
//	5xx         (sum(E) or sum(C) * 0) - (sum(E offset 5s) or sum(C) * 0)
//	share       the second / the first; NaN without a request
//	p99         histogram_quantile(0.99, sum by (le) (B) - (sum by (le) (B offset 5s) or sum by (le) (B) * 0))
//
// Each of them is empty when the subset's series are. Counters start anew with the caller's pod, and with a
// subset that was taken out of the DestinationRule and came back. Then a difference is negative for as long as
// the window. A quantile lies somewhere in its bucket, whose limits are 0.5, 1, 5, 10, 25, 50, 100, 250, 500,
// 1000 ms and so on: answers of 120 ms have a p99 of 248 ms. Counters are current, but histograms are as of the
// proxy's last flush, which comes every five seconds unless the pod's annotation
// sidecar.istio.io/statsFlushInterval says otherwise.
package metrics

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// A Client asks one Prometheus. Several goroutines may use it.
type Client struct {
	api v1.API
}

// New returns a client for the Prometheus at address, such as "http://127.0.0.1:9090", over h. If h leads to
// one place only, as (*kube.Client).PodHTTP's does, the host in the address does not matter.
func New(h *http.Client, address string) (*Client, error) {
	c, err := api.NewClient(api.Config{Address: address, Client: h})
	if err != nil {
		return nil, fmt.Errorf("the address of Prometheus: %w", err)
	}
	return &Client{v1.NewAPI(c)}, nil
}

// A Sample is Prometheus' answer to a query for one number.
type Sample struct {
	// Value is the number, if there is one.
	Value float64
	// At is the moment for which it was computed, by Prometheus' clock, to the millisecond. The data that it
	// was computed from is older: see LastScrape.
	At time.Time
	// Found is false if there is no number: no series matches, or the value is NaN, such as a share of no requests.
	Found bool
}

// Query asks for one number as of a moment, or as of now if that is zero. If more than one series answers, that
// is an error that names them. If none does, the Sample is not Found.
func (c *Client) Query(ctx context.Context, query string, at time.Time) (Sample, error) {
	// Prometheus' warnings are doubts about the query, such as the rate of a gauge.
	answer, _, err := c.api.Query(ctx, query, at)
	if err != nil {
		return Sample{}, fmt.Errorf("ask Prometheus for %s: %w", query, err)
	}
	switch a := answer.(type) {
	case *model.Scalar:
		return sample(a.Value, a.Timestamp), nil
	case model.Vector:
		switch len(a) {
		case 0:
			return Sample{}, nil
		case 1:
			if a[0].Histogram != nil {
				return Sample{}, fmt.Errorf("ask Prometheus for %s: %s is a histogram, want a number", query,
					a[0].Metric)
			}
			return sample(a[0].Value, a[0].Timestamp), nil
		}
		series := make([]string, len(a))
		for i, s := range a {
			series[i] = s.Metric.String()
		}
		return Sample{}, fmt.Errorf("ask Prometheus for %s: %d series answer, want one (sum them up, or say which): %s",
			query, len(a), strings.Join(series, ", "))
	}
	return Sample{}, fmt.Errorf("ask Prometheus for %s: got a %s, want a number", query, answer.Type())
}

func sample(v model.SampleValue, at model.Time) Sample {
	if math.IsNaN(float64(v)) {
		return Sample{At: at.Time()}
	}
	return Sample{Value: float64(v), At: at.Time(), Found: true}
}

// LastScrape returns when Prometheus took the newest sample of the series that a selector matches, such as
// `envoy_cluster_upstream_rq_completed{cluster_name=~"outbound.*"}`, as of a moment or, if that is zero, as of
// now. It is the beginning of a scrape by Prometheus' clock, to the millisecond. found is false if no series
// matches. That is also so when none of the targets that had them was reached the last time.
func (c *Client) LastScrape(ctx context.Context, selector string, at time.Time) (
	last time.Time, found bool, err error,
) {
	s, err := c.Query(ctx, "max(timestamp("+selector+"))", at)
	if err != nil || !s.Found {
		return time.Time{}, false, err
	}
	return time.UnixMilli(int64(math.Round(s.Value * 1000))), true, nil
}
