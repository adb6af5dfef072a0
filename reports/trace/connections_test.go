package trace

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/canarylab/canarylab/loadgen"
)

// In whatever order samples and entries come, each entry gets the id of its connection, also where an address is used
// again, and what is nobody's gets none.
func TestConnections(t *testing.T) {
	begin := time.Unix(1_000_000, 0)
	type part struct {
		sample *loadgen.Sample
		entry  *LogEntry
	}
	for seed := range uint64(50) {
		var parts []part
		for i := range 40 {
			id := fmt.Sprintf("run-all-%d", i)
			// Ten addresses, each four times, and a proxy has the same ones as its caller.
			sent := begin.Add(time.Duration(i) * 500 * time.Millisecond)
			local, hop := fmt.Sprintf("10.0.0.1:%d", 40000+i%10), fmt.Sprintf("10.0.0.1:%d", 40000+(i+1)%10)
			parts = append(parts,
				part{sample: &loadgen.Sample{ID: id, Sent: sent, Done: sent.Add(100 * time.Millisecond), Local: local}},
				part{entry: &LogEntry{
					Proxy: id, Side: ClientSide, Start: sent.Add(time.Millisecond), Took: 90 * time.Millisecond,
					Downstream: local, UpstreamLocal: hop,
				}},
				part{entry: &LogEntry{
					Proxy: id, Side: ServerSide, Start: sent.Add(2 * time.Millisecond), Took: 80 * time.Millisecond,
					Downstream: hop, UpstreamLocal: "127.0.0.6:60000",
				}},
			)
		}
		parts = append(parts, part{entry: &LogEntry{Proxy: "stranger", Start: begin, Downstream: "10.0.0.9:40000"}})
		// What is of one time comes in any order.
		random := rand.New(rand.NewPCG(seed, 0))
		for i := range parts {
			j := min(i+random.IntN(6), len(parts)-1)
			parts[i], parts[j] = parts[j], parts[i]
		}
		c := NewConnections(loadgen.Plan{})
		var got []LogEntry
		for _, p := range parts {
			if p.sample != nil {
				got = append(got, c.Sample(p.sample)...)
			} else {
				got = append(got, c.Log(*p.entry)...)
			}
		}
		got = append(got, c.Flush()...)
		if len(got) != 81 {
			t.Fatalf("seed %d: got %d entries, want 81", seed, len(got))
		}
		for _, e := range got {
			want := e.Proxy
			if want == "stranger" {
				want = ""
			}
			if e.ID != want {
				t.Fatalf("seed %d: got the id %q for the entry of %s", seed, e.ID, e.Proxy)
			}
		}
	}
}

// Nothing is kept for longer than it may be of use.
func TestConnectionsForget(t *testing.T) {
	c := NewConnections(loadgen.Plan{})
	begin := time.Unix(1_000_000, 0)
	unnamed := 0
	for i := range 10_000 {
		at := begin.Add(time.Duration(i) * 100 * time.Millisecond)
		unnamed += len(c.Sample(&loadgen.Sample{ID: "a", Sent: at, Done: at, Local: fmt.Sprintf("10.0.0.1:%d", i)}))
		unnamed += len(c.Log(LogEntry{Start: at, Downstream: fmt.Sprintf("10.0.0.2:%d", i)}))
	}
	if most := int(10*(keptFor+2*time.Second).Seconds()) + 1; len(c.known) > most || len(c.waiting) > most {
		t.Errorf("%d connections and %d entries wait, want at most %d", len(c.known), len(c.waiting), most)
	}
	if got := unnamed + len(c.Flush()); got != 10_000 {
		t.Errorf("got %d entries back, want all 10,000", got)
	}
}
