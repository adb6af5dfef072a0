// Package sampleapp is the service that the lab rolls out. It says in every answer which version and which pod
// it is, fails and delays on request, and counts its requests. Its image is one file.
package sampleapp

import (
	"strconv"
	"strings"
)

// Every answer of the app port has these headers. An answer without them was made by a proxy on the way.
const (
	VersionHeader = "X-App-Version"
	PodHeader     = "X-App-Pod"
	// SerialHeader numbers the requests that one run of a pod's container received, from 1: "k3x9qa-17". A
	// number that no answer has is a request that nobody else knows of.
	SerialHeader = "X-App-Serial"
)

// Serial is the value of SerialHeader.
func Serial(instance string, n uint64) string { return instance + "-" + strconv.FormatUint(n, 10) }

// ParseSerial returns the parts of a Serial. ok is false for anything else.
func ParseSerial(s string) (instance string, n uint64, ok bool) {
	instance, digits, found := strings.Cut(s, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return instance, n, found && err == nil && instance != "" && n > 0
}

// requestIDHeader is copied into the answer, so that every answer can be told from the others. Istio's proxies
// set it if the caller did not.
const requestIDHeader = "X-Request-Id"

// service is the name in the answer's body: that of the Kubernetes Service in all scenarios.
const service = "my-service"
