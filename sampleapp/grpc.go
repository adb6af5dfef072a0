package sampleapp

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// asksForGRPC tells whether a request is a call by gRPC
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func asksForGRPC(r *http.Request) bool {
	return r.ProtoMajor == 2 && r.Method == http.MethodPost &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// GRPCService and GRPCMethod are what the app can be called for: the service of Istio's echo and its method that
// answers (istio.io/istio/pkg/test/echo/proto), so that either app can stand in for the other. Any other method gets
// the grpc-status UNIMPLEMENTED.
const (
	GRPCService = "proto.EchoTestService"
	GRPCMethod  = "Echo"
)

// StreamService and StreamMethod are what answers by a stream of messages, for as long as Faults.Stream says. Istio's
// echo has none such. MessagesHeader is in the trailer: how many messages the app has sent.
const (
	StreamService  = "canarylab.Streams"
	StreamMethod   = "Watch"
	MessagesHeader = "X-App-Messages"
)

// newGRPC makes the server that answers calls. On the wire an EchoRequest is as good as empty, and an EchoResponse is a
// message whose first field is a text: this needs nothing of Istio.
func newGRPC(a *App) *grpc.Server {
	s := grpc.NewServer()
	echo := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		if err := decode(&emptypb.Empty{}); err != nil {
			return nil, err
		}
		if failed, ok := ctx.Value(fateKey{}).(error); ok {
			return nil, failed
		}
		return wrapperspb.String(a.body), nil
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: GRPCService, Methods: []grpc.MethodDesc{{MethodName: GRPCMethod, Handler: echo}},
	}, nil)
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: StreamService, Streams: []grpc.StreamDesc{{
			StreamName: StreamMethod, ServerStreams: true, Handler: a.watch,
		}},
	}, nil)
	return s
}

// watch answers by a stream: who answers, at once and then every messageEvery, as on a WebSocket.
func (a *App) watch(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
		return err
	}
	ctx := stream.Context()
	if failed, ok := ctx.Value(fateKey{}).(error); ok {
		return failed
	}
	d, _ := ctx.Value(streamKey{}).(time.Duration)
	begin, sent := time.Now(), 0
	for due := time.Duration(0); ; due = min(due+messageEvery, d) {
		if !sleep(ctx, time.Until(begin.Add(due))) {
			return status.FromContextError(ctx.Err()).Err()
		}
		if err := stream.SendMsg(wrapperspb.String(a.body)); err != nil {
			return err
		}
		if sent++; due == d {
			stream.SetTrailer(metadata.Pairs(strings.ToLower(MessagesHeader), strconv.Itoa(sent)))
			return nil
		}
	}
}

// fateKey is where a call's context has the error that it is to be answered with, streamKey how long its stream lasts.
type (
	fateKey   struct{}
	streamKey struct{}
)

// call answers a call by gRPC. A code of 400 or above is answered with the grpc-status that stands for it, in the
// trailer of a 200 as all are, and the text is its message.
func (a *App) call(w http.ResponseWriter, r *http.Request, code int, text string, stream time.Duration) {
	// gRPC sets its own, and adds nothing to what is there.
	w.Header().Del("Content-Type")
	if a.draining.Load() {
		// net/http tells the client to open another connection, and finishes the calls on this one.
		w.Header().Set("Connection", "close")
	}
	var failed error
	if code >= http.StatusBadRequest {
		failed = status.Error(grpcCode(code), strings.TrimSpace(text))
	}
	answer := &grpcWriter{countedWriter: countedWriter{w, &a.counters.answered}}
	ctx := context.WithValue(context.WithValue(r.Context(), fateKey{}, failed), streamKey{}, stream)
	a.grpc.ServeHTTP(answer, r.WithContext(ctx))
	if !answer.begun {
		a.abandon()
	}
}

// grpcCode is the grpc-status that stands for an HTTP status, as clients and Envoy have it
// (https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md).
func grpcCode(code int) grpccodes.Code {
	switch code {
	case http.StatusBadRequest:
		return grpccodes.Internal
	case http.StatusUnauthorized:
		return grpccodes.Unauthenticated
	case http.StatusForbidden:
		return grpccodes.PermissionDenied
	case http.StatusNotFound:
		return grpccodes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return grpccodes.Unavailable
	default:
		return grpccodes.Unknown
	}
}

// A grpcWriter counts an answer before its first byte leaves. gRPC begins one by a flush.
type grpcWriter struct {
	countedWriter
	begun bool
}

func (w *grpcWriter) begin() {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
}

// WriteHeader implements http.ResponseWriter.
func (w *grpcWriter) WriteHeader(code int) {
	w.begun = true
	w.countedWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *grpcWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.countedWriter.Write(b)
}

// Flush implements http.Flusher.
func (w *grpcWriter) Flush() {
	w.begin()
	// It fails if the client left, and then the next write does too.
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}
