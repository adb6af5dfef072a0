package harness

import (
	"context"
	"fmt"
	"time"

	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/metrics"
)

// prometheusApp is the Service and the Deployment of Prometheus, and the value of its pods' label app; prometheusPort is where it answers.
const prometheusApp, prometheusPort = "canarylab-prometheus", 9090

// prometheusImage is in harness/manifests, and not among those that every cluster has.
const prometheusImage = "canarylab/prometheus:dev"

type liveMetrics struct{ k *kube.Client }

// client reaches the Prometheus of a namespace.
func (l liveMetrics) client(ctx context.Context, ns string) (c *metrics.Client, done func(), err error) {
	pods, err := l.k.Pods(ctx, ns, "app="+prometheusApp)
	if err != nil {
		return nil, nil, err
	}
	if len(pods) == 0 {
		return nil, nil, fmt.Errorf("no pod %s in namespace %s is ready", prometheusApp, ns)
	}
	h := l.k.PodHTTP(ns, pods[0].Name, prometheusPort)
	c, err = metrics.New(h, "http://"+prometheusApp)
	return c, h.CloseIdleConnections, err
}

func (l liveMetrics) Query(ctx context.Context, ns, query string) (value float64, found bool, err error) {
	c, done, err := l.client(ctx, ns)
	if err != nil {
		return 0, false, err
	}
	defer done()
	s, err := c.Query(ctx, query, time.Time{})
	return s.Value, s.Found, err
}

func (l liveMetrics) LastScrape(ctx context.Context, ns, selector string) (time.Time, error) {
	c, done, err := l.client(ctx, ns)
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	at, _, err := c.LastScrape(ctx, selector, time.Time{})
	return at, err
}
