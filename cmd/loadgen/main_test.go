package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	const plan = `{"run":"abc","url":"http://127.0.0.1:1/","durationNs":30000000,"cohorts":[{"name":"a","rate":100}]}` +
		"\n"
	for _, c := range []struct {
		name, args, in string
		code           int
		out, stderr    string
	}{
		{"no command", "", "", 64, "", "usage: loadgen attack"},
		{"unknown command", "atack", "", 64, "", `unknown command "atack"`},
		{"argument", "attack now", "", 64, "", "usage: loadgen attack"},
		{"nothing to measure", "measure", "", 64, "", "usage: loadgen attack"},
		{"nothing after the dashes", "measure --", "", 64, "", "usage: loadgen attack"},
		{"help on measure", "measure -h", "", 0, "", "usage: loadgen attack"},
		{
			"flag that measure does not have", "measure --into x true", "", 64, "",
			"flag provided but not defined: -into",
		},
		{
			"file that can't be written", "measure --out /no/such/folder/x true", "", 1, "",
			"loadgen: measure: open /no/such/folder/x",
		},
		{
			"measure what is not there", "measure /no/such/program", "", 1, "",
			"loadgen: measure: fork/exec /no/such/program",
		},
		{"measure", "measure cat -", "words", 0, "words", `"maxRssBytes":`},
		{"measure what has flags", "measure -- head -c 2", "words", 0, "wo", `"maxRssBytes":`},
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

// What was measured is said whichever way the program ends.
func TestMeasure(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	file := filepath.Join(t.TempDir(), "took.json")
	reader, writer := io.Pipe()
	go func() {
		// The program runs once it has said so.
		_, _ = bufio.NewReader(reader).ReadString('\n')
		cancel()
	}()
	for _, c := range []struct {
		name, script string
		ctx          context.Context
		out          io.Writer
		code         int
	}{
		{"work", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", context.Background(), io.Discard, 0},
		{"killed", "kill -9 $$", context.Background(), io.Discard, 128 + 9},
		{"told to end, and well", "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done", ended, writer, 0},
	} {
		var stderr bytes.Buffer
		if got := measure(
			c.ctx, []string{"--out", file, "--", "sh", "-c", c.script}, strings.NewReader(""), c.out, &stderr,
		); got != c.code || stderr.Len() > 0 {
			t.Errorf("%s: got %d, want %d: %s", c.name, got, c.code, &stderr)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var took rusage
		if err := json.Unmarshal(b, &took); err != nil || took.WallNs <= 0 || took.MaxRSS < 100<<10 ||
			took.UserNs+took.SystemNs <= 0 {
			t.Errorf("%s: got %s, %v, want some of everything", c.name, b, err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
