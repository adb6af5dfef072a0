package harness

const (
	// prometheusApp is the Service and the Deployment of Prometheus, and the value of its pods' label app.
	prometheusApp = "canarylab-prometheus"
	// prometheusPort is where Prometheus answers.
	prometheusPort = 9090
)

// prometheusPart is the Prometheus that watches the callers of a namespace. Its image has to be brought to the cluster first: it is not
// among those that every cluster has.
func prometheusPart(ns string) ([]byte, error) { return part(ns, "prometheus.yaml") }
