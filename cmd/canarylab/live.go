package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/judge"
	"github.com/canarylab/canarylab/reports/page"
)

// listenFlag adds the flag that says where a page is served.
func listenFlag(cmd *cobra.Command, listen *string) {
	cmd.Flags().StringVar(listen, "listen", "",
		"address of this machine for the page, such as 127.0.0.1:8080 (default: a free port of 127.0.0.1)")
}

// servePage serves a page. What is wrong with its address is the user's.
func servePage(ctx context.Context, o page.Options) (*page.Server, error) {
	if o.Listen != "" {
		if err := page.CheckListen(o.Listen); err != nil {
			return nil, usage("--listen: %w", err)
		}
	}
	return page.Serve(ctx, o)
}

// A livePage shows runs while they are played.
type livePage struct {
	*page.Server
	board *page.Board
}

// newLivePage serves a page for runs that are to come. The board is its own.
func newLivePage(ctx context.Context, o page.Options) (*livePage, error) {
	o.Board = page.NewBoard(judge.Unseen)
	server, err := servePage(ctx, o)
	if err != nil {
		return nil, err
	}
	return &livePage{server, o.Board}, nil
}

// stay keeps a page until somebody presses Enter, or ctx ends. Where nobody sits at a terminal it waits for ctx alone,
// and only if it is told to.
func stay(ctx context.Context, w io.Writer, what string, always bool) {
	var entered chan struct{}
	switch {
	case isTerminal(os.Stdin) && isTerminal(os.Stderr):
		fmt.Fprintf(w, "%s (press Enter to end it)\n", what)
		entered = make(chan struct{})
		go func() {
			_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
			close(entered)
		}()
	case always:
		fmt.Fprintf(w, "%s (Ctrl-C ends it)\n", what)
	default:
		return
	}
	select {
	case <-entered:
	case <-ctx.Done():
	}
}
