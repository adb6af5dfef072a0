package accesslog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	datav3 "github.com/envoyproxy/go-control-plane/envoy/data/accesslog/v3"
	alsv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestNewEntry(t *testing.T) {
	in := &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			StartTime: timestamppb.New(time.Unix(7, 8)), Duration: durationpb.New(9 * time.Millisecond),
			TimeToFirstUpstreamTxByte:  durationpb.New(100),
			TimeToLastDownstreamTxByte: durationpb.New(8 * time.Millisecond),
			UpstreamRemoteAddress: &corev3.Address{Address: &corev3.Address_SocketAddress{
				SocketAddress: &corev3.SocketAddress{
					Address: "10.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 8080},
				},
			}},
			ResponseFlags: &datav3.ResponseFlags{UpstreamConnectionFailure: true, UpstreamRetryLimitExceeded: true},
			CustomTags:    map[string]string{ClusterTag: "outbound|80|v2|s"}, UpstreamCluster: "alternative name",
			UpstreamRequestAttemptCount: 3, UpstreamTransportFailureReason: "TLS_error",
		},
		Request: &datav3.HTTPRequestProperties{RequestId: "id"},
		Response: &datav3.HTTPResponseProperties{
			ResponseCode: wrapperspb.UInt32(503), ResponseCodeDetails: "details",
			ResponseHeaders: map[string]string{"x-app-version": "v2"},
		},
	}
	want := Entry{
		ID: "id", Proxy: "pod", Log: "log", Start: 7e9 + 8, Took: 8 * time.Millisecond, Reached: 100, Code: 503,
		Flags:   []string{"UF", "URX"},
		Details: "details", Failure: "TLS_error", Cluster: "outbound|80|v2|s", Upstream: "10.0.0.1:8080", Attempts: 3,
		Header: map[string]string{"x-app-version": "v2"},
	}
	if got := newEntry("pod", "log", in); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// The entry leaves out what Envoy does not say.
	common := in.CommonProperties
	common.CustomTags, common.TimeToLastDownstreamTxByte, common.UpstreamRemoteAddress, common.ResponseFlags = nil, nil,
		nil, nil
	in.Response = nil
	want = Entry{
		ID: "id", Proxy: "pod", Log: "log", Start: 7e9 + 8, Took: 9 * time.Millisecond, Reached: 100,
		Failure: "TLS_error", Cluster: "alternative name", Attempts: 3,
	}
	if got := newEntry("pod", "log", in); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// An entry of a connection has no id and no status, and the addresses by which it is found.
func TestNewConnection(t *testing.T) {
	at := func(address string, port uint32) *corev3.Address {
		return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
		}}}
	}
	in := &datav3.TCPAccessLogEntry{CommonProperties: &datav3.AccessLogCommon{
		StartTime: timestamppb.New(time.Unix(7, 8)), Duration: durationpb.New(9 * time.Second),
		TimeToLastDownstreamTxByte: durationpb.New(time.Millisecond),
		DownstreamRemoteAddress:    at("10.0.0.1", 40000), UpstreamLocalAddress: at("10.0.0.1", 50000),
		UpstreamRemoteAddress: at("10.0.0.2", 9000), CustomTags: map[string]string{ClusterTag: "outbound|80|v2|s"},
		ResponseFlags:                &datav3.ResponseFlags{UpstreamConnectionFailure: true},
		ConnectionTerminationDetails: "details",
	}}
	want := Entry{
		Proxy: "pod", Log: "log", Start: 7e9 + 8, Took: 9 * time.Second, Flags: []string{"UF"}, Details: "details",
		Cluster: "outbound|80|v2|s", Upstream: "10.0.0.2:9000", Downstream: "10.0.0.1:40000",
		UpstreamLocal: "10.0.0.1:50000",
	}
	if got := newConnection("pod", "log", in); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Every flag of Envoy's has a name, and no two have the same.
func TestFlagsAreAllNamed(t *testing.T) {
	fields := (&datav3.ResponseFlags{}).ProtoReflect().Descriptor().Fields()
	names := map[string]bool{}
	for i := range fields.Len() {
		one := &datav3.ResponseFlags{}
		m := one.ProtoReflect()
		if f := fields.Get(i); f.Message() != nil {
			m.Set(f, m.NewField(f))
		} else {
			m.Set(f, protoreflect.ValueOfBool(true))
		}
		got := flags(one)
		if len(got) != 1 || names[got[0]] {
			t.Errorf("%s: got flags %q, want one of its own", fields.Get(i).Name(), got)
			continue
		}
		names[got[0]] = true
	}
	if got := flags(&datav3.ResponseFlags{}); got != nil {
		t.Errorf("got %q for no flags", got)
	}
}

// A field that is added to Entry has to be added to the wire.
func TestEveryFieldCrossesTheWire(t *testing.T) {
	var want Entry
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(fmt.Sprint("text ", i))
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(i) + 1<<40)
		case reflect.Slice:
			f.Set(reflect.ValueOf([]string{"UF", "URX"}))
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]string{"x-app-version": "v1", "x-app-serial": "k3x9qa-17", "empty": ""}))
		default:
			t.Fatalf("field %s is a %s: have this test fill it", v.Type().Field(i).Name, f.Type())
		}
	}
	stream := Stream{Proxy: "a", Log: "b", At: time.Unix(1, 2).UTC(), Open: true, Why: "c"}
	for _, it := range []item{{Entry: &want}, {Entry: &Entry{}}, {Stream: &stream}} {
		b, err := it.encode(nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // with names that are new, and with names that are known
			if got, err := decode(b, names{}); err != nil || !reflect.DeepEqual(got, it) {
				t.Errorf("got %+v, %v, want %+v", got, err, it)
			}
		}
	}
}

// What is cut or made up is an error, and no panic.
func TestDecodeRefuses(t *testing.T) {
	b, err := item{Entry: &Entry{ID: "id", Start: 1 << 40, Header: map[string]string{"a": "b"}}}.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := message{Instance: "abc", From: 7, Items: [][]byte{b}}.encode(nil)[4:]
	for n := range frame {
		var m message
		if err := decodeMessage(frame[:n], &m); err == nil && n > 0 && len(m.Items) > 0 {
			t.Errorf("got %+v of %d bytes", m, n)
		}
	}
	for n := range b {
		_, _ = decode(b[:n], names{})
	}
	for _, bad := range []string{"\x7a\x00", "\x7a\x02{]", "\xfa\x01\x00", "\x0d", "\x72\x01\x05"} {
		if got, err := decode([]byte(bad), names{}); !errors.Is(err, errItem) {
			t.Errorf("%q: got %+v, %v, want an error", bad, got, err)
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	n := names{}
	for i := range 3 * maxNames {
		if want := fmt.Sprint("name ", i); n.of([]byte(want)) != want || len(n) > maxNames {
			t.Fatalf("got %q among %d, want %q", n.of([]byte(want)), len(n), want)
		}
	}
}

// A Collector of another build is told apart from a broken connection.
func TestFollowKnowsOtherBuilds(t *testing.T) {
	old := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
	}))
	defer old.Close()
	f := follower{names: names{}}
	err := f.read(t.Context(), func(context.Context) (*http.Client, error) {
		return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (
			net.Conn, error,
		) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", old.Listener.Addr().String())
		}}}, nil
	}, func() {})
	if err == nil || !strings.Contains(err.Error(), "of two builds") {
		t.Errorf("got %v, want that the builds differ", err)
	}
}

func TestPodOf(t *testing.T) {
	for id, want := range map[string]string{
		"sidecar~10.0.0.7~load-client-1.demo~demo.svc.cluster.local": "load-client-1",
		"router~10.0.0.7~ingress-1.demo~demo.svc.cluster.local":      "ingress-1",
		"odd": "odd", "": "",
	} {
		if got := podOfNode(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

func TestRing(t *testing.T) {
	one := func(i int) []item { return []item{{Entry: &Entry{ID: fmt.Sprintf("%03d", i)}}} }
	r := newRing(300)
	for i := range 100 {
		if err := r.add(one(i)); err != nil {
			t.Fatal(err)
		}
	}
	items, first, _ := r.from(1, 1000)
	if first < 2 || int(first)+len(items) != 101 || r.bytes > 300 {
		t.Errorf("got items %d to %d in %d bytes, want the newest up to 100, in 300 at most", first,
			int(first)+len(items)-1, r.bytes)
	}
	if !strings.Contains(string(items[len(items)-1]), "099") {
		t.Errorf("got %s as the last one, want 099", items[len(items)-1])
	}
	if items, first, _ := r.from(99, 1); first != 99 || len(items) != 1 || !strings.Contains(
		string(items[0]), "098",
	) {
		t.Errorf("got %d from %d: %s, want number 99 alone", len(items), first, items)
	}
	items, first, more := r.from(101, 10)
	if len(items) != 0 || first != 101 {
		t.Errorf("got %d items from %d on, want none yet", len(items), first)
	}
	select {
	case <-more:
		t.Error("there is more already")
	default:
	}
	if err := r.add(one(100)); err != nil {
		t.Fatal(err)
	}
	<-more
}

// A site is a Collector that can be replaced, and reached over connections that can be broken.
type site struct {
	t       *testing.T
	grpc    string
	http    string
	stop    func()
	mu      sync.Mutex
	current map[net.Conn]bool
}

func newSite(t *testing.T) *site {
	s := &site{t: t, current: map[net.Conn]bool{}}
	s.begin(NewCollector())
	return s
}

func (s *site) begin(c *Collector) {
	s.t.Helper()
	var ls [2]net.Listener
	for i := range ls {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		ls[i] = l
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, ls[0], ls[1]) }()
	s.mu.Lock()
	s.grpc, s.http = ls[0].Addr().String(), ls[1].Addr().String()
	s.mu.Unlock()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the collector ended with %v", err)
		}
	})
	s.t.Cleanup(func() { s.stop() })
}

// connect is for Follow.
func (s *site) connect(context.Context) (*http.Client, error) {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (
		net.Conn, error,
	) {
		s.mu.Lock()
		addr := s.http
		s.mu.Unlock()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			s.mu.Lock()
			s.current[conn] = true
			s.mu.Unlock()
		}
		return conn, err
	}}}, nil
}

// breakAll breaks every connection of readers.
func (s *site) breakAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.current {
		_ = conn.Close()
	}
	clear(s.current)
}

// A proxy streams logs as Envoy does.
type proxy struct {
	t      *testing.T
	conn   *grpc.ClientConn
	stream alsv3.AccessLogService_StreamAccessLogsClient
	first  bool
}

func newProxy(t *testing.T, s *site) *proxy {
	t.Helper()
	conn, err := grpc.NewClient(s.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := alsv3.NewAccessLogServiceClient(conn).StreamAccessLogs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &proxy{t: t, conn: conn, stream: stream, first: true}
}

func (p *proxy) log(ids ...string) {
	p.t.Helper()
	m := &alsv3.StreamAccessLogsMessage{}
	if p.first {
		p.first = false
		m.Identifier = &alsv3.StreamAccessLogsMessage_Identifier{
			Node: &corev3.Node{Id: "sidecar~10.0.0.7~client-1.demo~demo.svc.cluster.local"}, LogName: "test.client",
		}
	}
	var all []*datav3.HTTPAccessLogEntry
	for _, id := range ids {
		all = append(all, &datav3.HTTPAccessLogEntry{Request: &datav3.HTTPRequestProperties{RequestId: id}})
	}
	m.LogEntries = &alsv3.StreamAccessLogsMessage_HttpLogs{
		HttpLogs: &alsv3.StreamAccessLogsMessage_HTTPAccessLogEntries{LogEntry: all},
	}
	if err := p.stream.Send(m); err != nil {
		p.t.Fatal(err)
	}
}

// A reader is a Follow and what it gave its Sink.
type reader struct {
	t    *testing.T
	news chan struct{}
	done chan error
	stop func()

	mu       sync.Mutex
	ids      []string
	streams  []Stream
	troubles []string
}

func newReader(t *testing.T, s *site) *reader {
	r := &reader{t: t, news: make(chan struct{}, 1), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	note := func(f func()) {
		r.mu.Lock()
		f()
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	go func() {
		r.done <- Follow(ctx, s.connect, Sink{
			Entries: func(all []Entry) {
				note(func() {
					for _, e := range all {
						if e.Proxy != "client-1" || e.Log != "test.client" {
							t.Errorf("got %+v, want it from client-1", e)
						}
						r.ids = append(r.ids, e.ID)
					}
				})
			},
			Stream:  func(s Stream) { note(func() { r.streams = append(r.streams, s) }) },
			Trouble: func(text string) { note(func() { r.troubles = append(r.troubles, text) }) },
		})
	}()
	return r
}

// await waits for a fact.
func (r *reader) await(what string, fact func() bool) {
	r.t.Helper()
	patience := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		ok := fact()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.news:
		case <-patience:
			r.t.Fatalf("%s: got ids %d, streams %+v, troubles %q", what, len(r.ids), r.streams, r.troubles)
		}
	}
}

func ids(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("id-%05d", i))
	}
	return all
}

// The Sink gets every entry once and in order, however often the connection breaks.
func TestFollowMissesNothing(t *testing.T) {
	s := newSite(t)
	p := newProxy(t, s)
	r := newReader(t, s)
	const n, step = 5000, 500
	for i := 0; i < n; i += step {
		p.log(ids(i, i+step)...)
		if i == 2*step || i == 6*step {
			r.await("some of it", func() bool { return len(r.ids) > i/2 })
			s.breakAll()
		}
	}
	r.await("all of it", func() bool { return len(r.ids) >= n })
	if err := p.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	r.await("the stream's end", func() bool { return len(r.streams) >= 2 })
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if !slices.Equal(r.ids, ids(0, n)) {
		t.Errorf("got %d entries, want %d in order, each once", len(r.ids), n)
	}
	if a, b := r.streams[0], r.streams[1]; !a.Open || b.Open || a.Proxy != "client-1" || b.Proxy != "client-1" ||
		b.Why != "the proxy ended it" {
		t.Errorf("got streams %+v, want client-1's beginning and end", r.streams)
	}
	if got := strings.Join(r.troubles, "; "); !strings.Contains(got, "broke") || !strings.Contains(got, "is back") {
		t.Errorf("got troubles %q, want the broken connection and its return", got)
	}
}

// A connection that a proxy lost is reported, whether or not there were entries.
func TestLostProxyShows(t *testing.T) {
	s := newSite(t)
	p := newProxy(t, s)
	r := newReader(t, s)
	p.log("id-00000")
	r.await("its entry", func() bool { return len(r.ids) == 1 })
	if err := p.conn.Close(); err != nil {
		t.Fatal(err)
	}
	r.await("its end", func() bool { return len(r.streams) == 2 && !r.streams[1].Open })
	if got := r.streams[1]; got.Why == "" || got.Why == "the proxy ended it" {
		t.Errorf("got %+v, want a broken connection", got)
	}
	r.stop()
	<-r.done
}

// Follow counts what the ring no longer has.
func TestFollowCountsWhatIsGone(t *testing.T) {
	s := newSite(t)
	s.stop()
	c := NewCollector()
	c.ring = newRing(20_000)
	s.begin(c)
	p := newProxy(t, s)
	p.log(ids(0, 1000)...)
	// The first item is the stream's beginning.
	for seen := false; !seen; {
		_, first, more := c.ring.from(1001, 1)
		if seen = first >= 1001 && len(c.ring.items) > 0 && c.ring.first+uint64(len(c.ring.items)) == 1002; !seen {
			<-more
		}
	}
	r := newReader(t, s)
	r.await("the last one", func() bool { return len(r.ids) > 0 && r.ids[len(r.ids)-1] == "id-00999" })
	r.stop()
	<-r.done
	var gone int
	if _, err := fmt.Sscanf(r.troubles[0], "%d access log entries were gone", &gone); err != nil ||
		gone+len(r.ids) != 1001 {
		t.Errorf("got %d entries and troubles %q, want those gone and those read to be 1,001 together", len(r.ids),
			r.troubles)
	}
}

// A new Collector begins anew, and Follow reports that what the first one had is lost.
func TestFollowGoesOnWithANewCollector(t *testing.T) {
	s := newSite(t)
	p := newProxy(t, s)
	r := newReader(t, s)
	p.log(ids(0, 10)...)
	r.await("ten", func() bool { return len(r.ids) == 10 })
	s.stop()
	s.begin(NewCollector())
	newProxy(t, s).log(ids(10, 20)...)
	r.await("ten more", func() bool { return len(r.ids) >= 20 })
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	if !slices.Equal(r.ids, ids(0, 20)) || !strings.Contains(strings.Join(r.troubles, "; "), "began anew") {
		t.Errorf("got %q, troubles %q, want twenty and the new beginning", r.ids, r.troubles)
	}
}

func TestFollowWithoutACollector(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	nobody := errors.New("nobody is there")
	calls := 0
	err := Follow(ctx, func(context.Context) (*http.Client, error) {
		if calls++; calls == 2 {
			cancel()
		}
		return nil, nobody
	}, Sink{})
	if !errors.Is(err, nobody) {
		t.Errorf("got %v, want %v", err, nobody)
	}
}

func TestReadersAreToldWhatIsWrong(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]int{
		"/healthz": 200, "/entries?from=x": 400, "/entries?from=0": 400, "/other": 404,
	} {
		resp, err := http.Get("http://" + s.http + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// BenchmarkEntry measures an entry's way through a Collector and Follow, besides gRPC's own decoding.
func BenchmarkEntry(b *testing.B) {
	in := &datav3.HTTPAccessLogEntry{
		CommonProperties: &datav3.AccessLogCommon{
			StartTime: timestamppb.Now(), Duration: durationpb.New(time.Millisecond),
			ResponseFlags: &datav3.ResponseFlags{},
			CustomTags: map[string]string{
				ClusterTag: "outbound|80|v2|my-service.demo.svc.cluster.local",
			},
			UpstreamRequestAttemptCount: 1,
		},
		Request: &datav3.HTTPRequestProperties{RequestId: "k3x9qa-everyone-123456"},
		Response: &datav3.HTTPResponseProperties{
			ResponseCode: wrapperspb.UInt32(200), ResponseCodeDetails: "via_upstream",
			ResponseHeaders: map[string]string{"x-app-version": "v1", "x-app-serial": "k3x9qa-17"},
		},
	}
	b.Run("collect", func(b *testing.B) {
		r := newRing(maxBytes)
		for b.Loop() {
			e := newEntry("load-client-678cf599b6-68t6k", "canarylab.client", in)
			if err := r.add([]item{{Entry: &e}}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("follow", func(b *testing.B) {
		e := newEntry("load-client-678cf599b6-68t6k", "canarylab.client", in)
		one, err := item{Entry: &e}.encode(nil)
		if err != nil {
			b.Fatal(err)
		}
		known := names{}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := decode(one, known); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(one)), "bytes/entry")
	})
}
