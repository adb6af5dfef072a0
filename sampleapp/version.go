// Package sampleapp is the service that the lab rolls out: it says in every answer which version and which pod it is,
// fails and delays on request, and counts what it got. It uses the standard library only, so that its image is one file.
package sampleapp

// The headers that every answer of the app port carries. An answer without them was not made by the app, but by a proxy
// on the way.
const (
	VersionHeader = "X-App-Version"
	PodHeader     = "X-App-Pod"
)

// requestIDHeader is echoed, so that an answer can be told from every other one. Istio's proxies set it where the caller
// did not.
const requestIDHeader = "X-Request-Id"

// service is the name in the answer's body: that of the Kubernetes Service in all scenarios.
const service = "my-service"
