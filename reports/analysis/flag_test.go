package analysis

import (
	"strings"
	"testing"

	accesslog "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
)

// envoyFlags are the response flags that Envoy has: the ones that its filter of access logs allows.
func envoyFlags(t *testing.T) []string {
	t.Helper()
	err := (&accesslog.ResponseFlagFilter{Flags: []string{"none of them"}}).Validate()
	_, list, _ := strings.Cut(err.Error(), "list [")
	list, _, ok := strings.Cut(list, "]")
	flags := strings.Fields(list)
	if !ok || len(flags) < 20 {
		t.Fatalf("got %v, want it to list Envoy's flags", err)
	}
	return flags
}

// A report can show any of Envoy's flags, and explains each.
func TestMeaning(t *testing.T) {
	for _, flag := range append(envoyFlags(t), NoFlag, NotLogged) {
		if meaning(flagMeanings, flag) == "" {
			t.Errorf("flag %s has no meaning", flag)
		}
	}
	if got, want := meaning(flagMeanings, "UF,URX"), flagMeanings["UF"]+"; "+flagMeanings["URX"]; got != want {
		t.Errorf("UF,URX: got %q, want %q", got, want)
	}
	if got := meaning(flagMeanings, "UH,XX"); got != "" {
		t.Errorf("UH,XX: got %q, want nothing for a set with an unknown flag", got)
	}
	for flag := range serverMeanings {
		if flagMeanings[flag] == "" {
			t.Errorf("flag %s has a meaning at the server and none at the client", flag)
		}
	}
}

func TestFlagSet(t *testing.T) {
	for _, test := range []struct {
		flags []string
		want  string
	}{
		{nil, "-"},
		{[]string{"UH"}, "UH"},
		{[]string{"URX", "UF"}, "UF,URX"},
		{[]string{"URX", "UF", "URX"}, "UF,URX"},
	} {
		if got := FlagSet(test.flags); got != test.want {
			t.Errorf("FlagSet(%q): got %q, want %q", test.flags, got, test.want)
		}
	}
}

func TestParseCluster(t *testing.T) {
	for _, test := range []struct {
		name string
		want Destination
		ok   bool
	}{
		{
			"outbound|80|v2|my-service.demo.svc.cluster.local",
			Destination{80, "v2", "my-service.demo.svc.cluster.local"}, true,
		},
		{
			"outbound|80||my-service.demo.svc.cluster.local", Destination{80, "", "my-service.demo.svc.cluster.local"},
			true,
		},
		{"inbound|8080||", Destination{}, false},
		{"outbound|http|v2|my-service", Destination{}, false},
		{"PassthroughCluster", Destination{}, false},
		{"", Destination{}, false},
	} {
		if got, ok := ParseCluster(test.name); got != test.want || ok != test.ok {
			t.Errorf("ParseCluster(%q): got %+v, %t, want %+v, %t", test.name, got, ok, test.want, test.ok)
		}
	}
}
