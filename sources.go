// Package canarylab carries the sources of those programs of the lab that run inside of a cluster: so a canarylab that
// was copied or installed, or that another module imports, can build them without a clone. Packages of interest to
// other modules are harness (the language of scenarios), harness/expect (claims), harness/lab (opens clusters),
// harness/lab/labtest (plays in a Go test) and reports.
package canarylab

import "embed"

// Sources are files of this module by their paths below its root: go.mod, go.sum, and all packages of the module that
// harness/artifacts builds programs of. A nested module can't be among them (package embed).
//
//go:embed go.mod go.sum cmd/accesslog cmd/loadgen cmd/sampleapp sampleapp loadgen harness/accesslog
//go:embed harness/images/pause harness/cluster/embedded/noded harness/cluster/embedded/nodespec
//go:embed internal/bitset internal/kebab internal/wire cmd/fleet harness/fleet
var Sources embed.FS
