// Package nodespec is what an embedded cluster's creator tells its PID 1, and what PID 1 tells back: plain data that
// both sides encode as JSON.
package nodespec

import "time"

// The file descriptors that PID 1 inherits.
const (
	// ListenerFD is the listening TCP socket on the host's 127.0.0.1 that leads to the API server. A socket stays in
	// the network namespace that it was made in, so PID 1 can accept on it from a namespace of its own.
	ListenerFD = 3
	// EventsFD takes Events, one JSON document a line.
	EventsFD = 4
	// ControlFD is read until Keep arrives. If it ends first, whoever wanted the cluster is gone, and PID 1 ends.
	ControlFD = 5
	// LockFD is the cluster's lock, held for as long as PID 1 lives.
	LockFD = 6
)

// Keep is the line on ControlFD that lets the cluster outlive its creator.
const Keep = "keep\n"

// A Spec is a whole node.
type Spec struct {
	// Name is the cluster's.
	Name string `json:"name"`
	// Hostname of the node, also its name in Kubernetes.
	Hostname string `json:"hostname"`
	// Dir is the state folder; it is writable in the node, at the same path.
	Dir string `json:"dir"`
	// ReadOnly are further host folders that the node sees, at the same path.
	ReadOnly []string `json:"readOnly"`
	// NodeIP is the node's own address, with its prefix length.
	NodeIP string `json:"nodeIP"`
	// APIAddress is where the API server listens inside the node.
	APIAddress string `json:"apiAddress"`
	// Join are the folders of cgroups that PID 1 enters, and with it all that it starts. Where it names none of a
	// hierarchy, PID 1 stays there where its creator is.
	Join []string `json:"join,omitempty"`
	// Pinned are files that have other content in the node than on the host, by path: settings of the kernel that the
	// node must believe to be set, and what the host's own would mislead. They are shadowed, not changed.
	Pinned map[string]string `json:"pinned"`
	// Processes are started as soon as what they wait for is ready.
	Processes []Process `json:"processes"`
}

// A Process is one program that PID 1 starts, watches and starts again when it ends.
type Process struct {
	Name string   `json:"name"`
	Path string   `json:"path"`
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"`
	// After names the processes that must be ready first.
	After []string `json:"after,omitempty"`
	// When is what must answer before the process is started; nil means nothing.
	When *Probe `json:"when,omitempty"`
	// Ready tells when the process is ready; nil means as soon as it runs.
	Ready *Probe `json:"ready,omitempty"`
}

// A Probe asks a process whether it is ready. One of URL and Socket is set.
type Probe struct {
	// URL must answer 200; with CA, over TLS that it verifies and with the client certificate given.
	URL  string `json:"url,omitempty"`
	CA   string `json:"ca,omitempty"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
	// Socket is the path of a unix socket that must take connections.
	Socket string `json:"socket,omitempty"`
}

// An Event is what PID 1 tells its creator.
type Event struct {
	// Step names what began or ended, such as "etcd".
	Step string `json:"step"`
	// At is when.
	At time.Time `json:"at"`
	// Done is false when the step begins.
	Done bool `json:"done"`
	// Error is set on a step that failed, with the last lines of its log. PID 1 ends after it.
	Error string `json:"error,omitempty"`
}
