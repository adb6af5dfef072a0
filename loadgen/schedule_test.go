package loadgen

import (
	"bytes"
	"cmp"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is sent under orders is what the plan says that has them in its shape: all numbers are there, and each request
// is due when that plan has it due.
func TestRateIsChangedWhileItIsSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	p := plan(server.URL+"/", time.Minute, Cohort{Name: "many", Rate: 200}, Cohort{Name: "few", Rate: 3})
	in, orders := io.Pipe()
	out, agent := io.Pipe()
	stages, stop, ended := make(chan Stage), make(chan struct{}), make(chan struct{})
	go func() { _ = agent.CloseWithError(cmp.Or(Serve(t.Context(), "pod-a", in, agent), io.EOF)) }()
	go func() {
		_ = WritePlan(orders, p)
		_ = Orders{stop, stages}.Write(orders, ended)
	}()
	var begin time.Time
	var taken []Stage
	var due = map[string][]time.Duration{}
	go func() { stages <- Stage{Factor: 0.1} }() // from now on, which is too soon: it says from when
	end, err := Decode(out, Handler{
		Begin: func(b Begin) { begin = b.Start },
		Stage: func(s Stage) {
			taken = append(taken, s)
			first := len(taken) == 1
			go func() {
				if first {
					stages <- Stage{At: s.At + time.Second, Factor: 0.5}
					return
				}
				time.Sleep(s.At - time.Since(begin) + time.Second/2)
				close(stop)
			}()
		},
		Samples: func(all []Sample) {
			for _, s := range all {
				due[s.Cohort] = append(due[s.Cohort], s.Due.Sub(begin))
			}
		},
	})
	close(ended)
	if err != nil || end.Why != Stopped {
		t.Fatalf("got %+v, %v, want a whole stream that was stopped", end, err)
	}
	if len(taken) != 2 || taken[0].At < leastLead || taken[1].At != taken[0].At+time.Second {
		t.Fatalf("got stages %v, want the first one put off, and the second when it was asked for", taken)
	}
	for _, s := range taken {
		if p.Shape, err = p.Shape.With(s); err != nil {
			t.Fatal(err)
		}
	}
	for cohort, all := range due {
		slices.Sort(all)
		for i, at := range all {
			if want := p.Expected(cohort, 0, at+1); math.Abs(float64(i+1)-want) > 1+1e-6 {
				t.Errorf("%s: %d requests were due by %s, want %.2f", cohort, i+1, at, want)
			}
		}
	}
	before := time.Duration(0)
	for _, at := range due["many"] {
		if gap := at - before; at < taken[0].At && gap > 6*time.Millisecond ||
			before > taken[0].At && at < taken[1].At && gap < 49*time.Millisecond {
			t.Errorf("%s were between the requests due at %s and %s", gap, before, at)
		}
		before = at
	}
}

// Whatever is no order stops the load, and an order that can't be followed ends it with an error.
func TestOrdersThatAreNone(t *testing.T) {
	for line, want := range map[string]bool{
		`{"stage":{"atNs":1,"factor":0.5}}`: true, "stop": false, "": false, `{"stage":null}`: false,
		`{"rate":3}`: false, `{"stage":{"factor":0.5},"more":1}`: false,
	} {
		if got := readOrder([]byte(line)) != nil; got != want {
			t.Errorf("%q: got %t", line, got)
		}
	}
	full := &Shape{}
	for i := range maxSteps {
		full.Steps = append(full.Steps, Stage{time.Duration(i), 1})
	}
	for _, bad := range []struct {
		shape  *Shape
		factor float64
		says   string
	}{
		{nil, 0, "0 times the plan's is not above 0 and up to 1"}, {nil, 1.01, "1.01 times"},
		{nil, math.NaN(), "NaN times"}, {&Shape{Sine: &Sine{0.5, time.Second}}, 1, "by itself"},
		{full, 1, "want up to 100"},
	} {
		_, err := bad.shape.With(Stage{time.Hour, bad.factor})
		if err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("got %v, want %q", err, bad.says)
		}
	}
	var in bytes.Buffer
	p := plan("http://127.0.0.1:9/", time.Minute, Cohort{Name: "a", Rate: 1})
	if err := WritePlan(&in, p); err != nil {
		t.Fatal(err)
	}
	in.WriteString(`{"stage":{"atNs":0,"factor":2}}` + "\n")
	open, _ := io.Pipe()
	err := Serve(t.Context(), "pod-a", io.MultiReader(&in, open), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "2 times the plan's") {
		t.Errorf("got %v, want to be told what is wrong with the order", err)
	}
}
