package harness

import (
	"strings"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
)

// The mesh in memory, for tests of packages that use the engine.
type FakeMesh = fakeMesh

// NewFakeMesh returns a mesh in memory.
func NewFakeMesh() *FakeMesh { return newFakeMesh() }

// Env are the mesh's ports.
func (f *fakeMesh) Env() environment.Environment { return f.env() }

// LoseLoad has the load agent of every run die after some time, 0 for never.
func (f *fakeMesh) LoseLoad(after time.Duration) { f.dies = after }

// FakeStory is a scenario on the mesh, under another name.
func FakeStory(name string) Scenario {
	s := story()
	files := fstest.MapFS{}
	for file, content := range s.Files.(fstest.MapFS) {
		text := strings.ReplaceAll(string(content.Data), "story", name)
		files[strings.Replace(file, "story", name, 1)] = &fstest.MapFile{Data: []byte(text)}
	}
	s.Name, s.Files = name, files
	return s
}

// FakeRoute is a route of the mesh, in a namespace.
func FakeRoute(ns, route string) string { return strings.ReplaceAll(testRoute(route), "story", ns) }
