package routes

import "github.com/canarylab/canarylab/loadgen"

// A Request is a request of a caller in the mesh or outside of it.
type Request struct {
	// Host is what the caller calls: a Service's name, short, with its namespace or fully qualified, or the Host
	// header that it sends to a gateway. It has no port.
	Host string
	// Port is the Service's port, or that of the gateway's server. Zero means 80.
	Port int
	// Method is GET where it is empty.
	Method string
	// Path is the path with the query, "/" where it is empty.
	Path string
	// Header has the headers, each with one value. Names are compared without regard to case.
	Header map[string]string
	// Scheme is http where it is empty. At a gateway, https means a server with TLS.
	Scheme string
	// Entry is the way into the mesh, loadgen.Sidecar where it is empty. Gateway is namespace/name of the gateway
	// object if Entry is loadgen.Gateway; "" stands for any that has a server for the port and host.
	Entry   loadgen.Entry
	Gateway string
	// SourceNamespace and SourceLabels are those of the caller's pod.
	SourceNamespace string
	SourceLabels    map[string]string
}

// A Want is where a request should go, by what the YAML says.
type Want struct {
	// Destinations are where the request goes. Their percents sum to 100. There is none where the proxy itself
	// answers all.
	Destinations []Destination
	// StatusPercent of the requests get Status from the proxy itself: by a redirect, a direct response, an
	// injected abort, or 404 because no rule and no Service takes it. The Destinations share the rest.
	Status        int
	StatusPercent float64
	// Location is where a redirect leads, as in Action.
	Location string
	// Service tells that no rule decides: the request goes to the pods of the Service by its selector, all alike.
	Service bool
	// Unknown tells that the objects don't say where the request goes: its host is nothing they have.
	Unknown bool
}
