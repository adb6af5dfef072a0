package harness

// GRPCFailedShare asks for the share, in percent, of the calls by gRPC for a subset that ended with another grpc-status
// than OK in the last 5 s. FailedShare knows only their HTTP status, which is 200. It asks what Istio's proxies count
// of each Envoy cluster by Envoy's gRPC statistics filter
// (https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/grpc_stats_filter), which Istio adds to
// every listener for HTTP (istio.io/istio/pilot/pkg/xds/filters, GrpcStats).
func GRPCFailedShare(subset string, limit float64) Check {
	all := "envoy_cluster_grpc_total{" + subsetSeries(subset) + "}"
	failed := "envoy_cluster_grpc_failure{" + subsetSeries(subset) + "}"
	return Check{
		Name: "% failed calls of " + subset, Series: all, Limit: limit,
		spot: spot{subset: subset, what: "failed", limit: limit / 100}, Query: shareOf(failed, all),
	}
}

var _ = checkKind("grpc-failed-share", GRPCFailedShare)
