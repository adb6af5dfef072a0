package live

import (
	"context"
	"time"

	"github.com/canarylab/canarylab/harness/addons"
	"github.com/canarylab/canarylab/harness/kube"
	"github.com/canarylab/canarylab/harness/metrics"
)

// prometheus implements environment.Metrics by the Prometheus of the namespace.
type prometheus struct{ k *kube.Client }

// client returns a client of the Prometheus of a namespace. done ends its connection.
func (p prometheus) client(ctx context.Context, ns string) (c *metrics.Client, done func(), err error) {
	h, err := addonHTTP(ctx, p.k, nil, ns, addons.Prometheus, addons.PrometheusPort)
	if err != nil {
		return nil, nil, err
	}
	c, err = metrics.New(h, "http://"+addons.Prometheus)
	return c, h.CloseIdleConnections, err
}

func (p prometheus) Query(ctx context.Context, ns, query string) (value float64, found bool, err error) {
	c, done, err := p.client(ctx, ns)
	if err != nil {
		return 0, false, err
	}
	defer done()
	s, err := c.Query(ctx, query, time.Time{})
	return s.Value, s.Found, err
}

func (p prometheus) LastScrape(ctx context.Context, ns, selector string) (time.Time, error) {
	c, done, err := p.client(ctx, ns)
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	at, _, err := c.LastScrape(ctx, selector, time.Time{})
	return at, err
}
