package sampleapp

import (
	"encoding/json"
	"net/http"
	"strings"
)

// EchoHeader asks for an answer whose body is an Echo as JSON. Its value names the headers that are wanted in it,
// with commas between them; it may be empty.
const EchoHeader = "X-Canarylab-Echo"

// An Echo says what the app got of a request: what proxies on the way made of it.
type Echo struct {
	// Path is the path with the query, as it is in the request line, and Host what the request was for.
	Path string `json:"path"`
	Host string `json:"host"`
	// Header has those that were named, in lower case. One that the request did not have is left out; of one that it
	// had several times, the values stand behind each other with commas between them.
	Header map[string]string `json:"header,omitempty"`
}

// maxEchoed bounds the headers of an Echo.
const maxEchoed = 32

// echo is the body that a request asks for, and whether it asks for one.
func echo(r *http.Request) (string, bool) {
	asked, ok := r.Header[EchoHeader]
	if !ok {
		return "", false
	}
	e := Echo{Path: r.RequestURI, Host: r.Host, Header: map[string]string{}}
	for i, name := range strings.Split(strings.Join(asked, ","), ",") {
		if values := r.Header.Values(strings.TrimSpace(name)); len(values) > 0 && i < maxEchoed {
			e.Header[strings.ToLower(strings.TrimSpace(name))] = strings.Join(values, ",")
		}
	}
	b, err := json.Marshal(e)
	if err != nil { // there is nothing in it that JSON does not have
		return "", false
	}
	return string(b) + "\n", true
}
