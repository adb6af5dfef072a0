package loadgen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"golang.org/x/net/http/httpguts"

	"github.com/canarylab/canarylab/sampleapp"
)

// A Note is something of each answer that a cohort's samples keep.
type Note struct {
	Of NoteOf `json:"of"`
	// Name is that of a header, in lower case.
	Name string `json:"name,omitempty"`
	// Over is the time of SlowerThan.
	Over time.Duration `json:"overNs,omitempty"`
}

// A NoteOf says what a note is of.
type NoteOf string

// What notes are of.
const (
	// SeenPath and SeenHost are what the app got: the path with the query, and the host. SeenHeader is a header that it
	// got, empty where it got none.
	SeenPath   NoteOf = "seen-path"
	SeenHost   NoteOf = "seen-host"
	SeenHeader NoteOf = "seen-header"
	// GotHeader is a header of the answer, empty where that has none.
	GotHeader NoteOf = "got-header"
	// SlowerThan is "yes" for an answer that took the time of Over or more from when it was sent, and "no" otherwise.
	SlowerThan NoteOf = "slower-than"
)

// MaxNotes bounds a cohort's notes: a route changes a few headers.
const MaxNotes = 16

// Key is what a sample keeps the note under: "the path that the app sees".
func (n Note) Key() string {
	switch n.Of {
	case SeenPath:
		return "the path that the app sees"
	case SeenHost:
		return "the host that the app sees"
	case SeenHeader:
		return "header " + n.Name + " that the app sees"
	case GotHeader:
		return "header " + n.Name + " of the answer"
	default:
		return "an answer after " + n.Over.String() + " or more"
	}
}

func (n Note) validate() error {
	switch n.Of {
	case SeenPath, SeenHost:
	case SeenHeader, GotHeader:
		if !httpguts.ValidHeaderFieldName(n.Name) || n.Name != strings.ToLower(n.Name) {
			return fmt.Errorf("%q is not a header name in lower case", n.Name)
		}
	case SlowerThan:
		if n.Over <= 0 || n.Over > MaxTimeout {
			return fmt.Errorf("%s is not more than 0 and up to %s", n.Over, MaxTimeout)
		}
	default:
		return fmt.Errorf("%q is nothing to note", n.Of)
	}
	return nil
}

// echo returns the headers that the cohort asks the app to name, and whether it asks the app for anything.
func (c Cohort) echo() (names string, ok bool) {
	var all []string
	for _, n := range c.Notes {
		switch n.Of {
		case SeenHeader:
			all = append(all, n.Name)
			ok = true
		case SeenPath, SeenHost:
			ok = true
		}
	}
	return strings.Join(all, ","), ok
}

// note returns what a cohort's notes keep of an answer, by their keys. What the app sees is left out where no app
// answered, and so are headers of an answer, but for a redirect: what a proxy makes up has none of the route's.
func (c Cohort) note(res *vegeta.Result) map[string]string {
	if len(c.Notes) == 0 || res.Code == 0 {
		return nil
	}
	var seen sampleapp.Echo
	answered := res.Headers.Get(sampleapp.VersionHeader) != ""
	app := answered && json.Unmarshal(res.Body, &seen) == nil
	all := map[string]string{}
	for _, n := range c.Notes {
		key := n.Key()
		switch n.Of {
		case GotHeader:
			if answered || res.Code >= 300 && res.Code < 400 {
				all[key] = clip(strings.Join(http.Header(res.Headers).Values(n.Name), ","))
			}
		case SlowerThan:
			all[key] = "no"
			if res.Latency >= n.Over {
				all[key] = "yes"
			}
		case SeenPath:
			if app {
				all[key] = clip(seen.Path)
			}
		case SeenHost:
			if app {
				all[key] = clip(seen.Host)
			}
		case SeenHeader:
			if app {
				all[key] = clip(seen.Header[n.Name])
			}
		}
	}
	return all
}
