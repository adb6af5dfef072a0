// Package page shows a run while it is played, or played again, in browsers on this machine.
//
// A Board counts what is recorded: it is shown each line of the trace, of a run (harness.Options.Tap) or of a recorded
// one (reports/replay), and its counts are those that the report makes of the same lines. A Server shows a Board, and
// nothing else asks the mesh anything: no browser sends a request to it. Whoever wants more on the page adds Panels,
// Commands and data to the Server:
//
//	board := page.NewBoard(judge.Unseen)
//	server, err := page.Serve(ctx, page.Options{
//		Board: board,
//		Panels: []page.Panel{{
//			Name: "demo", Title: "Steps", HTML: `<button data-do="next" data-key="n">Next</button>`,
//		}},
//		Commands: map[string]page.Command{"next": next},
//	})
//	fmt.Println(server.URL())
//	report, err := harness.Run(ctx, env, scenario, harness.Options{Tap: board})
//	server.Publish("demo", steps) // at any time: page.data of the panel's script gets it
//	board.Conclude(report)
package page
