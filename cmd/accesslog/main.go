// Command accesslog collects the access logs of the proxies of its namespace. See package harness/accesslog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/canarylab/canarylab/harness/accesslog"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit code: 0, 1 if something failed, 64 for a bad command line.
func run(args []string, stderr io.Writer) int {
	fs := flag.NewFlagSet("accesslog", flag.ContinueOnError)
	fs.SetOutput(stderr)
	logs := fs.String("grpc", ":9000", "address for proxies: Envoy's access log service")
	readers := fs.String("http", ":9001", "address for readers: GET /entries?from=1")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || fs.NArg() > 0:
		return 64
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *logs, *readers); err != nil {
		fmt.Fprintln(stderr, "accesslog:", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, logs, readers string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", logs)
	if err != nil {
		return err
	}
	r, err := lc.Listen(ctx, "tcp", readers)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return accesslog.NewCollector().Serve(ctx, l, r)
}
