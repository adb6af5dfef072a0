package loadgen

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func validPlan() Plan {
	return Plan{
		Run: "k3x9q2", URL: "http://my-service/", Duration: time.Minute,
		Cohorts: []Cohort{
			{Name: "everyone", Rate: 900},
			{Name: "beta-users", Rate: 100, Header: map[string]string{
				"x-USER-group": "beta", "Host": "my-service.example",
			}},
		},
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Plan)
		want   string // empty: valid
	}{
		{"valid", func(*Plan) {}, ""},
		{
			"longest and fastest",
			func(p *Plan) { p.Duration, p.Timeout, p.Cohorts[0].Rate = time.Hour, time.Minute, 19900 }, "",
		},
		{"no run", func(p *Plan) { p.Run = "" }, "plan: run: "},
		{"run in capitals", func(p *Plan) { p.Run = "K3X" }, "plan: run: "},
		{"https", func(p *Plan) { p.URL = "https://my-service/" }, "plan: url: "},
		{"no scheme", func(p *Plan) { p.URL = "my-service:80" }, "plan: url: "},
		{"no host", func(p *Plan) { p.URL = "http://:80/" }, "has no host"},
		{"no URL at all", func(p *Plan) { p.URL = "http://a b/" }, "plan: url: "},
		{"user", func(p *Plan) { p.URL = "http://me@my-service/" }, "plan: url: "},
		{"no cohort", func(p *Plan) { p.Cohorts = nil }, "plan: cohorts: got 0, want 1 to 256"},
		{"257 cohorts", func(p *Plan) {
			p.Cohorts = nil
			for i := range 257 {
				p.Cohorts = append(p.Cohorts, Cohort{Name: fmt.Sprint("c", i), Rate: 1})
			}
		}, "plan: cohorts: got 257"},
		{"a cohort's own URL and method", func(p *Plan) {
			p.Cohorts[0].URL, p.Cohorts[0].Method = "http://other:8080/items?a=b", "PUT"
		}, ""},
		{"a cohort's own https", func(p *Plan) { p.Cohorts[1].URL = "https://x/" }, "plan: cohorts[1].url: "},
		{"a cohort's own method", func(p *Plan) { p.Cohorts[1].Method = "GET it" }, "plan: cohorts[1].method: "},
		{"a WebSocket by POST", func(p *Plan) {
			p.Cohorts[1].Method, p.Cohorts[1].Socket = "POST", true
		}, "plan: cohorts[1].socket: "},
		{"copies", func(p *Plan) { p.Cohorts[1].Copies = 17 }, "plan: cohorts[1].copies: "},
		{"connections", func(p *Plan) {
			p.Cohorts[1] = Cohort{Name: "db", Rate: 10, URL: "http://db:5432", TCP: &TCP{
				Hold: time.Minute, Every: time.Second,
			}}
		}, ""},
		{"HTTP and TCP on one port", func(p *Plan) {
			p.Cohorts[1] = Cohort{Name: "db", Rate: 10, TCP: &TCP{}}
		}, "one by HTTP and one by TCP"},
		{"a connection with headers", func(p *Plan) {
			p.Cohorts[1].URL, p.Cohorts[1].TCP = "http://db:5432", &TCP{}
		}, "plan: cohorts[1].tcp: a TCP connection has no headers"},
		{"a connection that asks more rarely than it is held", func(p *Plan) {
			p.Cohorts[1] = Cohort{Name: "db", Rate: 10, URL: "http://db/a", Entry: Gateway, TCP: &TCP{
				Every: time.Second,
			}}
		}, "plan: cohorts[1].tcp.everyNs: 1s is not 10ms to"},
		{"too many held", func(p *Plan) {
			p.Duration = time.Hour
			p.Cohorts[1] = Cohort{Name: "db", Rate: 100, URL: "http://db", TCP: &TCP{Hold: time.Minute}}
		}, "6000 TCP connections would be open at once, want up to 5000"},
		{"users", func(p *Plan) {
			p.Cohorts[1].Users, p.Cohorts[1].Header = 1000, map[string]string{"cookie": "a=b; user={user}"}
		}, ""},
		{"users whom nobody tells apart", func(p *Plan) { p.Cohorts[1].Users = 9 }, "tells its 9 users apart"},
		{
			"no users", func(p *Plan) { p.Cohorts[1].Header = map[string]string{"x-user": "{user}"} },
			"say how many users",
		},
		{"fewer than no users", func(p *Plan) { p.Cohorts[1].Users = -1 }, "plan: cohorts[1].users: -1 is not"},
		{"no name", func(p *Plan) { p.Cohorts[1].Name = "" }, "plan: cohorts[1].name: "},
		{"name that is not kebab", func(p *Plan) { p.Cohorts[1].Name = "beta_users" }, "plan: cohorts[1].name: "},
		{"long name", func(p *Plan) { p.Cohorts[1].Name = strings.Repeat("a", 64) }, "plan: cohorts[1].name: "},
		{
			"name twice", func(p *Plan) { p.Cohorts[1].Name = "everyone" },
			`plan: cohorts[1].name: "everyone" is there twice`,
		},
		{"no rate", func(p *Plan) { p.Cohorts[0].Rate = 0 }, "plan: cohorts[0].rate: 0"},
		{"total rate", func(p *Plan) { p.Cohorts[0].Rate = 19901 }, "plan: cohorts: 20001 requests a second"},
		{"overflowing rate", func(p *Plan) { p.Cohorts[0].Rate = 1 << 62 }, "plan: cohorts[0].rate: "},
		{"header name", func(p *Plan) { p.Cohorts[1].Header["x user"] = "a" }, "plan: cohorts[1].header: "},
		{"header value", func(p *Plan) { p.Cohorts[1].Header["x-a"] = "a\r\nx-b: c" }, "plan: cohorts[1].header: "},
		{"reserved header", func(p *Plan) { p.Cohorts[1].Header["x-REQUEST-id"] = "a" }, "set by the agent"},
		{
			"header in two cases", func(p *Plan) { p.Cohorts[1].Header["X-User-Group"] = "beta" },
			"is there twice, in different case",
		},
		{"no duration", func(p *Plan) { p.Duration = 0 }, "plan: durationNs: "},
		{"long duration", func(p *Plan) { p.Duration = MaxDuration + 1 }, "plan: durationNs: "},
		{"long timeout", func(p *Plan) { p.Timeout = time.Hour }, "plan: timeoutNs: "},
		{"method and body", func(p *Plan) { p.Method, p.Body = "POST", &Body{Text: "x"} }, ""},
		{"no method", func(p *Plan) { p.Method = "GET it" }, "plan: method: "},
		{"tunnel", func(p *Plan) { p.Method = "CONNECT" }, "plan: method: "},
		{"empty body", func(p *Plan) { p.Body = &Body{} }, "plan: body: want either"},
		{"two bodies", func(p *Plan) { p.Body = &Body{Text: "x", Size: 1} }, "plan: body: want either"},
		{"huge body", func(p *Plan) { p.Body = &Body{Size: MaxBody + 1} }, "plan: body: 1048577 bytes"},
		{"weights", func(p *Plan) {
			p.Rate, p.Cohorts[0].Rate, p.Cohorts[0].Weight, p.Cohorts[1].Rate, p.Cohorts[1].Weight = 100, 0, 1, 0, 0.5
		}, ""},
		{
			"weight and rate", func(p *Plan) { p.Rate, p.Cohorts[0].Weight = 100, 1 },
			"plan: cohorts[0].weight: want a weight",
		},
		{
			"weight of nothing", func(p *Plan) { p.Cohorts[0].Weight = 1 },
			"plan: cohorts[0].weight: 1 is a part of the plan's rate",
		},
		{"no weight", func(p *Plan) { p.Rate, p.Cohorts[0].Rate = 100, 0 }, "plan: cohorts[0].weight: want a weight"},
		{"plan's rate", func(p *Plan) { p.Rate = MaxRate + 1 }, "plan: rate: "},
		{"entry", func(p *Plan) { p.Cohorts[1].Entry = "window" }, `plan: cohorts[1].entry: "window"`},
		{"gateway", func(p *Plan) { p.Cohorts[1].Entry = Gateway }, ""},
		{"no shape", func(p *Plan) { p.Shape = &Shape{} }, "plan: shape: want exactly one"},
		{
			"two shapes", func(p *Plan) { p.Shape = &Shape{Ramp: &Ramp{1, 2, 3}, Sine: &Sine{0.5, 1}} },
			"plan: shape: want exactly one",
		},
		{"late first step", func(p *Plan) { p.Shape = &Shape{Steps: []Stage{{1, 1}}} }, "plan: shape: steps[0].atNs"},
		{
			"steps out of order", func(p *Plan) { p.Shape = &Shape{Steps: []Stage{{0, 1}, {2, 1}, {2, 1}}} },
			"plan: shape: steps[2].atNs",
		},
		{"too many steps", func(p *Plan) {
			p.Shape = &Shape{}
			for i := range time.Duration(maxSteps + 1) {
				p.Shape.Steps = append(p.Shape.Steps, Stage{i, 1})
			}
		}, "plan: shape: steps: got 101, want up to 100"},
		{
			"factor that is no number", func(p *Plan) { p.Shape = &Shape{Steps: []Stage{{0, math.NaN()}}} },
			"plan: shape: steps[0].factor",
		},
		{
			"weight that is no number",
			func(p *Plan) { p.Rate, p.Cohorts[0].Rate, p.Cohorts[0].Weight = 100, 0, math.NaN() },
			"plan: cohorts[0].weight",
		},
		{
			"negative factor", func(p *Plan) { p.Shape = &Shape{Steps: []Stage{{0, -1}}} },
			"plan: shape: steps[0].factor",
		},
		{
			"ramp to nowhere", func(p *Plan) { p.Shape = &Shape{Ramp: &Ramp{0, 0, 1}} },
			"plan: shape: ramp: it sends nothing",
		},
		{"ramp in no time", func(p *Plan) { p.Shape = &Shape{Ramp: &Ramp{0, 1, 0}} }, "plan: shape: ramp.overNs"},
		{"sine below 0", func(p *Plan) { p.Shape = &Shape{Sine: &Sine{1, 1}} }, "plan: shape: sine.amplitude"},
		{"sine in no time", func(p *Plan) { p.Shape = &Shape{Sine: &Sine{0.5, 0}} }, "plan: shape: sine.periodNs"},
		{
			"peak", func(p *Plan) { p.Shape = &Shape{Steps: []Stage{{0, 1}, {1, 21}}} },
			"plan: shape: 21000 requests a second at its peak",
		},
		{"several", func(p *Plan) { p.Run, p.Timeout = "", -1 }, "plan: timeoutNs: "},
	} {
		p := validPlan()
		c.change(&p)
		err := p.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestRunID(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id := RunID()
		if !regexp.MustCompile(`^[a-z0-9]{6}$`).MatchString(id) {
			t.Fatalf("got %q, want six letters and digits", id)
		}
		seen[id] = true
	}
	if len(seen) < 99 {
		t.Errorf("got %d different ids of 100, want 99 or more", len(seen))
	}
}

func TestPacer(t *testing.T) {
	for _, c := range []struct {
		name                  string
		rate, cohort, cohorts int
		duration              time.Duration
		requests              uint64
		first, last           time.Duration
	}{
		{"one", 1, 0, 1, time.Second, 1, time.Second, time.Second},
		{"too short for one", 1, 0, 1, 999 * time.Millisecond, 0, 0, 0},
		{"alone", 1000, 0, 1, time.Second, 1000, time.Millisecond, time.Second},
		{"first of two", 1000, 0, 2, time.Second, 1000, 500 * time.Microsecond, 999500 * time.Microsecond},
		{"second of two", 1000, 1, 2, time.Second, 1000, time.Millisecond, time.Second},
		// 1/3 ms is not a whole number of ns, and nothing may add up.
		{"no drift", 3000, 0, 1, time.Hour, 10800000, 333333, time.Hour},
		{
			"largest", MaxRate, MaxCohorts - 1, MaxCohorts, MaxDuration, MaxRate * 6 * 3600, 50 * time.Microsecond,
			MaxDuration,
		},
	} {
		p := &pacer{rate: float64(c.rate), cohort: c.cohort, cohorts: c.cohorts, duration: c.duration}
		if p.offset(c.requests) <= c.duration {
			t.Errorf("%s: request %d is due at %s, want after %s", c.name, c.requests, p.offset(c.requests), c.duration)
		}
		if c.requests == 0 {
			continue
		}
		if first, last := p.offset(0), p.offset(c.requests-1); first != c.first || last != c.last {
			t.Errorf("%s: got first %s and last %s, want %s and %s", c.name, first, last, c.first, c.last)
		}
	}
}

// A plan at another rate keeps its proportions, to within one request a second, and sends exactly that rate.
func TestPlanAtAnotherRate(t *testing.T) {
	three := Plan{Cohorts: []Cohort{{Name: "a", Rate: 200}, {Name: "b", Rate: 500}, {Name: "c", Rate: 500}}}
	for rate := 3; rate <= 2400; rate++ {
		got := three.At(rate)
		if got.TotalRate() != float64(rate) {
			t.Fatalf("at %d: got %g requests a second in all", rate, got.TotalRate())
		}
		for i, c := range got.Cohorts {
			want := float64(three.Cohorts[i].Rate) * float64(rate) / 1200
			if math.Abs(float64(c.Rate)-want) >= 1 {
				t.Fatalf("at %d: got %d for cohort %s, want %g give or take less than one", rate, c.Rate, c.Name, want)
			}
		}
	}
	if three.Cohorts[0].Rate != 200 {
		t.Error("the plan itself was changed")
	}
	weighted := Plan{Rate: 100, Cohorts: []Cohort{{Name: "a", Weight: 3}, {Name: "b", Weight: 1}}}
	if got := weighted.At(40); got.RateOf("a") != 30 || got.RateOf("b") != 10 {
		t.Errorf("got %+v, want 30 and 10", got)
	}
}
