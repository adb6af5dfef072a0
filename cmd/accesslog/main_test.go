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
		{"help", []string{"-h"}, 0, "address for proxies"},
		{"unknown flag", []string{"-port=1"}, 64, "flag provided but not defined"},
		{"argument", []string{"now"}, 64, ""},
		{
			"port of proxies taken", []string{"-grpc=" + taken.Addr().String(), "-http=127.0.0.1:0"}, 1,
			"address already in use",
		},
		{
			"port of readers taken", []string{"-grpc=127.0.0.1:0", "-http=" + taken.Addr().String()}, 1,
			"address already in use",
		},
	} {
		var stderr bytes.Buffer
		if got := run(c.args, &stderr); got != c.code || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: got %d, %q, want %d, %q", c.name, got, &stderr, c.code, c.stderr)
		}
	}
}
