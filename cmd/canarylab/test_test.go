package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What can't be played is refused before there is a cluster, as wrong use, with a sentence that says what to do.
func TestTestRefuses(t *testing.T) {
	write := func(name, text string) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n" +
		"spec: {selector: {app: a}, ports: [{name: tcp, port: 3306}]}\n"
	for _, test := range []struct {
		name, want string
		args       []string
	}{
		{"nothing", "wants the files or folders", []string{"test"}},
		{"no such file", "nowhere.yaml", []string{"test", "nowhere.yaml"}},
		{"no manifest", "", []string{"test", write("a.yaml", "a: [")}},
		{"nothing to send", "nothing to test", []string{"test", write("b.yaml", service)}},
		{"a bad first set", "--from: ", []string{"test", "../../docs/your-canary/shop.yaml", "--from", "nowhere"}},
		{"no file of what is expected", "there is no file nowhere.yaml", []string{"test",
			"../../docs/your-canary/shop.yaml", "--expect", "nowhere.yaml"}},
		{"a mistake in what is expected", `canary.yaml:1:1: a canary.yaml has no key "expct": did you mean expect?`,
			[]string{"test", "../../docs/your-canary/shop.yaml", "--expect", write("canary.yaml", "expct: []\n")}},
		{"stdin can't be watched", "--watch looks at files", []string{"test", "-", "--watch"}},
	} {
		out, code, err := run(t, test.args...)
		if code != exitUsage || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got exit code %d (%v), %s, want wrong use and %q", test.name, code, err, out, test.want)
		}
	}
}
