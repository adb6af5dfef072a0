package sampleapp

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Config says how an App is started.
type Config struct {
	// Version is the version that the app says it is, such as v1. It is required, because a wrong default would
	// be a wrong measurement.
	Version string
	// Pod names this instance.
	Pod string
	// Addr and AdminAddr are the addresses that Run listens on, such as :8080 and :8081. Addr may be several with
	// commas between them, ":8080,:9090": the app is the same on each.
	Addr, AdminAddr string
	// TCPAddr is the address on which Run answers connections line by line: see TCPAnswer. Empty is none.
	TCPAddr string
	// Faults apply from the start.
	Faults Faults
	// Seed makes the choice of failing requests, their codes and delays repeatable: equal seeds choose alike
	// for requests that come in the same order. Zero is a random seed.
	Seed uint64
	// Next is the http:// URL of a service that the app calls for each request that it would answer with 200.
	// If the call fails, the app answers with 502. NextHeader says what the service answered. Empty means none.
	Next string
	// Propagate names the headers that the app copies from a request into its call of Next. It copies no other header.
	Propagate []string
	// DrainDelay is how long the app still accepts connections after it was told to stop, unless Faults.Drain is set.
	DrainDelay time.Duration
	// ShutdownTimeout is how long requests in flight may take after that.
	ShutdownTimeout time.Duration
	// LastWords is the file to which the app writes its final Counters, as JSON, when it has stopped.
	// Kubernetes shows the content of /dev/termination-log in the pod's status, where it can be read after the
	// pod is gone. Empty means no file.
	LastWords string
}

const (
	// defaultDrainDelay covers the time from a pod's deletion until no proxy sends to it any more: the endpoint
	// leaves the EndpointSlice, istiod waits 0.1 s for further events and pushes. This was seen to take about
	// 0.3 s. 1 s leaves room for a busy machine and keeps rollouts quick.
	defaultDrainDelay = time.Second
	// defaultShutdownTimeout leaves half of Kubernetes' usual 30 s grace period for the sidecar, which stops at
	// the same time.
	defaultShutdownTimeout = 15 * time.Second
)

// terminationLog returns the file in which Kubernetes looks for a container's termination message, "" outside of a pod.
func terminationLog() string {
	const path = "/dev/termination-log"
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// ParseConfig reads the command line (without the program's name). VERSION and POD_NAME stand in for --version
// and --pod, and the host's name stands in for the pod's. Usage goes to out. The error is flag.ErrHelp if help
// was asked for.
func ParseConfig(args []string, getenv func(string) string, out io.Writer) (Config, error) {
	var c Config
	fs := flag.NewFlagSet("sampleapp", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&c.Version, "version", getenv("VERSION"), "version to answer with, such as v1 (or VERSION)")
	fs.StringVar(&c.Pod, "pod", getenv("POD_NAME"), "name to answer with (or POD_NAME, or the host's name)")
	fs.StringVar(&c.Addr, "addr", ":8080", "address of the app port, or several with commas between them")
	fs.StringVar(&c.TCPAddr, "tcp-addr", "",
		"address on which TCP connections are answered line by line; empty is none")
	fs.StringVar(&c.AdminAddr, "admin-addr", ":8081", "address of the admin port: /livez /readyz /counters /faults")
	for _, k := range knobs {
		set := func(text string) error { return k.set(&c.Faults, text) }
		switch {
		case k.flag == drainFlag:
			// This flag sets the Config, below. A drain that was set at start outlives DELETE /faults, which
			// removes a fault.
		case jsonType(k.example) == "boolean":
			fs.BoolFunc(k.flag, k.usage, set)
		default:
			fs.Func(k.flag, k.usage, set)
		}
	}
	fs.StringVar(&c.Next, "next", getenv("NEXT"),
		"http:// URL of a service to call for each request (or NEXT); empty is none")
	propagate := fs.String("propagate", getenv("PROPAGATE"),
		"headers to pass on to the next service, such as x-request-id,x-user-group (or PROPAGATE)")
	fs.Uint64Var(&c.Seed, "seed", 0, "seed of the random choices; 0 is a random seed")
	fs.DurationVar(&c.DrainDelay, drainFlag, defaultDrainDelay,
		"how long to go on serving after SIGTERM, so that proxies learn of it first")
	fs.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", defaultShutdownTimeout,
		"how long requests in flight may take after the drain delay")
	fs.StringVar(&c.LastWords, "last-words", terminationLog(),
		"file for the final counters, which Kubernetes shows in the pod's status; empty is none")
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	if fs.NArg() > 0 {
		return Config{}, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if c.Version == "" {
		return Config{}, errors.New("no version: set --version or VERSION, such as v1")
	}
	if c.Pod == "" {
		host, err := os.Hostname()
		if err != nil {
			return Config{}, fmt.Errorf("no pod name: set --pod or POD_NAME: %w", err)
		}
		c.Pod = host
	}
	if err := checkNext(c.Next); err != nil {
		return Config{}, err
	}
	var err error
	if c.Propagate, err = splitHeaders(*propagate); err != nil {
		return Config{}, err
	}
	if c.Next == "" && len(c.Propagate) > 0 {
		return Config{}, errors.New("propagate: has no effect without next")
	}
	if c.DrainDelay < 0 || c.ShutdownTimeout <= 0 {
		return Config{}, fmt.Errorf("drain-delay %s and shutdown-timeout %s: want 0 or more, and more than 0",
			c.DrainDelay, c.ShutdownTimeout)
	}
	return c, c.Faults.Validate()
}
