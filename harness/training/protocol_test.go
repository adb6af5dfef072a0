package training

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// echo answers with what it was asked.
type echo struct{}

func (echo) Handle(_ context.Context, r Request) Reply {
	if r.Do == "fail" {
		return Reply{Error: "it failed"}
	}
	return Reply{Text: r.Do + " " + r.Hop}
}

func TestConverse(t *testing.T) {
	in := `{"id":"1","do":"status"}` + "\n\n" + `{"do":"diagnose","hop":"app"}` + "\n{\"nonsense\":1}\nnone\n"
	var out bytes.Buffer
	if err := Converse(t.Context(), echo{}, strings.NewReader(in), NewLines(&out)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || lines[0] != `{"id":"1","text":"status "}` || lines[1] != `{"text":"diagnose app"}` ||
		!strings.Contains(lines[2], "nonsense") || !strings.Contains(lines[3], "is no request") {
		t.Errorf("got %q, want a reply to each line", lines)
	}
	endless := strings.NewReader(strings.Repeat("x", maxRequest+1))
	if err := Converse(t.Context(), echo{}, endless, NewLines(&out)); err == nil {
		t.Error("got no error for a line without an end")
	}
}

// served is a socket that answers until the test ends.
func served(t *testing.T, path string) {
	t.Helper()
	s, err := Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { s.Serve(ctx, echo{}) })
	t.Cleanup(func() {
		cancel()
		serving.Wait()
	})
}

// Two terminals talk by a socket that only its user may use; a second trainer is refused.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "train", "lab.sock")
	if _, err := Ask(t.Context(), path, Request{Do: DoStatus}); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want that there is no mission", err)
	}
	served(t, path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a socket for its user alone", info.Mode(), err)
	}
	if r, err := Ask(t.Context(), path, Request{Do: DoStatus}); err != nil || r.Text != "status " {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := Ask(t.Context(), path, Request{Do: "fail"}); err == nil || err.Error() != "it failed" {
		t.Errorf("got %v, want what the trainer says", err)
	}
	if _, err := Listen(t.Context(), path); !errors.Is(err, ErrUnderWay) {
		t.Errorf("got %v, want that a mission is under way", err)
	}
	// Closing takes the file away; a trainer that was killed leaves it.
	left := filepath.Join(t.TempDir(), "left.sock")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), left, Request{Do: DoStatus}); !errors.Is(err, ErrNone) {
		t.Errorf("got %v, want that there is no mission", err)
	}
	served(t, left)
	if _, err := Listen(t.Context(), strings.Repeat("x", 200)); err == nil || !strings.Contains(err.Error(), "HOME") {
		t.Errorf("got %v, want what to do about a long path", err)
	}
}
