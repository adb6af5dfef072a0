package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	const plan = `{"run":"abc","url":"http://127.0.0.1:1/","durationNs":30000000,"cohorts":[{"name":"a","rate":100}]}` + "\n"
	for _, c := range []struct {
		name, args, in string
		code           int
		out, stderr    string
	}{
		{"no command", "", "", 64, "", "usage: loadgen attack"},
		{"unknown command", "atack", "", 64, "", `unknown command "atack"`},
		{"argument", "attack now", "", 64, "", "usage: loadgen attack"},
		{"nothing to measure", "measure", "", 64, "", `unknown command "measure"`},
		{"measure what is not there", "measure /no/such/program", "", 1, "", "loadgen: measure: fork/exec /no/such/program"},
		{"measure", "measure cat -", "words", 0, "words", `"maxRssBytes":`},
		{"measure what fails", "measure false", "", 1, "", `{"userNs":`},
		{"help", "help", "", 0, "", "usage: loadgen attack"},
		{"bad plan", "attack", "{}\n", 64, "", "plan: run"},
		{"run stopped at once", "attack", plan, 0, `{"end":{"why":"stopped"`, ""},
	} {
		var out, stderr bytes.Buffer
		if got := run(strings.Fields(c.args), strings.NewReader(c.in), &out, &stderr); got != c.code {
			t.Errorf("%s: got %d, want %d: %s", c.name, got, c.code, &stderr)
		}
		if !strings.Contains(out.String(), c.out) || c.out == "" && out.Len() > 0 {
			t.Errorf("%s: got %q on stdout, want %q", c.name, &out, c.out)
		}
		if !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("%s: got %q on stderr, want %q", c.name, &stderr, c.stderr)
		}
	}
	reader, writer := io.Pipe()
	reader.Close()
	if got := run([]string{"attack"}, strings.NewReader(plan), writer, io.Discard); got != 1 {
		t.Errorf("closed stdout: got %d, want 1", got)
	}
}
