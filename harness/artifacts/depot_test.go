package artifacts

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// aDepot has one file for each build.
type aDepot struct {
	mu    sync.Mutex
	asked []ID
	err   error
}

func (d *aDepot) String() string { return "a depot" }

func (d *aDepot) Fetch(_ context.Context, id ID, dir string, _ func(string)) error {
	d.mu.Lock()
	d.asked = append(d.asked, id)
	d.mu.Unlock()
	if err := os.WriteFile(filepath.Join(dir, "fetched"), nil, 0o644); err != nil {
		return err
	}
	return d.err
}

// without is newTestStore on a machine that has no compiler.
func without(t *testing.T) *Store {
	t.Helper()
	s := newTestStore(t)
	s.goVersion = func(context.Context) (string, error) { return "", os.ErrNotExist }
	return s
}

func TestGetAsksTheDepotBeforeItBuilds(t *testing.T) {
	made := 0
	d := &aDepot{}
	s := without(t)
	s.Depot = d
	r := counting(&made)
	for range 2 {
		dir, err := s.Get(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "fetched")); err != nil || made > 0 {
			t.Errorf("got %v and %d builds, want what the depot has", err, made)
		}
	}
	if len(d.asked) != 1 {
		t.Errorf("the depot was asked for %v, want one build, once", d.asked)
	}
}

// said is a Progress that keeps what it was told.
type said struct{ steps []string }

func (s *said) Step(name string) func(error) {
	s.steps = append(s.steps, name)
	return func(error) {}
}

func TestADepotThatFailsIsNoReasonNotToBuild(t *testing.T) {
	for _, broken := range []error{ErrAbsent, errors.New("lies\x1b[2J, and\nlies")} {
		made := 0
		s := newTestStore(t)
		d, told := &aDepot{err: broken}, &said{}
		s.Depot, s.Progress = d, told
		r := counting(&made)
		// First without tools, then with them, as a lab is opened: the depot is asked once.
		if _, err := s.Get(WithoutTools(t.Context()), r); !errors.Is(err, ErrNotBuilt) {
			t.Errorf("got %v without tools, want ErrNotBuilt", err)
		}
		dir, err := s.Get(t.Context(), r)
		if err != nil || made != 1 || len(d.asked) != 1 {
			t.Fatalf("got %d builds (%v) and %d calls of the depot, want 1 of each", made, err, len(d.asked))
		}
		if _, err := os.Stat(filepath.Join(dir, "fetched")); err == nil {
			t.Error("what the depot failed over is in the build")
		}
		left, err := os.ReadDir(filepath.Join(s.Dir, "thing"))
		if err != nil || len(left) != 1 {
			t.Errorf("got %v (%v), want the build alone", left, err)
		}
		if len(told.steps) < 2 || told.steps[1] != "get thing from a depot: "+map[bool]string{
			true: ErrAbsent.Error(), false: `lies\x1b[2J, and lies`,
		}[errors.Is(broken, ErrAbsent)] {
			t.Errorf("got %q, want a word why it is built", told.steps)
		}
	}
}

func TestWithoutTools(t *testing.T) {
	made := 0
	s := newTestStore(t)
	r := counting(&made)
	if _, err := s.Get(WithoutTools(t.Context()), r); !errors.Is(err, ErrNotBuilt) || made > 0 {
		t.Errorf("got %v and %d builds, want ErrNotBuilt and none", err, made)
	}
	r.Packs = true
	if _, err := s.Get(WithoutTools(t.Context()), r); err != nil || made != 1 {
		t.Errorf("got %v and %d builds of what takes no tool, want one", err, made)
	}
}

func TestTwoThatWantTheSameFetchItOnce(t *testing.T) {
	s, d := without(t), &aDepot{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			made := 0
			other := New(s.Dir, s.Source, nil) // as another process has one
			other.goVersion = s.goVersion
			if _, _, err := other.Bring(t.Context(), d, counting(&made)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(d.asked) != 1 {
		t.Errorf("got %d downloads, want 1", len(d.asked))
	}
}

// killedIn is the variable that makes a test's process one that is killed while it fetches into that cache.
const killedIn = "CANARYLAB_TEST_KILLED_IN"

// half is a depot that stands still in the middle.
type half struct{ aDepot }

func (*half) Fetch(_ context.Context, _ ID, dir string, _ func(string)) error {
	if err := os.WriteFile(filepath.Join(dir, "half"), nil, 0o644); err != nil {
		return err
	}
	_, err := os.Stdout.WriteString("now\n")
	if err != nil {
		return err
	}
	select {}
}

func TestAKilledFetchLeavesNothingUnderTheKey(t *testing.T) {
	made := 0
	r := Recipe{Name: "thing", Make: counting(&made).Make}
	if dir := os.Getenv(killedIn); dir != "" {
		_, _, err := New(dir, "", nil).Bring(t.Context(), &half{}, r)
		t.Fatal("it went on: ", err)
	}
	s := New(t.TempDir(), "", nil)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killedIn+"="+s.Dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if dir, err := s.Find(t.Context(), r); !errors.Is(err, ErrNotBuilt) {
		t.Errorf("got %s (%v), want ErrNotBuilt", dir, err)
	}
	if _, fetched, err := s.Bring(t.Context(), &aDepot{}, r); err != nil || !fetched {
		t.Errorf("got %t, %v from the next one, want that it fetches", fetched, err)
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "thing"))
	if err != nil || len(left) != 1 {
		t.Errorf("got %v (%v), want no half result", left, err)
	}
}
