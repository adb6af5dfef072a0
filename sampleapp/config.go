package sampleapp

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// Config is how an App is started.
type Config struct {
	// Version is what the app says it is, such as v1. It is required: a wrong default would be a wrong measurement.
	Version string
	// Pod names this instance.
	Pod string
	// Addr and AdminAddr are what Run listens on, such as :8080 and :8081.
	Addr, AdminAddr string
	// Faults are in force from the start.
	Faults Faults
	// Seed makes the choice of failing requests repeatable. Zero is a random seed.
	Seed uint64
	// DrainDelay is how long the app still accepts connections after it was told to stop.
	DrainDelay time.Duration
	// ShutdownTimeout is how long requests in flight may take after that.
	ShutdownTimeout time.Duration
	// LastWords is the file that gets the final Counters, as JSON, when the app has stopped. Kubernetes shows what lies
	// in /dev/termination-log in the pod's status, where it can be read after the pod is gone. Empty means no file.
	LastWords string
}

const (
	// defaultDrainDelay covers the time from a pod's deletion until no proxy sends to it any more: the endpoint leaves
	// the EndpointSlice, istiod waits 0.1 s for further events and pushes. About 0.3 s were seen; 1 s leaves room for
	// a busy machine and keeps rollouts quick.
	defaultDrainDelay = time.Second
	// defaultShutdownTimeout leaves half of Kubernetes' usual 30 s grace period unused, for the sidecar that stops beside.
	defaultShutdownTimeout = 15 * time.Second
)

// terminationLog is where Kubernetes looks for a container's last words, empty outside of a pod.
func terminationLog() string {
	const path = "/dev/termination-log"
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

// ParseConfig reads the command line (without the program's name); VERSION and POD_NAME stand in for --version and --pod,
// and the host's name for the pod's. Usage goes to out. The error is flag.ErrHelp where help was asked for.
func ParseConfig(args []string, getenv func(string) string, out io.Writer) (Config, error) {
	var c Config
	fs := flag.NewFlagSet("sampleapp", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&c.Version, "version", getenv("VERSION"), "version to answer with, such as v1 (or VERSION)")
	fs.StringVar(&c.Pod, "pod", getenv("POD_NAME"), "name to answer with (or POD_NAME, or the host's name)")
	fs.StringVar(&c.Addr, "addr", ":8080", "address of the app port")
	fs.StringVar(&c.AdminAddr, "admin-addr", ":8081", "address of the admin port: /livez /readyz /counters /faults")
	fs.Float64Var(&c.Faults.ErrorRate, "error-rate", 0, "share of requests to fail, from 0 to 1")
	fs.IntVar(&c.Faults.ErrorCode, "error-code", DefaultErrorCode, "status of failed requests")
	fs.DurationVar(&c.Faults.Latency, "latency", 0, "delay of every answer, such as 50ms")
	fs.DurationVar(&c.Faults.Jitter, "jitter", 0, "upper bound of a further random delay of every answer")
	fs.Uint64Var(&c.Seed, "seed", 0, "seed of the random choices; 0 is a random seed")
	fs.DurationVar(&c.DrainDelay, "drain-delay", defaultDrainDelay, "how long to go on serving after SIGTERM, so that proxies learn of it first")
	fs.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", defaultShutdownTimeout, "how long requests in flight may take after the drain delay")
	fs.StringVar(&c.LastWords, "last-words", terminationLog(), "file for the final counters, which Kubernetes shows in the pod's status; empty is none")
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
	if c.DrainDelay < 0 || c.ShutdownTimeout <= 0 {
		return Config{}, fmt.Errorf("drain-delay %s and shutdown-timeout %s: want 0 or more, and more than 0", c.DrainDelay, c.ShutdownTimeout)
	}
	return c, c.Faults.Validate()
}
