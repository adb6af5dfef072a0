package harness

import (
	"strings"
	"testing/fstest"
	"time"

	"github.com/canarylab/canarylab/harness/environment"
	"github.com/canarylab/canarylab/reports/trace"
)

// The mesh in memory, for tests of packages that use the engine.
type FakeMesh = fakeMesh

// NewFakeMesh returns a mesh in memory.
func NewFakeMesh() *FakeMesh { return newFakeMesh() }

// Env are the mesh's ports.
func (f *fakeMesh) Env() environment.Environment { return f.env() }

// LoseLoad has the load agent of every run die after some time, 0 for never.
func (f *fakeMesh) LoseLoad(after time.Duration) { f.dies = after }

// StickAwait has the proxies never be synced with a change, counted from 1, the deployment's first.
func (f *fakeMesh) StickAwait(n int) { f.stuckAwait = n }

// TakePod has a pod be told to end, and end.
func (f *fakeMesh) TakePod(name string) {
	pod := trace.Pod{Name: name, Role: trace.AppRole, IP: "10.0.0.9"}
	f.podEvents <- environment.PodEvent{Pod: pod}
	f.podEvents <- environment.PodEvent{Pod: pod, Leaving: true}
	f.podEvents <- environment.PodEvent{Pod: pod, Leaving: true, Gone: true}
}

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
