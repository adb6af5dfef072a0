package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
)

// A Panel is a box beside the river that whoever serves the page adds to it: buttons, a list of steps, a clock.
//
// What it shows at first is HTML, which is there without a script too. What it shows later comes from the server, by
// Server.Publish with the panel's name, and is drawn by Script. What its buttons do are Commands of the Server.
type Panel struct {
	// Name is in kebab case, such as "replay". It is the key of what Publish sends to the panel, and the panel's
	// element in the page is #panel-NAME.
	Name string
	// Title is the panel's heading. A panel without one is a bar above the numbers, as wide as the page.
	Title string
	// HTML is the panel's first content. It is this program's own: texts from outside must have gone through
	// html/template. The page's policy forbids style attributes and handlers in it.
	HTML template.HTML
	// Style is CSS for the panel, and Script the body of a function that is called once, with two arguments:
	//
	//	element  the panel's element, which has HTML in it
	//	page     what the page offers:
	//	           page.do(name, arg)            runs a Command; a promise of its result, rejected with its error
	//	           page.data(function (value))   is called with each value that was published for this panel, at
	//	                                         first with the newest one, once there is any
	//	           page.face(function (face))    is called with each new Face, as face.go has it
	//	           page.key(key, does, function) binds a key (KeyboardEvent.key), and lists it in the help (?)
	//	           page.say(text)                says something to those who look and to those who listen
	//	           page.button(label, function)  makes a button that is off while the promise of its function is
	//	                                         open, and says how that failed
	//
	// A button in HTML with data-do="NAME" runs the Command NAME without any script of the panel, with the JSON in
	// data-arg as its argument, if there is one. data-key="n" gives such a button a key.
	Style, Script string
}

// A Command is what a button does: it is called with the JSON that the page sent, null where it sent nothing, and its
// result goes back to the page as JSON. Its error is shown to people as it is. ctx ends with the Server and after a
// minute: what takes longer is to be begun by the Command, and told by Publish. Several browsers can run commands at
// the same time.
type Command func(ctx context.Context, arg json.RawMessage) (any, error)

// kebab is the form of the names of panels and commands: they are parts of addresses and of the page's ids.
var kebab = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// check refuses what would make a page that does not work.
func (o *Options) check() error {
	if o.Board == nil {
		return errors.New("serve a page: it has no board")
	}
	seen := map[string]bool{}
	for _, p := range o.Panels {
		if !kebab.MatchString(p.Name) || seen[p.Name] {
			return fmt.Errorf("serve a page: %q is no name for a panel: it wants a name of its own in kebab case",
				p.Name)
		}
		seen[p.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(o.Commands)) {
		if !kebab.MatchString(name) || o.Commands[name] == nil {
			return fmt.Errorf("serve a page: %q is no command: it wants a name in kebab case, and a function", name)
		}
	}
	return nil
}
