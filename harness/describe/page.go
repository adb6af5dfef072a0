package describe

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/canarylab/canarylab/harness"
)

// Page writes a scenario as Markdown: a page of the documentation, to be read below docs/scenarios, from where
// its links go to the scenario's files. That of a story without Go is to be read in the story's folder.
func Page(w io.Writer, s harness.Scenario) error {
	d := Of(s)
	// In the order of their numbers.
	files, err := fs.Glob(s.Files, path.Join(s.Name, "*.yaml"))
	if err != nil {
		return fmt.Errorf("look for the manifests of %s: %w", s.Name, err)
	}
	b := &strings.Builder{}
	made, play := "make docs from scenarios/"+GoFile(d.Name), "make scenario NAME="+d.Name
	link := func(file string) string { return "../../scenarios/" + file }
	if s.Folder != "" {
		made, play, link = "canarylab scenario describe -o md from story.yaml", "canarylab scenario run .", path.Base
	}
	fmt.Fprintf(b, "<!-- Made by %s: change it there. -->\n", made)
	fmt.Fprintf(b, "# %s\n\n%s\n\n", d.Name, Wrap("", Prose(d.Title)+"."))
	fmt.Fprintf(b, "```\n%s\n```\n", play)
	if also := twin(s); also != "" {
		fmt.Fprintf(b, "\n%s\n", Wrap("", also))
	}
	section(b, "Story", Wrap("", Prose(d.Story)))
	why := Wrap("", Prose(d.Cause))
	if d.Source != "" {
		why += "\n\n" + Wrap("", "Where that is decided: "+Prose(d.Source)+".")
	}
	section(b, "Why", why)
	if len(d.See) > 0 {
		lead := Wrap("",
			"While the scenario runs, in a shell of "+code("canarylab shell")+", which means its namespace:")
		section(b, "See it yourself", lead+"\n\n"+Commands(d.See))
	}
	section(b, "Fix", Wrap("", Prose(d.Fix)))
	section(b, "Rollback", Wrap("", Prose(d.Back)))
	asks := method(d.Load) + " " + code(d.Load.URL)
	section(b, "Load", asks+", all the time:\n\n"+list(cohorts(d.Load)))
	section(b, "What is played, and what is claimed", phases(d))
	b.WriteString("\n## Files\n")
	for _, file := range files {
		text, err := fs.ReadFile(s.Files, file)
		if err != nil {
			return fmt.Errorf("read a manifest of %s: %w", s.Name, err)
		}
		name := path.Base(file)
		fmt.Fprintf(b, "\n<details>\n<summary><code>%s</code></summary>\n\n", name)
		fmt.Fprintf(b, "[%s](%s)\n\n", name, link(file))
		fmt.Fprintf(b, "%s\n</details>\n", fenced("yaml", string(text)))
	}
	if s.Folder == "" {
		b.WriteString("\n[All scenarios](../scenarios.md) · [The words used here](../words.md)\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// phases is the table of what is played.
func phases(d Description) string {
	b := &strings.Builder{}
	b.WriteString("| | phase | does | claims |\n|---|---|---|---|\n")
	for i, p := range d.Phases {
		name := cell(p.Name)
		if role := p.role(); role != "" {
			name += " (**" + role + "**)"
		}
		var does, claims []string
		if p.Does != "" {
			does = append(does, cell(code(p.Does)))
		}
		for _, fact := range p.Awaits {
			does = append(does, "waits until "+cell(Prose(fact)))
		}
		if p.Until != "" {
			does = append(does, "lasts until a decision by "+cell(Prose(p.Until)))
		}
		if p.Odds != "" {
			does = append(does, "*odds: "+cell(Prose(p.Odds))+"*")
		}
		for _, c := range p.Claims {
			claims = append(claims, cell(Prose(c)))
		}
		for _, proof := range p.Proves {
			claims = append(claims, "*"+cell(Prose(proof))+"*")
		}
		fmt.Fprintf(b, "| %d | %s | %s | %s |\n", i+1, name, strings.Join(does, "<br>"), strings.Join(claims, "<br>"))
	}
	if d.Repeated > 0 {
		fmt.Fprintf(b, "\n… %s.\n", repeated(d.Repeated))
	}
	if slices.ContainsFunc(d.Phases, func(p Phase) bool { return len(p.Proves) > 0 }) {
		b.WriteString("\nIn italics is what is looked at beside the answers: proxies, pods, and Istio's own " +
			"analysis.\n")
	}
	return b.String()
}

func section(b *strings.Builder, name, text string) {
	if text = strings.TrimSpace(text); text != "" {
		fmt.Fprintf(b, "\n## %s\n\n%s\n", name, text)
	}
}

func list(items []string) string {
	b := &strings.Builder{}
	for _, item := range items {
		fmt.Fprintln(b, Wrap("- ", Prose(item)))
	}
	return b.String()
}

// command is one that people type, before what it shows.
var command = regexp.MustCompile(`^((?:kubectl|istioctl|curl) (?:[^:'"]|:[^ ]|'[^']*'|"[^"]*")*): (.*)$`)

// Commands is a list whose items begin with a command, most of them.
func Commands(items []string) string {
	b := &strings.Builder{}
	for _, item := range items {
		text := Prose(item)
		if m := command.FindStringSubmatch(item); m != nil {
			text = code(m[1]) + ": " + Prose(m[2])
		}
		fmt.Fprintln(b, Wrap("- ", text))
	}
	return b.String()
}

// markup are the characters that Markdown and HTML would take for their own in the middle of a text.
var markup = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">",
	"&gt;", "&", "&amp;")

// Prose is plain text in Markdown.
func Prose(text string) string { return markup.Replace(strings.Join(strings.Fields(text), " ")) }

// cell is Markdown in a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// code is a text in the middle of a line, as it is typed.
func code(text string) string {
	fence := "`"
	if !strings.Contains(text, fence) {
		return fence + text + fence
	}
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + " " + text + " " + fence
}

// fenced is a file's text.
func fenced(language, text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + language + "\n" + strings.TrimRight(text, "\n") + "\n" + fence + "\n"
}
