package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string
	}{
		{"no command", nil, 64, "want a command, serve or clock"},
		{"help", []string{"help"}, 0, "usage"},
		{"clock without a question", []string{"clock"}, 0, ""},
		{"help of serve", []string{"serve", "-h"}, 0, "how many proxies are simulated"},
		{"unknown flag", []string{"serve", "-port=1"}, 64, "flag provided but not defined"},
		{"no host", []string{"serve", "-namespace=shop"}, 64, "no host whose routes they note"},
		{"too many", []string{"serve", "-namespace=shop", "-host=a", "-proxies=1000000"}, 64, "want 0 to 10000"},
		{
			"port taken", []string{"serve", "-namespace=shop", "-host=a", "-http=" + taken.Addr().String()}, 1,
			"address already in use",
		},
	} {
		var stderr bytes.Buffer
		got := run(c.args, strings.NewReader(""), &bytes.Buffer{}, &stderr)
		if got != c.code || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: got %d, %q, want %d, %q", c.name, got, &stderr, c.code, c.stderr)
		}
	}
}

// Each pod of an Indexed Job has proxies of its own.
func TestAPodsIndexIsANumber(t *testing.T) {
	t.Setenv("JOB_COMPLETION_INDEX", "one")
	var stderr bytes.Buffer
	if got := run([]string{"serve"}, nil, nil, &stderr); got != 64 || !strings.Contains(stderr.String(), `is "one"`) {
		t.Errorf("got %d, %q, want 64 and the value", got, &stderr)
	}
}
