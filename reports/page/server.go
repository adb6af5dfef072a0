package page

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/canarylab/canarylab/reports/format"
)

// Options are for Serve.
type Options struct {
	// Listen is the address, such as 127.0.0.1:8080. Empty is a free port of 127.0.0.1. Only loopback addresses are
	// taken.
	Listen string
	// Board is what is shown. A board has one Server.
	Board *Board
	// Panels are added to the page, in their order.
	Panels []Panel
	// Commands are what the page can ask for, by name.
	Commands map[string]Command
}

// A Server shows a Board to browsers on this machine. Its methods are safe for concurrent use.
type Server struct {
	board    *Board
	commands map[string]Command
	page     *document
	url      string
	// root is the path of the page, which has the token; hosts are the values of the header Host that are taken.
	root  string
	hosts map[string]bool
	http  *http.Server
	// ended is closed when the Server ends, and end closes it; served has the error of serving then.
	ended  <-chan struct{}
	end    context.CancelFunc
	served chan error

	mu sync.Mutex
	// browsers counts those that are fed.
	browsers int
	// blocks has what was published, by the panel's name, and number counts what was.
	blocks map[string]block
	number uint64
}

// A block is what was published for a panel last. seq rises with each.
type block struct {
	seq  uint64
	json json.RawMessage
}

// The bounds of a Server.
const (
	// maxBrowsers watch at the same time: a class with some pages each.
	maxBrowsers = 64
	// maxArgument is for what a page sends to a Command, in bytes, and commandWithin for how long that may take.
	maxArgument   = 64 << 10
	commandWithin = time.Minute
	// maxBlock is for what is published for one panel, in bytes of JSON: each browser gets it whole.
	maxBlock = 256 << 10
)

// Serve serves the page until ctx ends or Close is called. The page is there when Serve returns.
func Serve(ctx context.Context, o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	listener, err := listen(ctx, o.Listen)
	if err != nil {
		return nil, err
	}
	page, err := newDocument(o.Panels)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	ctx, end := context.WithCancel(ctx)
	s := &Server{
		board: o.Board, commands: o.Commands, page: page, ended: ctx.Done(), end: end, served: make(chan error, 1),
		// 26 letters have 130 bits.
		root: "/" + strings.ToLower(rand.Text()) + "/", hosts: map[string]bool{}, blocks: map[string]block{},
	}
	address := listener.Addr().String()
	s.url = "http://" + address + s.root
	_, port, _ := net.SplitHostPort(address) // a listener's address has both
	s.hosts[address], s.hosts["localhost:"+port] = true, true
	s.http = &http.Server{
		Handler: s.guard(s.routes()), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx },
	}
	go func() {
		err := s.http.Serve(listener)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		s.served <- err
	}()
	context.AfterFunc(ctx, func() { _ = s.http.Close() })
	return s, nil
}

// URL is the page's address, with its token: who has it can look and press buttons.
func (s *Server) URL() string { return s.url }

// Close ends the page. Browsers keep what they show, and say that nothing more comes.
func (s *Server) Close() error {
	s.end()
	err := s.http.Close()
	served := <-s.served
	s.served <- nil // for who closes again
	return errors.Join(err, served)
}

// Publish sends a value to a panel of all browsers, as JSON. Browsers that come later get it too. The page keeps the
// newest value alone, so that a value has to be all that the panel shows, and not what is new of it. It never waits for
// a browser.
func (s *Server) Publish(panel string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("show something in panel %s: %w", panel, err)
	}
	if len(b) > maxBlock {
		return fmt.Errorf("show something in panel %s: %d bytes are more than %d", panel, len(b), maxBlock)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	s.blocks[panel] = block{s.number, b}
	return nil
}

// listen listens on a loopback address.
func listen(ctx context.Context, address string) (net.Listener, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	if err := CheckListen(address); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("serve a page on %s: another program has that port: choose another one, or port 0 for "+
			"a free one: %w", address, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("serve a page on %s: that port is not for you: choose one of 1024 or above: %w", address,
			err)
	case err != nil:
		return nil, fmt.Errorf("serve a page on %s: %w", address, err)
	}
	return l, nil
}

// CheckListen refuses an address that is none, or that others than this machine could reach.
func CheckListen(address string) error {
	const wants = "it wants an address of this machine alone, such as 127.0.0.1:8080"
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%q is no address to serve a page on: %s: %w", address, wants, err)
	}
	if !a.Addr().IsLoopback() {
		return fmt.Errorf("%s can be reached by other machines: %s", address, wants)
	}
	return nil
}

// routes are the page's addresses, below the token.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.show)
	mux.HandleFunc("GET /feed", s.feed)
	mux.HandleFunc("POST /do/{command}", s.do)
	return mux
}

// show sends the page, with the figures of now: it is all that there is without a script.
func (s *Server) show(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", s.page.policy)
	if err := s.page.write(w, s.board.Face()); err != nil {
		http.Error(w, format.Printable(err.Error()), http.StatusInternalServerError)
	}
}

// do runs a command.
func (s *Server) do(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("command")
	command := s.commands[name]
	if command == nil {
		answer(w, http.StatusNotFound, nil, fmt.Errorf("this page has no command %q", name))
		return
	}
	// A form of another page can't send this type without being asked first, and nobody answers that question.
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/json" {
		answer(w, http.StatusUnsupportedMediaType, nil, errors.New("a command wants application/json"))
		return
	}
	var arg json.RawMessage
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxArgument))
	err := decoder.Decode(&arg)
	if err == nil && decoder.More() {
		err = errors.New("there is more")
	}
	if err != nil {
		answer(w, http.StatusBadRequest, nil, fmt.Errorf("a command wants one value of JSON of up to %d bytes: %w",
			maxArgument, err))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), commandWithin)
	defer cancel()
	result, err := command(ctx, arg)
	if err != nil {
		answer(w, http.StatusUnprocessableEntity, nil, err)
		return
	}
	answer(w, http.StatusOK, result, nil)
}

// answer sends a command's result, or its error.
func answer(w http.ResponseWriter, status int, result any, err error) {
	var out struct {
		Result any    `json:"result,omitempty"`
		Error  string `json:"error,omitempty"`
	}
	out.Result = result
	if err != nil {
		out.Error = format.Printable(err.Error())
	}
	b, err := json.Marshal(out)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the command's result can't be sent"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a browser that is gone does not want it
}
