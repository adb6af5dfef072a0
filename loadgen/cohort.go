package loadgen

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
)

// A Cohort is a group of callers that look alike to the mesh.
type Cohort struct {
	// Name tells the cohort's samples apart, such as "everyone" or "beta".
	Name string `json:"name"`
	// Rate is in requests a second. Weight is the cohort's part of the plan's Rate, relative to the weights of
	// the other cohorts. Each cohort sends its part evenly. Exactly one of the two is set, the same one for all
	// cohorts.
	Rate   int     `json:"rate,omitempty"`
	Weight float64 `json:"weight,omitempty"`
	// URL is what the cohort's requests ask for, and Method how. Empty means the plan's. At a gateway it may begin with
	// https, for a server that ends TLS.
	URL    string `json:"url,omitempty"`
	Method string `json:"method,omitempty"`
	// Header is sent with each of the cohort's requests. Names keep their case. "Host" sets the request's host.
	Header map[string]string `json:"header,omitempty"`
	// Users is how many virtual users send the cohort's requests, one after the other and again from the first: see
	// User. What is UserMark in a header's value is the user's number, so that the mesh can tell them apart. Zero is
	// callers whom nobody tells apart.
	Users int `json:"users,omitempty"`
	// Entry is the cohort's way into the mesh. Zero means Sidecar. The agent itself ignores it: it says in
	// which pod the agent must run.
	Entry Entry `json:"entry,omitempty"`
	// Caller names the pod that sends the cohort's requests, in kebab case, where several with a sidecar stand side by
	// side. Empty is the lab's own. The agent itself ignores it, as it does Entry.
	Caller string `json:"caller,omitempty"`
	// Socket makes each request ask for a WebSocket, and read its messages until the server closes it. The
	// sample's Code is 101 then, its Bytes are those of the messages, and Done is when the socket was closed.
	// If the server does not grant a WebSocket, its answer counts like any other.
	Socket bool `json:"socket,omitempty"`
	// GRPC makes each request a unary call by gRPC, nil one by HTTP/1.1. The URL then names only the host and the port.
	// Header is sent as metadata. The sample's Code is 200 for every call that got an answer, whatever its grpc-status.
	GRPC *GRPC `json:"grpc,omitempty"`
	// TCP makes each request a TCP connection, nil one by HTTP. The URL then names only the host and the port. The
	// sample's Code is what the app's line says, and Done is when the connection was closed.
	TCP *TCP `json:"tcp,omitempty"`
	// Notes are what each of the cohort's samples keeps of its answer. Where they ask what the app sees, requests have
	// one more header, sampleapp.EchoHeader.
	Notes []Note `json:"notes,omitempty"`
	// Copies is how many copies of each request the mesh may make by itself, as a route's mirror does. A copy has the
	// request's id (https://istio.io/latest/docs/tasks/traffic-management/mirroring/), so that a server's log entry of
	// one belongs to the request. The agent itself ignores it.
	Copies int `json:"copies,omitempty"`
}

// UserMark stands for a user's number in a header's value, such as "user={user}" in a cookie.
const UserMark = "{user}"

// User is the number of the virtual user who sends the cohort's request of that sequence number, counted from 0, and
// turn how many the user has sent before it. A cohort without Users has one user.
func (c Cohort) User(seq uint64) (user int, turn uint64) {
	users := uint64(max(c.Users, 1))
	return int(seq % users), seq / users
}

// header is a header's value in the request of a sequence number.
func (c Cohort) header(value string, seq uint64) string {
	if c.Users == 0 || !strings.Contains(value, UserMark) {
		return value
	}
	user, _ := c.User(seq)
	return strings.ReplaceAll(value, UserMark, strconv.Itoa(user))
}

// url returns what a cohort of the plan asks for, and method how.
func (p Plan) url(c Cohort) string    { return cmp.Or(c.URL, p.URL) }
func (p Plan) method(c Cohort) string { return cmp.Or(c.Method, p.Method, http.MethodGet) }

// Via returns Entry or its default.
func (c Cohort) Via() Entry { return cmp.Or(c.Entry, Sidecar) }

// An Entry is the way of a cohort's requests into the mesh.
type Entry string

// The entries. A zero Entry is Sidecar.
const (
	// Sidecar: the callers' pod has a sidecar, which routes.
	Sidecar Entry = "sidecar"
	// Plain: the callers' pod has no sidecar, so that only the Service routes.
	Plain Entry = "plain"
	// Gateway: callers outside of the mesh enter through an ingress gateway, which routes.
	Gateway Entry = "gateway"
)
