// Command accesslog collects the access logs of the proxies of its namespace. See package harness/accesslog.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/canarylab/canarylab/harness/accesslog"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit code: 0, 1 if something failed, 64 for a bad command line.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("accesslog", flag.ContinueOnError)
	flags.SetOutput(stderr)
	logs := flags.String("grpc", ":9000", "address for proxies: Envoy's access log service")
	readers := flags.String("http", ":9001", "address for readers: GET /entries?from=1")
	socket := flags.String("socket", "", "unix socket for readers on the same machine, beside the address")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil || flags.NArg() > 0:
		return 64
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *logs, *readers, *socket); err != nil {
		fmt.Fprintln(stderr, "accesslog:", err)
		return 1
	}
	return 0
}

func serve(ctx context.Context, logs, readers, socket string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", logs)
	if err != nil {
		return err
	}
	r, err := lc.Listen(ctx, "tcp", readers)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	all := []net.Listener{r}
	if socket != "" {
		// A container that was started again finds the socket of the one before.
		if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(err, l.Close(), r.Close())
		}
		s, err := lc.Listen(ctx, "unix", socket)
		if err != nil {
			return errors.Join(err, l.Close(), r.Close())
		}
		all = append(all, s)
	}
	return accesslog.NewCollector().Serve(ctx, l, all...)
}
