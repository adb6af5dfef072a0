package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/harness/lab"
	"github.com/canarylab/canarylab/harness/training"
	"github.com/canarylab/canarylab/reports"
	"github.com/canarylab/canarylab/reports/terminal"
	"github.com/canarylab/canarylab/scenarios/course"
)

func newCourse() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use: "course [PATH]", Short: "Paths through the scenarios and missions, with what was done of them",
		Long: `Course lists the paths, and of one path its stops: a story to see or a mission to mend, what is learned
there, and what to type. A stop is done once canarylab scenario run passed, canarylab demo came to its end, or
canarylab train was mended. That is kept on this machine alone.`,
		ValidArgsFunction: completePaths, Args: onePathOrNone,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := doneOfCourse()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return o.print(cmd.OutOrStdout(), viewsOf(p, course.All()), func(w io.Writer) error {
					return printPaths(w, p)
				})
			}
			path, err := pathOf(args)
			if err != nil {
				return err
			}
			return o.print(cmd.OutOrStdout(), viewsOf(p, path)[0], func(w io.Writer) error {
				return printPath(w, p, path[0])
			})
		},
	}
	o.add(cmd)
	cmd.AddCommand(newCourseNext(), newCourseReset(), newCourseCertificate(), newCourseCheck(), newCourseExport())
	return cmd
}

// onePathOrNone wants the name of a path or nothing.
func onePathOrNone(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage("%s wants the name of one path or none, got %q", cmd.CommandPath(), args)
	}
	return nil
}

// onePath wants the name of a path.
func onePath(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usage("%s wants the name of one path, got %q; canarylab course lists them", cmd.CommandPath(), args)
	}
	return nil
}

// pathOf is the path that was named, or all.
func pathOf(args []string) ([]course.Path, error) {
	if len(args) == 0 {
		return course.All(), nil
	}
	path, err := course.Find(args[0])
	if err != nil {
		return nil, usage("%w", err)
	}
	return []course.Path{path}, nil
}

func completePaths(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, p := range course.All() {
		names = append(names, cobra.CompletionWithDesc(p.Name, p.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// progressDir is where the progress of the course is kept.
func progressDir() (string, error) {
	home, err := lab.Home()
	return filepath.Join(home, "course"), err
}

// doneOfCourse is what was done on this machine.
func doneOfCourse() (p course.Progress, err error) {
	dir, err := progressDir()
	if err != nil {
		return p, err
	}
	return course.Load(dir)
}

// advance keeps that a stop of the course was done in some runs. A run is none the worse if that can't be kept.
func advance(kind course.Kind, story string, verdict course.Verdict, runs ...course.Run) {
	if !course.Has(course.Stop{Kind: kind, Story: story}) {
		return
	}
	dir, err := progressDir()
	if err == nil {
		err = course.Keep(dir, course.Done{
			Kind: kind, Story: story, Verdict: verdict, At: time.Now().UTC(), Runs: runs,
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "canarylab: the course does not know of this run:", err)
	}
}

// advanceMission keeps that a mission was mended, if it was.
func advanceMission(result training.Result, r *reports.Report, runDir string) {
	if result.Mended {
		advance(course.Mend, result.Mission, course.Mended, course.Run{ID: r.Run, Dir: runDir})
	}
}

// advanceGameDay keeps that a game day came to its end: that both missions were mended.
func advanceGameDay(seats []training.Seat) {
	var runs []course.Run
	for _, s := range seats {
		if !s.Explanation.Standing.Result.Mended || s.Report == nil {
			return
		}
		runs = append(runs, course.Run{ID: s.Report.Run, Dir: s.Dir})
	}
	advance(course.Mend, course.GameDay, course.Mended, runs...)
}

// advance keeps that a story was seen: that it passed, or, where somebody led the run, that it came to its end. A story
// from a folder is none of the course's, whatever its name, and neither is one by another API, which the course's
// questions are not about.
func (p player) advance(run *reports.Run) {
	switch r := run.Report; {
	case r.Setup.FromFolder, r.Setup.API != "":
	case p.pace != nil && r.Broken == "":
		advance(course.See, r.Scenario, course.Presented, course.Run{ID: r.Run, Dir: run.Dir})
	case p.pace == nil && r.Outcome == reports.Pass:
		advance(course.See, r.Scenario, course.Passed, course.Run{ID: r.Run, Dir: run.Dir})
	}
}

// A pathView is a path as JSON.
type pathView struct {
	Name  string     `json:"name"`
	Title string     `json:"title"`
	About string     `json:"about"`
	Done  int        `json:"done"`
	Next  string     `json:"next,omitempty"`
	Stops []stopView `json:"stops"`
}

// A stopView is a stop as JSON.
type stopView struct {
	Kind    course.Kind  `json:"kind"`
	Story   string       `json:"story"`
	Title   string       `json:"title"`
	Learned string       `json:"learned"`
	Takes   string       `json:"takes,omitempty"`
	Command string       `json:"command"`
	Done    *course.Done `json:"done,omitempty"`
}

func viewsOf(p course.Progress, paths []course.Path) []pathView {
	var all []pathView
	for _, path := range paths {
		v := pathView{Name: path.Name, Title: path.Title, About: path.About, Done: p.Count(path)}
		if next, left := p.Next(path); left {
			v.Next = next.Command()
		}
		for _, s := range path.Stops {
			stop := stopView{
				Kind: s.Kind, Story: s.Story, Title: s.Title(), Learned: s.Learned, Takes: s.Takes(),
				Command: s.Command(),
			}
			if d, ok := p.Of(s); ok {
				stop.Done = &d
			}
			v.Stops = append(v.Stops, stop)
		}
		all = append(all, v)
	}
	return all
}

// printPaths prints the list of paths for people.
func printPaths(w io.Writer, p course.Progress) error {
	var rows [][]string
	for _, path := range course.All() {
		done := fmt.Sprintf("%d of %d done", p.Count(path), len(path.Stops))
		rows = append(rows, []string{path.Name, done, path.Title})
	}
	if err := printTable(w, rows...); err != nil {
		return err
	}
	return printNext(w, p, course.All()...)
}

// printNext prints what comes next on some paths.
func printNext(w io.Writer, p course.Progress, paths ...course.Path) error {
	text := "canarylab course certificate " + paths[0].Name
	if next, left := p.Next(paths...); left {
		text = next.Command()
	} else if len(paths) > 1 {
		text = "canarylab course certificate PATH"
	}
	_, err := fmt.Fprintf(w, "\nnext: %s\n", text)
	return err
}

// printPath prints the stops of a path for people.
func printPath(w io.Writer, p course.Progress, path course.Path) error {
	width := min(cmp.Or(textOptions().Width, 100), 100)
	fmt.Fprintf(w, "%s: %s\n", path.Name, path.Title)
	for _, line := range terminal.Wrap(path.About, width) {
		fmt.Fprintln(w, line)
	}
	for i, s := range path.Stops {
		state := s.Takes()
		if d, ok := p.Of(s); ok {
			state = fmt.Sprintf("%s %s, run %s", d.Verdict, d.At.UTC().Format("2006-01-02 15:04:05 UTC"), d.Runs[0].ID)
		}
		fmt.Fprintf(w, "\n%d  %-4s  %-34s %s\n", i+1, s.Kind, s.Story, state)
		for _, line := range terminal.Wrap(s.Learned, width-3) {
			fmt.Fprintf(w, "   %s\n", line)
		}
	}
	return printNext(w, p, path)
}

func newCourseNext() *cobra.Command {
	return &cobra.Command{
		Use: "next [PATH]", Short: "Print the next command of the course, or of a path", Args: onePathOrNone,
		ValidArgsFunction: completePaths,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := pathOf(args)
			if err != nil {
				return err
			}
			p, err := doneOfCourse()
			if err != nil {
				return err
			}
			next, left := p.Next(paths...)
			if !left {
				fmt.Fprintln(cmd.ErrOrStderr(), "All is done: canarylab course certificate PATH certifies a path")
				return nil
			}
			return printLine(cmd, next.Command(), nil)
		},
	}
}

func newCourseReset() *cobra.Command {
	return &cobra.Command{
		Use: "reset [PATH]", Short: "Forget what was done of the course, or of a path; the runs stay",
		Args: onePathOrNone, ValidArgsFunction: completePaths,
		RunE: func(_ *cobra.Command, args []string) error {
			paths, err := pathOf(args)
			if err != nil {
				return err
			}
			dir, err := progressDir()
			if err != nil {
				return err
			}
			return course.Reset(dir, paths...)
		},
	}
}
