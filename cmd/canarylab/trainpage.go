package main

import (
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"time"

	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/page"
)

// missionPanel is the name of the box with the mission on the live page.
const missionPanel = "mission"

// missionScript shows how the mission stands, and what the trainer answers.
const missionScript = `
const [standing, answer] = element.querySelectorAll("pre");
page.data(text => { standing.textContent = text; });
const ask = name => page.do(name).then(text => { answer.textContent = text; page.say(text); });
for (const [name, label] of [["train-hint", "Hint"], ["train-explain", "Explain"], ["train-reset", "Reset"]])
  element.append(page.button(label, () => ask(name)));
`

// missionStyle keeps the lines of the mission within its box.
const missionStyle = "#panel-mission pre { white-space: pre-wrap; margin: 0 0 .5rem }"

// newMissionPage serves the page of a mission that is to come.
func newMissionPage(ctx context.Context, listen, title string, t *training.Trainer) (*livePage, error) {
	commands := map[string]page.Command{}
	for _, do := range []string{training.DoHint, training.DoExplain, training.DoReset} {
		commands["train-"+do] = func(ctx context.Context, _ json.RawMessage) (any, error) {
			r := t.Handle(ctx, training.Request{Do: do})
			if r.Error != "" {
				return nil, errors.New(format.Printable(r.Error))
			}
			return format.Printable(r.Text), nil
		}
	}
	return newLivePage(ctx, page.Options{
		Listen: listen, Commands: commands,
		Panels: []page.Panel{{
			Name: missionPanel, Title: title, HTML: template.HTML("<pre></pre><pre></pre>"), Style: missionStyle,
			Script: missionScript,
		}},
	})
}

// follow shows on the page how the mission stands, until ctx ends.
func (p *livePage) follow(ctx context.Context, t *training.Trainer) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		// Nobody is worse off if a browser misses a second.
		_ = p.Publish(missionPanel, format.Printable(t.Standing()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
