package replay

import (
	"bytes"
	"context"
	_ "embed" // the panel's parts
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"time"

	"github.com/canarylab/canarylab/reports/format"
	"github.com/canarylab/canarylab/reports/page"
)

var (
	//go:embed panel.tmpl
	panelTemplate string
	//go:embed panel.css
	panelStyle string
	//go:embed panel.js
	panelScript string
)

var parsed = template.Must(template.New("panel").Parse(panelTemplate))

// PanelName is the name of the bar that tells a replay from what happens now.
const PanelName = "replay"

// Panel is the bar above the page: that this is a replay, when it was recorded, and the buttons to move in it.
func (p *Player) Panel() (page.Panel, error) {
	var b bytes.Buffer
	if err := parsed.Execute(&b, map[string]string{
		"Recorded": p.first.UTC().Format("2 January 2006, 15:04:05 UTC"), "Run": format.Printable(p.report.Run),
	}); err != nil {
		return page.Panel{}, fmt.Errorf("draw the bar of a replay: %w", err)
	}
	return page.Panel{
		Name: PanelName, HTML: template.HTML(b.String()), // #nosec G203 -- html/template made it
		Style: panelStyle, Script: panelScript,
	}, nil
}

// Commands are what the bar's buttons do.
func (p *Player) Commands() map[string]page.Command {
	return map[string]page.Command{
		"replay-pause": p.onPause, "replay-jump": p.onJump, "replay-speed": p.onSpeed,
	}
}

// Status is what the bar shows, for page.Server.Publish.
type Status struct {
	AtMS     int64     `json:"atMs"`
	LengthMS int64     `json:"lengthMs"`
	Speed    float64   `json:"speed"`
	Paused   bool      `json:"paused"`
	Seeking  bool      `json:"seeking"`
	Over     bool      `json:"over"`
	Chapters []chapter `json:"chapters"`
}

// statusEvery is how often the bar is told where the replay is.
const statusEvery = 200 * time.Millisecond

// Report publishes where the replay is until ctx ends.
func (p *Player) Report(ctx context.Context, publish func(panel string, value any) error) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	var before string
	for {
		b, err := json.Marshal(p.Status())
		if err == nil && string(b) != before {
			before = string(b)
			err = publish(PanelName, json.RawMessage(b))
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Status is where the replay is.
func (p *Player) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, _ := p.time()
	length := p.last.Sub(p.first)
	return Status{
		AtMS: min(max(now.Sub(p.first), 0), length).Milliseconds(), LengthMS: length.Milliseconds(), Speed: p.speed,
		Paused: p.paused, Seeking: !p.target.IsZero(), Over: p.over, Chapters: p.chapters,
	}
}

// onPause holds the time, or lets it go on: {"paused": true}. Without an argument it does the one or the other. A
// replay that is over begins anew.
func (p *Player) onPause(_ context.Context, arg json.RawMessage) (any, error) {
	var want struct {
		Paused *bool `json:"paused"`
	}
	if err := json.Unmarshal(arg, &want); err != nil {
		return nil, fmt.Errorf("pause the replay: %w", err)
	}
	if p.Status().Over {
		p.change(func() { p.paused = false })
		p.jump(p.first)
		return p.Status(), nil
	}
	p.change(func() {
		p.paused = !p.paused
		if want.Paused != nil {
			p.paused = *want.Paused
		}
	})
	return p.Status(), nil
}

// onJump jumps to a phase, {"phase": 2}, or to a moment of the load, {"atMs": 1500}.
func (p *Player) onJump(_ context.Context, arg json.RawMessage) (any, error) {
	var want struct {
		Phase int    `json:"phase"`
		AtMS  *int64 `json:"atMs"`
	}
	if err := json.Unmarshal(arg, &want); err != nil {
		return nil, fmt.Errorf("jump in the replay: %w", err)
	}
	if want.AtMS != nil {
		length := p.last.Sub(p.first).Milliseconds()
		if *want.AtMS < 0 || *want.AtMS > length {
			return nil, fmt.Errorf("jump in the replay: %d ms are not 0 to %d", *want.AtMS, length)
		}
		p.jump(p.first.Add(time.Duration(*want.AtMS) * time.Millisecond))
		return p.Status(), nil
	}
	for _, c := range p.chapters {
		if c.Number == want.Phase {
			p.jump(c.at)
			return p.Status(), nil
		}
	}
	return nil, errors.New("jump in the replay: that phase never began")
}

// onSpeed sets the speed: {"speed": 2}.
func (p *Player) onSpeed(_ context.Context, arg json.RawMessage) (any, error) {
	var want struct {
		Speed float64 `json:"speed"`
	}
	if err := json.Unmarshal(arg, &want); err != nil {
		return nil, fmt.Errorf("set the replay's speed: %w", err)
	}
	if err := CheckSpeed(want.Speed); err != nil {
		return nil, err
	}
	p.change(func() { p.speed = want.Speed })
	return p.Status(), nil
}
