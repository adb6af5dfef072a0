package mesh

import (
	"fmt"
	"slices"

	"istio.io/istio/pilot/pkg/model"
	"sigs.k8s.io/yaml"

	"github.com/canarylab/canarylab/harness/accesslog"
)

// The names of the loggers that AccessLogFilter configures, by the proxy's place on a request's way.
const (
	ClientLog  = "canarylab.client"
	ServerLog  = "canarylab.server"
	GatewayLog = "canarylab.gateway"
)

// AccessLogFilter is the manifest of an EnvoyFilter for all proxies of ns, gateways included. It
// makes each proxy log every HTTP request to the gRPC access log service (port 9000) of the Service
// collector, which has its namespace after a dot, and print the unusual requests, for kubectl logs.
// It does not change what a proxy logs otherwise. headers are the response headers that are logged,
// in lower case. With tcp each proxy logs every TCP connection too, at its end: also those of
// workloads that have nothing to do with the load, which is why it is asked for.
//
// It is an EnvoyFilter and not a Telemetry with an extension provider, because the latter needs a
// change of the mesh's configuration, which belongs to everybody:
// https://istio.io/latest/docs/reference/config/networking/envoy-filter/.
func AccessLogFilter(ns, collector string, tcp bool, headers ...string) []byte {
	var patches []any
	for _, p := range []struct{ context, log string }{
		{"SIDECAR_OUTBOUND", ClientLog}, {"SIDECAR_INBOUND", ServerLog}, {"GATEWAY", GatewayLog},
	} {
		manager := map[string]any{
			"@type":      connectionManagerType,
			"access_log": []any{logger(collector, p.log, headers), printer()},
		}
		if p.log == GatewayLog {
			// At the edge Envoy gives each request an id of its own and would drop what the caller sent.
			manager["preserve_external_request_id"] = true
		}
		patches = append(patches, mergeInto(p.context, connectionManager, manager))
		if tcp {
			patches = append(patches, mergeInto(p.context, tcpProxy, map[string]any{
				"@type": tcpProxyType, "access_log": []any{connectionLogger(collector, p.log), printer()},
			}))
		}
	}
	b, err := yaml.Marshal(map[string]any{
		"apiVersion": "networking.istio.io/v1alpha3",
		"kind":       "EnvoyFilter",
		"metadata": map[string]any{
			"name": accessLogName, "namespace": ns, "labels": map[string]any{ManagedBy: Manager},
			// An analysis of the namespace is about what its owner wrote.
			"annotations": map[string]any{
				"galley.istio.io/analyze-suppress": "IST0133",
				// A learner who looks for what is broken finds these lines beside the service.
				"kubernetes.io/description": "It has every proxy record its requests for canarylab, and changes " +
					"none. It is no part of the story; leave it alone.",
			},
		},
		"spec": map[string]any{"configPatches": patches},
	})
	if err != nil {
		// Strings, and maps and lists of them, always marshal.
		panic(err)
	}
	return b
}

// mergeInto is a patch of all network filters of a name.
func mergeInto(context, filter string, config map[string]any) map[string]any {
	return map[string]any{
		"applyTo": "NETWORK_FILTER",
		"match": map[string]any{
			"context":  context,
			"listener": map[string]any{"filterChain": map[string]any{"filter": map[string]any{"name": filter}}},
		},
		"patch": map[string]any{"operation": "MERGE", "value": map[string]any{"typed_config": config}},
	}
}

// tcpProxy is the name that Istio gives Envoy's filter that passes TCP connections on, and tcpProxyType the type of its
// configuration.
const (
	tcpProxy     = "envoy.filters.network.tcp_proxy"
	tcpProxyType = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
)

// connectionManagerType is the type of the configuration of Envoy's HTTP connection manager.
const connectionManagerType = "type.googleapis.com/" +
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

// accessLogName is the name of the EnvoyFilter.
const accessLogName = "canarylab-access-log"

// A proxy prints the requests with one of Envoy's response flags, those with this status or a
// higher one, and those that took this many milliseconds or more. To print all would be hundreds of
// lines a second, which nobody reads and the machine has to carry.
const (
	printStatus = 400
	printMillis = 1000
)

// printer is Envoy's configuration of the logger that prints. Its format is the default one of
// Istio's own access log
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/accesslog/v3/accesslog.proto).
func printer() map[string]any {
	atLeast := func(value int, name string) map[string]any {
		// Envoy wants the name of a runtime setting that can override the value. Nothing sets it.
		return map[string]any{"comparison": map[string]any{
			"op": "GE", "value": map[string]any{"default_value": value, "runtime_key": "canarylab." + name},
		}}
	}
	return map[string]any{
		"name": "envoy.access_loggers.file",
		"filter": map[string]any{"or_filter": map[string]any{"filters": []any{
			map[string]any{"status_code_filter": atLeast(printStatus, "print_status")},
			map[string]any{"duration_filter": atLeast(printMillis, "print_millis")},
			map[string]any{"response_flag_filter": map[string]any{}},
		}}},
		"typed_config": map[string]any{
			"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
			"path":  "/dev/stdout",
			"log_format": map[string]any{
				"text_format_source": map[string]any{"inline_string": model.EnvoyTextLogFormat},
			},
		},
	}
}

// logger is Envoy's configuration of a logger that streams
// (https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/access_loggers/grpc/v3/als.proto).
func logger(collector, name string, headers []string) map[string]any {
	return map[string]any{
		"name": "envoy.access_loggers.http_grpc",
		"typed_config": map[string]any{
			"@type":                              grpcLogType + "HttpGrpcAccessLogConfig",
			"common_config":                      streamTo(collector, name),
			"additional_response_headers_to_log": append(slices.Clone(headers), accesslog.GRPCHeader),
			// A call's outcome is in its trailer.
			"additional_response_trailers_to_log": []string{accesslog.GRPCHeader},
		},
	}
}

// grpcLogType is the package of the configurations of loggers that stream.
const grpcLogType = "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3."

// connectionLogger is the same for TCP connections.
func connectionLogger(collector, name string) map[string]any {
	return map[string]any{
		"name": "envoy.access_loggers.tcp_grpc",
		"typed_config": map[string]any{
			"@type":         grpcLogType + "TcpGrpcAccessLogConfig",
			"common_config": streamTo(collector, name),
		},
	}
}

// streamTo is what a logger that streams has in common with others.
func streamTo(collector, name string) map[string]any {
	return map[string]any{
		"log_name":              name,
		"transport_api_version": "V3",
		"grpc_service": map[string]any{"envoy_grpc": map[string]any{
			"cluster_name": fmt.Sprintf("outbound|9000||%s.svc.%s", collector, domain),
		}},
		// The interval bounds the rate to one message for each worker and tenth of a second.
		"buffer_flush_interval": "0.1s",
		"buffer_size_bytes":     64 << 10,
		"custom_tags": []any{map[string]any{
			// RAW is the cluster's own name. Without it Envoy logs an alternative name for
			// statistics, if there is one.
			"tag": accesslog.ClusterTag, "value": "%UPSTREAM_CLUSTER_RAW%",
		}},
	}
}
