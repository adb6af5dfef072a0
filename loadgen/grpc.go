package loadgen

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/canarylab/canarylab/sampleapp"
)

// GRPC says how a cohort calls by gRPC. Each request is a unary call with an empty message, which any message may be.
type GRPC struct {
	// Method is what is called, such as my.package.Service/Method. Empty is EchoMethod, which the sample app has.
	Method string `json:"method,omitempty"`
	// Stream makes each request a call that is answered by a stream of messages, of StreamMethod if Method names no
	// other. It is in the results when the stream ends, which Plan.Timeout and Deadline bound.
	Stream bool `json:"stream,omitempty"`
	// Connections is how many HTTP/2 connections the calls take in turns. They are kept as long as the other side
	// keeps them. Zero is one. Where the plan has FreshConnections, each call has one of its own.
	Connections int `json:"connections,omitempty"`
	// Deadline is what a call is sent with: how long its caller waits. Zero is the plan's Timeout.
	Deadline time.Duration `json:"deadlineNs,omitempty"`
}

// EchoMethod is the method that the sample app has, and Istio's echo.
const EchoMethod = sampleapp.GRPCService + "/" + sampleapp.GRPCMethod

// StreamMethod is the method of the sample app that is answered by a stream.
const StreamMethod = sampleapp.StreamService + "/" + sampleapp.StreamMethod

// MaxConnections bounds a cohort's GRPC.Connections. A client library has one for each address, or a few.
const MaxConnections = 100

// GRPCOK is the grpc-status of a call that went well.
const GRPCOK = "OK"

// GRPCStatus is the name of a grpc-status, such as UNAVAILABLE for 14
// (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md). A number that is none stays a number.
func GRPCStatus(number int) string { return code.Code(number).String() }

// IsGRPCStatus tells whether a grpc-status has that name.
func IsGRPCStatus(name string) bool {
	_, ok := code.Code_value[name]
	return ok
}

// Outcome is how a request ended, as a key: its HTTP status, and where a call failed by its grpc-status, that behind a
// slash, as in 200/UNAVAILABLE.
func Outcome(code int, grpcStatus string) string {
	if grpcStatus == "" || grpcStatus == GRPCOK {
		return strconv.Itoa(code)
	}
	return strconv.Itoa(code) + "/" + grpcStatus
}

// Outcome is how the request ended, as the function Outcome has it.
func (s Sample) Outcome() string { return Outcome(s.Code, s.GRPC) }

// grpcMethod is a method's full name: that of its service with the package, a slash, and its own.
var grpcMethod = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*/[A-Za-z_]\w*$`)

// grpc looks at how a cohort calls by gRPC.
func (v *problems) grpc(field string, p Plan, c Cohort) {
	g := c.GRPC
	if g == nil {
		return
	}
	if g.Method != "" && !grpcMethod.MatchString(g.Method) {
		v.add(field+".method", "%q is not a service and its method, such as %s", g.Method, EchoMethod)
	}
	if g.Connections < 0 || g.Connections > MaxConnections {
		v.add(field+".connections", "%d is not 0 to %d", g.Connections, MaxConnections)
	}
	if g.Connections > 0 && p.FreshConnections {
		v.add(field+".connections", "the plan has a new connection for each call (freshConnections)")
	}
	if g.Deadline < 0 || g.Deadline > p.timeout() {
		v.add(field+".deadlineNs", "%s is not 0 to the plan's timeout, %s", g.Deadline, p.timeout())
	}
	if c.Socket || p.Body != nil || p.method(c) != http.MethodGet {
		v.add(field, "a gRPC call has no method of HTTP, no body of the plan's, and is no WebSocket")
	}
	if len(c.Notes) > 0 {
		v.add(field, "nothing of a gRPC call's answer can be noted")
	}
	if u, err := url.Parse(p.url(c)); err == nil && (strings.Trim(u.Path, "/") != "" || u.RawQuery != "") {
		v.add(field, "%q has a path: a gRPC call's is its method", p.url(c))
	}
	for name := range c.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "grpc-") || strings.HasSuffix(lower, "-bin") ||
			lower == "te" || lower == "content-type" || lower == "user-agent" {
			v.add(field, "gRPC sets the header %s itself, or encodes it", name)
		}
	}
}

// protocols looks whether a port is asked for in two ways. A Service's port has one protocol, by its name or its
// appProtocol (https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/), and proxies
// treat what comes as that.
func (v *problems) protocols(p Plan) {
	first := map[string]Cohort{}
	for i, c := range p.Cohorts {
		u, err := url.Parse(p.url(c))
		if err != nil || u.Host == "" {
			continue
		}
		port := hostPort(u)
		before, ok := first[port]
		if !ok {
			first[port] = c
			continue
		}
		if one, other := before.protocol(), c.protocol(); one != other {
			const mixed = "%s and %s ask for %s, one by %s and one by %s: a Service's port has one protocol; give " +
				"one of them a url with another port"
			v.add(fmt.Sprintf("cohorts[%d].url", i), mixed, before.Name, c.Name, port, one, other)
		}
	}
}

// protocol is what the cohort speaks with a Service's port.
func (c Cohort) protocol() string {
	switch {
	case c.GRPC != nil:
		return "gRPC"
	case c.TCP != nil:
		return "TCP"
	}
	return "HTTP"
}

// A grpcCaller makes a cohort's calls of Vegeta's requests, so that they are paced and recorded as all are. The
// response that it returns has the metadata of the answer as its header. A call is sent once. The library sends it
// again by itself only if the first try was never written, or if the other side says that it did not look at it
// (https://github.com/grpc/proposal/blob/master/A6-client-retries.md#transparent-retries): nobody has it in its books.
type grpcCaller struct {
	run    string
	cohort Cohort
	share  share
	// deadline is from the call to the end of its answer.
	deadline time.Duration
	method   string
	// open makes a connection that is dialed when it is needed.
	open func() (*grpc.ClientConn, error)
	// kept are the connections that calls take in turns, nil where each has its own.
	kept []*grpc.ClientConn
	// stream tells that calls are answered by a stream.
	stream bool
	// ended has how calls ended by Vegeta's numbers, unsent those that never were on the wire. Both pass by
	// Vegeta, which knows neither.
	ended, unsent *sync.Map
}

func newGRPCCaller(p Plan, c Cohort, unsent *sync.Map) (*grpcCaller, error) {
	u, err := url.Parse(p.url(c))
	if err != nil {
		return nil, err
	}
	g := &grpcCaller{
		run: p.Run, cohort: c, share: p.share(), deadline: cmp.Or(c.GRPC.Deadline, p.timeout()),
		method: "/" + cmp.Or(c.GRPC.Method, EchoMethod), ended: &sync.Map{}, unsent: unsent, stream: c.GRPC.Stream,
	}
	if c.GRPC.Stream && c.GRPC.Method == "" {
		g.method = "/" + StreamMethod
	}
	authority := u.Host
	for name, value := range c.Header {
		if strings.EqualFold(name, "Host") {
			authority = value
		}
	}
	// The name is resolved by whoever dials, as with HTTP: gRPC's own resolver would spread the calls over addresses.
	target := "passthrough:///" + hostPort(u)
	options := []grpc.DialOption{
		// In a mesh the sidecar does TLS.
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(authority),
		grpc.WithUserAgent(userAgent), grpc.WithNoProxy(), grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), grpc.WithStatsHandler(wireWatch{}),
		// A kept connection is kept while nothing is called. A broken one is tried again at once, and soon: the
		// library's own pause of a second and more would fail calls that a new pod could answer.
		grpc.WithIdleTimeout(0), grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: redial, Multiplier: 1, MaxDelay: redial},
			MinConnectTimeout: p.timeout(),
		}),
	}
	g.open = func() (*grpc.ClientConn, error) { return grpc.NewClient(target, options...) }
	if p.FreshConnections {
		return g, nil
	}
	for range max(c.GRPC.Connections, 1) {
		conn, err := g.open()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare gRPC to %s: %w", target, err), g.close())
		}
		g.kept = append(g.kept, conn)
	}
	return g, nil
}

// redial is the pause before a connection is tried again.
const redial = 100 * time.Millisecond

// close closes the connections that were kept.
func (g *grpcCaller) close() error {
	var errs []error
	for _, conn := range g.kept {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}

// RoundTrip implements http.RoundTripper.
func (g *grpcCaller) RoundTrip(in *http.Request) (*http.Response, error) {
	n, err := strconv.ParseUint(in.Header.Get(seqHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the number of a request: %w", err)
	}
	conn, done, err := g.conn(n)
	if err != nil {
		return nil, err
	}
	defer done()
	seq := g.share.number(n)
	sent := metadata.Pairs(strings.ToLower(requestIDHeader), requestID(g.run, g.cohort.Name, seq))
	for name, value := range g.cohort.Header {
		if !strings.EqualFold(name, "Host") {
			sent.Set(name, g.cohort.header(value, seq))
		}
	}
	call := &grpcCall{}
	ctx := context.WithValue(metadata.NewOutgoingContext(in.Context(), sent), callKey{}, call)
	ctx, cancel := context.WithTimeout(ctx, g.deadline)
	defer cancel()

	var header, trailer metadata.MD
	answer := &emptypb.Empty{} // it keeps the fields that it does not know
	end := grpcEnd{}
	if g.stream {
		end.messages, err = watch(ctx, conn, g.method, answer, grpc.Header(&header), grpc.Trailer(&trailer))
	} else {
		err = conn.Invoke(ctx, g.method, &emptypb.Empty{}, answer, grpc.Header(&header), grpc.Trailer(&trailer))
	}
	got := status.Convert(err)
	end.status = GRPCStatus(int(got.Code()))
	g.ended.Store(n, end)
	if !call.whole.Load() && got.Code() != codes.OK {
		if !call.sent.Load() {
			g.unsent.Store(n, true)
		}
		return nil, fmt.Errorf("%s: %s", GRPCStatus(int(got.Code())), got.Message())
	}
	if sent := trailer.Get(sampleapp.MessagesHeader); len(sent) > 0 && sent[0] != strconv.FormatUint(end.messages, 10) {
		return nil, fmt.Errorf("%d messages of a stream came, and the app sent %s", end.messages, sent[0])
	}
	res := &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 2, Request: in, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(answer.ProtoReflect().GetUnknown())),
	}
	// An answer without a message may have all in its trailer.
	for _, from := range []metadata.MD{header, trailer} {
		for name, values := range from {
			res.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return res, nil
}

// A grpcEnd is how a call ended: its grpc-status, and how many messages a stream had.
type grpcEnd struct {
	status   string
	messages uint64
}

// watch calls a method that is answered by a stream, and reads that to its end. answer has the last message.
func watch(ctx context.Context, conn *grpc.ClientConn, method string, answer *emptypb.Empty, o ...grpc.CallOption) (
	messages uint64, err error,
) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, o...)
	if err != nil {
		return 0, err
	}
	// An error of the sending is io.EOF, and the reading has the true one.
	if err := stream.SendMsg(&emptypb.Empty{}); err == nil {
		_ = stream.CloseSend()
	}
	for {
		switch err := stream.RecvMsg(answer); {
		case errors.Is(err, io.EOF):
			return messages, nil
		case err != nil:
			return messages, err
		}
		messages++
	}
}

// conn is the connection of the call of a number, and what to do with it after the call.
func (g *grpcCaller) conn(n uint64) (conn *grpc.ClientConn, done func(), err error) {
	if len(g.kept) > 0 {
		return g.kept[n%uint64(len(g.kept))], func() {}, nil
	}
	if conn, err = g.open(); err != nil {
		return nil, nil, fmt.Errorf("prepare gRPC: %w", err)
	}
	// It fails if the connection is closed already.
	return conn, func() { _ = conn.Close() }, nil
}

// A grpcCall is what happened to one call on the wire.
type grpcCall struct {
	// sent tells that its header was sent, whole that the answer's trailer came.
	sent, whole atomic.Bool
}

// callKey is where a call's context has its grpcCall.
type callKey struct{}

// wireWatch follows calls: a grpc-status alone does not tell whether the other side said so.
type wireWatch struct{}

// HandleRPC implements stats.Handler.
func (wireWatch) HandleRPC(ctx context.Context, s stats.RPCStats) {
	call, ok := ctx.Value(callKey{}).(*grpcCall)
	if !ok {
		return
	}
	switch s.(type) {
	case *stats.OutHeader:
		call.sent.Store(true)
	case *stats.InTrailer:
		call.whole.Store(true)
	}
}

// TagRPC implements stats.Handler.
func (wireWatch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (wireWatch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (wireWatch) HandleConn(context.Context, stats.ConnStats) {}

// GRPCStatuses are the names of all grpc-statuses, in the order of their numbers.
func GRPCStatuses() []string {
	var all []string
	for _, number := range slices.Sorted(maps.Keys(code.Code_name)) {
		all = append(all, code.Code_name[number])
	}
	return all
}
