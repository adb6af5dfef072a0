package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/page"
	"github.com/canarylab/canarylab/reports/trace"
)

// services is how many break on a game day.
const services = 2

func newTrainGameDay(g *global) *cobra.Command {
	c := teacher{coach: coach{global: g}, learners: services}
	cmd := &cobra.Command{
		Use: "game-day [MISSION MISSION]", Short: "Break two services at once, with a page for whoever leads the day",
		Long: `Game-day breaks two services of one mesh within the same half minute, each in a namespace of its own.
Each has an operator, who has the page and the shell of a learner. The facilitator has a page with both services side by
side, with the breaks, the hints, and a button that aborts everything: it brings both services back to where they were
well. At the end there is one timeline of both.`,
		ValidArgsFunction: completeMissions,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != services {
				return usage("%s wants the names of two missions or none, got %q", cmd.CommandPath(), args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dealt, err := c.deal(cmd, args)
			if err != nil {
				return err
			}
			return c.teach(cmd, dealt, &facilitator{})
		},
	}
	c.classFlags(cmd)
	return cmd
}

// A facilitator leads a game day from a page.
type facilitator struct{ page *livePage }

// gameDayPanel and rolesPanel are the names of the boxes on the facilitator's page.
const gameDayPanel, rolesPanel = "game-day", "roles"

var gameDayHTML = template.Must(template.New("game day").Parse(`
{{define "game-day"}}<div class="services">{{range .}}
<section><h2>{{.Namespace}} <a href="{{.URL}}" target="_blank" rel="noreferrer">its own page</a></h2>
<pre data-learner="{{.Learner}}">The cluster is made ready.</pre><p class="buttons" data-learner="{{.Learner}}"></p>
<details><summary>What it is, for the facilitator alone</summary><p>{{.Mission}}: {{.Title}}</p>
<ol>{{range .Hints}}<li>{{.}}</li>{{end}}</ol></details></section>{{end}}</div>
<p class="abort"></p><p role="status" class="says"></p>
<p>Below are the requests of {{(index . 0).Namespace}}. Those of the other service are on its own page.</p>{{end}}
{{define "roles"}}<dl>
<dt>facilitator</dt><dd>has this page: knows what breaks, injects it, gives hints, and aborts when it is enough. Does
not mend.</dd>{{range .}}
<dt>operator of {{.Namespace}}</dt><dd>mends it, in canarylab shell --learner {{.Learner}}. Sees its own page, and not
this one.</dd>{{end}}
<dt>scribe</dt><dd>writes down what was seen, said and done, and when. Sees the pages of both services, and not this
one. Types nothing.</dd></dl>{{end}}
`))

const gameDayStyle = `#panel-game-day .services { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem }
#panel-game-day pre { white-space: pre-wrap; margin: 0 0 .5rem }
`

const gameDayScript = `
const says = element.querySelector(".says");
const ask = (name, arg) => page.do(name, arg).then(text => { says.textContent = text; page.say(text); });
for (const p of element.querySelectorAll(".buttons")) {
  const learner = Number(p.dataset.learner);
  p.append(page.button("Break now", () => ask("game-day-break", learner)),
    page.button("Give a hint", () => ask("game-day-hint", learner)));
}
element.querySelector(".abort").append(page.button("Abort everything", () =>
  confirm("Abort? Both services go back to where they were well, and the game day ends.")
    ? ask("game-day-abort") : Promise.resolve()));
page.data(all => {
  for (const s of all) element.querySelector('pre[data-learner="' + s.learner + '"]').textContent = s.standing;
});
`

// A gameDayService is what the facilitator's page shows of a service.
type gameDayService struct {
	Learner                        int
	Namespace, URL, Mission, Title string
	Hints                          training.Hints
}

// open serves the facilitator's page. It shows the requests of the first service.
func (f *facilitator) open(ctx context.Context, listen string, r *room) (*livePage, error) {
	var shown []gameDayService
	for i, t := range r.class.Learners {
		shown = append(shown, gameDayService{
			Learner: i + 1, Namespace: t.Options.Namespace, URL: r.pages[i].URL(), Mission: t.Mission.Name(),
			Title: t.Mission.Story.Title, Hints: t.Mission.Hints,
		})
	}
	panels := []page.Panel{
		{Name: gameDayPanel, Style: gameDayStyle, Script: gameDayScript}, {Name: rolesPanel, Title: "Roles"},
	}
	for i := range panels {
		var b bytes.Buffer
		if err := gameDayHTML.ExecuteTemplate(&b, panels[i].Name, shown); err != nil {
			return nil, fmt.Errorf("make the panel %s: %w", panels[i].Name, err)
		}
		panels[i].HTML = template.HTML(b.String()) // html/template made it
	}
	var err error
	f.page, err = newLivePage(ctx, page.Options{Listen: listen, Panels: panels, Commands: f.commands(r.class)})
	if err != nil {
		return nil, err
	}
	first := r.class.Learners[0]
	first.Tap = bothTaps{first.Tap, f.page.board}
	return f.page, nil
}

// commands are what the facilitator's buttons do.
func (f *facilitator) commands(class *training.Class) map[string]page.Command {
	return map[string]page.Command{
		"game-day-break": ofLearner(class, func(_ context.Context, t *training.Trainer) (string, error) {
			return t.Options.Namespace + " breaks as soon as it is well.", t.BreakNow()
		}),
		"game-day-hint": ofLearner(class, func(ctx context.Context, t *training.Trainer) (string, error) {
			r := t.Handle(ctx, training.Request{Do: training.DoHint})
			if r.Error != "" {
				return "", errors.New(r.Error)
			}
			return "Say to the operator of " + t.Options.Namespace + ": " + r.Text, nil
		}),
		"game-day-abort": func(ctx context.Context, _ json.RawMessage) (any, error) {
			return "Aborted: both services go back to where they were well, and the game day ends.", class.Abort(ctx)
		},
	}
}

// ofLearner is a command for one learner of a class, whose number the page sends.
func ofLearner(
	class *training.Class, do func(context.Context, *training.Trainer) (string, error),
) page.Command {
	return func(ctx context.Context, arg json.RawMessage) (any, error) {
		var k int
		if err := json.Unmarshal(arg, &k); err != nil || k < 1 || k > len(class.Learners) {
			return nil, fmt.Errorf("the button sent %.50s, which is no learner", arg)
		}
		text, err := do(ctx, class.Learners[k-1])
		if err != nil {
			return nil, errors.New(format.Printable(err.Error()))
		}
		return format.Printable(text), nil
	}
}

// follow shows on the page how both services stand, until ctx ends.
func (f *facilitator) follow(ctx context.Context, r *room) {
	type standing struct {
		Learner  int    `json:"learner"`
		Standing string `json:"standing"`
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var all []standing
		for i, t := range r.class.Learners {
			all = append(all, standing{i + 1, format.Printable(t.Standing())})
		}
		// Nobody is worse off if a browser misses a second.
		_ = f.page.Publish(gameDayPanel, all)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// bothTaps show everything to two.
type bothTaps struct{ one, other harness.Tap }

// Line implements harness.Tap.
func (b bothTaps) Line(l trace.Line) {
	b.one.Line(l)
	b.other.Line(l)
}
