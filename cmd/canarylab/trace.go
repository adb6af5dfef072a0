package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/reports/bundle"
	"github.com/canarylab/canarylab/reports/trace"
)

func newTrace() *cobra.Command {
	var out string
	var kinds []string
	var follow bool
	cmd := &cobra.Command{
		Use: "trace [RUN]", Short: "Print all that a run recorded, a line of JSON each",
		Long: `Trace prints what the run in a folder below reports/out, or in a bundle of one, recorded: every event,
request and access log entry, as a line of JSON each, in the order in which they came; without RUN that of the
newest run. A run's folder has them compressed.

  canarylab trace --kind event | jq -r '.event | [.at, .kind, .phase] | @tsv'
  canarylab trace --kind sample | jq -c 'select(.sample.code >= 500) | .sample.id'

With --follow it goes on with what a run that is under way records, a second later, until the run's end.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("%s takes one run's folder or bundle, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			for _, kind := range kinds {
				if known := trace.LineKinds(); !slices.Contains(known, kind) {
					return usage("--kind: %q is none of %s", kind, strings.Join(known, ", "))
				}
			}
			// Whoever has read enough, such as head, closes the pipe: what was unpacked is removed then too.
			signal.Ignore(syscall.SIGPIPE)
			path, done, err := findTrace(args, out)
			defer func() { err = errors.Join(err, done()) }()
			if err != nil {
				return err
			}
			return printTrace(cmd, path, kinds, follow)
		},
	}
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only lines of these kinds: "+strings.Join(trace.LineKinds(), ", "))
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what a run that is under way records")
	outFlag(cmd, &out, "folder with the runs' folders")
	return cmd
}

// findTrace returns the path of the trace that is asked for, of a run that may be under way. done removes what was
// unpacked, and is there in any case.
func findTrace(args []string, out string) (path string, done func() error, err error) {
	done = func() error { return nil }
	if len(args) == 0 {
		path, err = newestTrace(out)
		return path, done, err
	}
	dir, done, err := bundle.Open(args[0])
	if err == nil {
		path, err = trace.Find(dir)
	}
	if errors.Is(err, bundle.ErrNoBundle) || errors.Is(err, fs.ErrNotExist) {
		err = usage("%w", err)
	}
	return path, done, err
}

// newestTrace is the trace of the last run in out, with a report or without: names begin with the time.
func newestTrace(out string) (string, error) {
	out, err := outDir(out)
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(out, "*", trace.PlainFile+"*"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", usage("there is no trace in %s yet: canarylab scenario run makes one", out)
	}
	return trace.Find(filepath.Dir(found[len(found)-1]))
}

// lookEvery is how soon it is seen that a run under way has recorded more. It writes once a second.
const lookEvery = 200 * time.Millisecond

func printTrace(cmd *cobra.Command, path string, kinds []string, follow bool) error {
	ctx := cmd.Context()
	p := trace.Printer{Kinds: kinds}
	if follow {
		p.Idle = func() error {
			select {
			case <-time.After(lookEvery):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
	truncated, err := p.Print(contextWriter{ctx, cmd.OutOrStdout()}, path)
	switch {
	case errors.Is(err, syscall.EPIPE), err != nil && ctx.Err() != nil:
		return nil // nobody wants more of it
	case err == nil && truncated && !follow:
		fmt.Fprintf(cmd.ErrOrStderr(), "canarylab: %s ends in the middle of a line, as it does when a run is killed "+
			"or a copy breaks off\n", filepath.Base(path))
	}
	return err
}

// A contextWriter ends with its context.
type contextWriter struct {
	ctx context.Context
	io.Writer
}

func (w contextWriter) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.Writer.Write(b)
}
