// Command picture holds, on a machine without Go, that a cluster leaves nothing: `picture take FILE HOME` keeps what
// there is on the host, and `picture compare FILE HOME` prints what is not as it was, and ends with 1 where anything
// is. HOME is canarylab's.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/canarylab/canarylab/harness/cluster/footprint"
	"github.com/canarylab/canarylab/harness/patience"
)

// settles is how long the kernel may take to end what its owner has let go of.
var settles = patience.Of(10 * time.Second)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: picture take|compare FILE HOME")
		os.Exit(64)
	}
	changed, err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
	}
	if err != nil || changed {
		os.Exit(1)
	}
}

func run(ctx context.Context, what, file, home string) (changed bool, err error) {
	of := footprint.Of{Home: home}
	switch what {
	case "take":
		p, err := footprint.Take(ctx, of)
		if err != nil {
			return false, err
		}
		raw, err := json.Marshal(p)
		if err != nil {
			return false, err
		}
		return false, os.WriteFile(file, raw, 0o600)
	case "compare":
		return compare(ctx, of, file)
	}
	return false, fmt.Errorf("no command %q: there are take and compare", what)
}

func compare(ctx context.Context, of footprint.Of, file string) (bool, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return false, err
	}
	var before footprint.Picture
	if err := json.Unmarshal(raw, &before); err != nil {
		return false, fmt.Errorf("read %s: %w", file, err)
	}
	changed, loaded, err := footprint.Settled(ctx, before, of, settles)
	if err != nil {
		return false, err
	}
	for _, m := range loaded {
		fmt.Println("module, loaded and left:", m)
	}
	for _, c := range changed {
		fmt.Println(c)
	}
	return len(changed) > 0, nil
}
