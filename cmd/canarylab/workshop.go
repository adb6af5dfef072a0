package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/canarylab/canarylab/scenarios/course"
	"github.com/canarylab/canarylab/scenarios/course/workshop"
)

func newCourseExport() *cobra.Command {
	var layout, to string
	cmd := &cobra.Command{
		Use: "export PATH", Short: "Write what a trainer takes to a workshop: notes as Markdown, or slides",
		Long: `Export writes a path for a workshop. As markdown: for each stop what it shows, what to say and to do,
what there is to be seen, a question with its answer, and what is learned. As slides: one HTML file that needs no
network; arrows, Home and End lead through it, and it prints one slide a page.`,
		Args: onePath, ValidArgsFunction: completePaths,
		RunE: func(cmd *cobra.Command, args []string) error {
			paths, err := pathOf(args)
			if err != nil {
				return err
			}
			write := map[string]func(io.Writer, course.Path) error{
				"markdown": workshop.Markdown, "slides": workshop.Slides,
			}[layout]
			if write == nil {
				return usage("--format %q is neither markdown nor slides", layout)
			}
			return written(cmd, layout, to, func(w io.Writer) error { return write(w, paths[0]) })
		},
	}
	cmd.Flags().StringVar(&layout, "format", "markdown", "markdown or slides")
	cmd.Flags().StringVar(&to, "to", "", "file to write to, in place of stdout")
	return cmd
}
