// Command fleet simulates the sidecars of a fleet. See package harness/fleet.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/canarylab/canarylab/harness/fleet"
	"github.com/canarylab/canarylab/loadgen"
)

const usage = `usage: fleet serve [flags]   simulate sidecars until SIGTERM, and tell the lab of them by HTTP
       fleet clock           answer each line of stdin with the time, until stdin ends
`

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run returns the exit code: 0, 1 if something failed, 64 for a bad command line.
func run(args []string, in io.Reader, out, stderr io.Writer) int {
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "serve":
		return serveFlags(args[1:], stderr)
	case "clock":
		return exit(loadgen.ServeClock(in, out), stderr)
	case "help", "-h", "--help":
		fmt.Fprint(stderr, usage)
		return 0
	}
	fmt.Fprintf(stderr, "fleet: want a command, serve or clock, not %q\n%s", command, usage)
	return 64
}

// serveFlags reads the flags of serve. Of an Indexed Job each pod has proxies of its own, by the pod's index.
func serveFlags(args []string, stderr io.Writer) int {
	var plan fleet.Plan
	flags := flag.NewFlagSet("fleet serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&plan.Istiod, "istiod", "istiod.istio-system.svc:15010", "istiod's address for plaintext")
	flags.StringVar(&plan.Namespace, "namespace", "", "namespace of the proxies")
	flags.StringVar(&plan.Host, "host", "", "host whose routes are noted: its fully qualified name")
	flags.IntVar(&plan.Connects, "connects", 20, "how many proxies connect in a second")
	proxies := flags.Int("proxies", 0, "how many proxies are simulated")
	address := flags.String("http", ":"+strconv.Itoa(fleet.Port), "address for the lab")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return 64
	}
	// Kubernetes sets it in the pods of an Indexed Job (k8s.io, Indexed Jobs).
	if index := os.Getenv("JOB_COMPLETION_INDEX"); index != "" {
		n, err := strconv.Atoi(index)
		if err != nil {
			fmt.Fprintf(stderr, "fleet: JOB_COMPLETION_INDEX is %q, want a number\n", index)
			return 64
		}
		plan.First = n * *proxies
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	return exit(serve(ctx, plan, *proxies, *address), stderr)
}

func serve(ctx context.Context, plan fleet.Plan, proxies int, address string) error {
	f, err := fleet.New(plan)
	if err != nil {
		return err
	}
	if err := f.Resize(proxies); err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f.Handler(), ReadHeaderTimeout: time.Minute}
	simulating, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(simulating)
		_ = server.Close()
	}()
	err = server.Serve(l)
	cancel()
	<-done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// exit is the exit code of an error, which it says.
func exit(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "fleet:", err)
	if errors.Is(err, fleet.ErrPlan) {
		return 64
	}
	return 1
}
