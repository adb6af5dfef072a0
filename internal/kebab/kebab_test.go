package kebab_test

import (
	"testing"

	"github.com/canarylab/canarylab/internal/kebab"
)

func TestIs(t *testing.T) {
	for _, c := range []struct {
		name      string
		is, label bool
	}{
		{"a", true, true}, {"beta-users", true, true}, {"v2-5xx", true, true},
		{"5xx", true, false}, {"5-a", true, false},
		{"", false, false}, {"-a", false, false}, {"a-", false, false}, {"a--b", false, false},
		{"Beta", false, false}, {"beta_users", false, false}, {"a b", false, false}, {"a\n", false, false},
		{"ä", false, false},
	} {
		if is, label := kebab.Is(c.name), kebab.IsLabel(c.name); is != c.is || label != c.label {
			t.Errorf("%q: got %v and as a label %v, want %v and %v", c.name, is, label, c.is, c.label)
		}
	}
}

func TestOf(t *testing.T) {
	for text, want := range map[string]string{
		"Shop": "shop", "my routes.v2": "my-routes-v2", "--a__b--": "a-b", "…": "", "": "",
	} {
		if got := kebab.Of(text); got != want || got != "" && !kebab.Is(got) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
