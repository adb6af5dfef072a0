package sampleapp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// readHeaderTimeout ends clients of the admin port that connect and send nothing.
const readHeaderTimeout = 10 * time.Second

// Main runs the program and returns its exit code: 0, 1 if serving failed, 64 for a bad command line.
func Main(args []string, getenv func(string) string, stderr io.Writer) int {
	cfg, err := ParseConfig(args, getenv, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "sampleapp:", err)
		return 64
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// After the first signal, a second one ends the program at once.
	context.AfterFunc(ctx, stop)

	if err := New(cfg).Run(ctx, slog.New(slog.NewTextHandler(stderr, nil))); err != nil {
		fmt.Fprintln(stderr, "sampleapp:", err)
		return 1
	}
	return 0
}

// Run listens on all ports of its Config and serves until ctx ends. Then it stops gracefully: readiness turns
// false, the app still accepts connections for DrainDelay or Faults.Drain, then it finishes the requests in
// flight. An App runs once.
func (a *App) Run(ctx context.Context, log *slog.Logger) error {
	var config net.ListenConfig
	admin, err := config.Listen(ctx, "tcp", a.cfg.AdminAddr)
	if err != nil {
		return fmt.Errorf("open the admin port: %w", err)
	}
	var app []net.Listener
	for address := range strings.SplitSeq(a.cfg.Addr, ",") {
		l, err := config.Listen(ctx, "tcp", address)
		if err != nil {
			errs := []error{fmt.Errorf("open the app port: %w", err), admin.Close()}
			for _, l := range app {
				errs = append(errs, l.Close())
			}
			return errors.Join(errs...)
		}
		app = append(app, l)
	}
	if a.cfg.TCPAddr != "" {
		if a.tcp.listener, err = config.Listen(ctx, "tcp", a.cfg.TCPAddr); err != nil {
			errs := []error{fmt.Errorf("open the TCP port: %w", err), admin.Close()}
			for _, l := range app {
				errs = append(errs, l.Close())
			}
			return errors.Join(errs...)
		}
	}
	return a.Serve(ctx, app, admin, log)
}

// Serve is Run on open listeners. It closes them.
func (a *App) Serve(ctx context.Context, app []net.Listener, admin net.Listener, log *slog.Logger) error {
	appServer := a.server()
	adminServer := &http.Server{Handler: a.AdminHandler(), ReadHeaderTimeout: readHeaderTimeout}

	failed := make(chan error, 2+len(app))
	serve := func(what string, s *http.Server, l net.Listener) {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("serve the %s port on %s: %w", what, l.Addr(), err)
		}
	}
	go serve("admin", adminServer, admin)
	var addresses []string
	for _, l := range app {
		go serve("app", appServer, l)
		addresses = append(addresses, l.Addr().String())
	}
	if l := a.tcp.listener; l != nil {
		go func() {
			if err := a.serveTCP(); !errors.Is(err, net.ErrClosed) {
				failed <- fmt.Errorf("serve the TCP port on %s: %w", l.Addr(), err)
			}
		}()
		addresses = append(addresses, "tcp "+l.Addr().String())
	}
	a.ready.Store(true)
	log.Info("serving", "version", a.cfg.Version, "pod", a.cfg.Pod,
		"addr", strings.Join(addresses, ","), "admin", admin.Addr().String())

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.draining.Store(true)
		delay := cmp.Or(a.injector.get().Drain, a.cfg.DrainDelay)
		log.Info("stopping", "drainDelay", delay.String())
		drain := time.NewTimer(delay)
		select {
		case <-drain.C:
		case err = <-failed:
		}
		drain.Stop()
	}
	return errors.Join(err, a.shutdown(ctx, appServer, adminServer), a.lastWords())
}

// lastWords writes the final counters where Kubernetes finds them.
func (a *App) lastWords() error {
	if a.cfg.LastWords == "" {
		return nil
	}
	b, err := json.Marshal(a.Counters())
	if err != nil {
		return fmt.Errorf("final counters: %w", err)
	}
	if err := os.WriteFile(a.cfg.LastWords, b, 0o644); err != nil {
		return fmt.Errorf("leave the final counters: %w", err)
	}
	return nil
}

// shutdown closes the app port first, so that the admin port shows the counters to the end.
func (a *App) shutdown(ctx context.Context, app, admin *http.Server) error {
	// ctx has ended. Only its values are used.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.ShutdownTimeout)
	defer cancel()
	stop := func(s *http.Server) error {
		if err := s.Shutdown(ctx); err != nil {
			return errors.Join(fmt.Errorf("finish requests in flight within %s: %w", a.cfg.ShutdownTimeout, err),
				s.Close())
		}
		return nil
	}
	return errors.Join(stop(app), a.finishSockets(ctx), a.tcp.finish(ctx), stop(admin))
}

// server is that of the app port. It has no timeout on purpose. The proxy in front keeps its pool, and a server that
// closes an idle connection races with the next request on it (Envoy's flag UC). A timeout of headers would do so too:
// in a burst Envoy opens connections that it sends nothing on yet, and the clock of a new connection runs from its
// first moment.
func (a *App) server() *http.Server {
	// A sidecar speaks HTTP/2 to a port that is named http2 or grpc, without TLS and without asking first.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: a.Handler(), Protocols: &protocols} //nolint:gosec // see above: callers are proxies
}
