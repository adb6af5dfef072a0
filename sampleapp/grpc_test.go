package sampleapp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// dialGRPC opens a connection to an app by gRPC.
func dialGRPC(t *testing.T, app *App) *grpc.ClientConn {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = app.server()
	server.Start()
	t.Cleanup(server.Close)
	conn, err := grpc.NewClient("passthrough:///"+server.Listener.Addr().String(),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestACallIsAnsweredAsARequestIs(t *testing.T) {
	app := New(Config{Version: "v2", Pod: "pod-b"})
	conn := dialGRPC(t, app)
	const method = "/" + GRPCService + "/" + GRPCMethod
	for _, test := range []struct {
		name, method, faults string
		want                 grpccodes.Code
	}{
		{"well", method, "", grpccodes.OK},
		{"unavailable", method, "errorRate=1", grpccodes.Unavailable},
		{"too many", method, "errorRate=1,errorCode=429", grpccodes.Unavailable},
		{"forbidden", method, "errorRate=1,errorCode=403", grpccodes.PermissionDenied},
		{"unauthorized", method, "errorRate=1,errorCode=401", grpccodes.Unauthenticated},
		{"not found", method, "errorRate=1,errorCode=404", grpccodes.Unimplemented},
		{"its own error", method, "errorRate=1,errorCode=500", grpccodes.Unknown},
		{"faults that are none", method, "errorRate=7", grpccodes.Internal},
		{"no such method", "/" + GRPCService + "/ForwardEcho", "", grpccodes.Unimplemented},
		{"no such service", "/my.Shop/Buy", "", grpccodes.Unimplemented},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "r-1")
		if test.faults != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, strings.ToLower(FaultsHeader), test.faults)
		}
		var header metadata.MD
		var answer wrapperspb.StringValue
		err := conn.Invoke(ctx, test.method, &emptypb.Empty{}, &answer, grpc.Header(&header))
		if got := status.Code(err); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if (answer.Value == "my-service v2 (pod-b)\n") != (err == nil) {
			t.Errorf("%s: got the answer %q", test.name, answer.Value)
		}
		for _, name := range []string{VersionHeader, PodHeader, SerialHeader, requestIDHeader} {
			if len(header.Get(name)) != 1 {
				t.Errorf("%s: got %v, want %s once", test.name, header, name)
			}
		}
	}
	if got := app.Counters(); got.Received != 10 || got.Answered["200"] != 10 || len(got.Answered) != 1 {
		t.Errorf("got %+v, want ten answers of 200", got)
	}
}

// A caller whose deadline passes has left, and the app counts that. A call that is reset gets no answer.
func TestCallsThatAreNotAnswered(t *testing.T) {
	app := New(Config{Version: "v2", Faults: Faults{Latency: time.Minute}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := dialGRPC(t, app).Invoke(ctx, "/"+GRPCService+"/"+GRPCMethod, &emptypb.Empty{}, &emptypb.Empty{})
	if status.Code(err) != grpccodes.DeadlineExceeded {
		t.Errorf("got %v, want that the deadline passed", err)
	}
	for app.Counters().Abandoned == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the app never saw that its caller left")
		}
		time.Sleep(time.Millisecond) // the app tells nobody
	}
	app = New(Config{Version: "v2", Faults: Faults{ResetRate: 1}})
	err = dialGRPC(t, app).Invoke(t.Context(), "/"+GRPCService+"/"+GRPCMethod, &emptypb.Empty{}, &emptypb.Empty{})
	if got := app.Counters(); status.Code(err) == grpccodes.OK || got.Reset != 1 || len(got.Answered) != 0 {
		t.Errorf("got %v and %+v, want a reset", err, got)
	}
}

// What only looks like a call is a request.
func TestWhatIsNoCall(t *testing.T) {
	app := New(Config{Version: "v2"})
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Content-Type", "application/grpc")
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r) // by HTTP/1.1
	if w.Code != 200 || w.Header().Get(VersionHeader) != "v2" {
		t.Errorf("got %d with %v", w.Code, w.Header())
	}
}
