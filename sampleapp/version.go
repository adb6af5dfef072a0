// Package sampleapp is the service that the lab rolls out: it says in every answer which version and which pod it is,
// fails and delays on request, and counts what it got. It uses the standard library only, so that its image is one file.
package sampleapp

import (
	"strconv"
	"strings"
)

// The headers that every answer of the app port carries. An answer without them was not made by the app, but by a proxy
// on the way.
const (
	VersionHeader = "X-App-Version"
	PodHeader     = "X-App-Pod"
	// SerialHeader numbers the requests that one life of a pod received, from 1: "k3x9qa-17". A number that no answer
	// carries is a request that nobody else knows of.
	SerialHeader = "X-App-Serial"
)

// Serial is the value of SerialHeader.
func Serial(instance string, n uint64) string { return instance + "-" + strconv.FormatUint(n, 10) }

// ParseSerial takes a Serial apart. It is not ok for anything else.
func ParseSerial(s string) (instance string, n uint64, ok bool) {
	instance, digits, found := strings.Cut(s, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return instance, n, found && err == nil && instance != "" && n > 0
}

// requestIDHeader is echoed, so that an answer can be told from every other one. Istio's proxies set it where the caller
// did not.
const requestIDHeader = "X-Request-Id"

// service is the name in the answer's body: that of the Kubernetes Service in all scenarios.
const service = "my-service"
