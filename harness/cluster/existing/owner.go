package existing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/user"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// ownerLabel says whose a namespace or a Lease of the lab's is, runLabel and scenarioLabel what is played in it.
const (
	ownerLabel    = "canarylab.io/owner"
	runLabel      = "canarylab.io/run"
	scenarioLabel = "canarylab.io/scenario"
)

// owner is whose the lab's namespaces are: the name that was given, or user and machine.
func (a Access) owner() string {
	if a.Owner != "" {
		return labelOf(a.Owner)
	}
	name, machine := "somebody", "some-machine"
	if u, err := user.Current(); err == nil {
		name = cmp.Or(u.Username, u.Uid)
	}
	if h, err := os.Hostname(); err == nil {
		machine = h
	}
	return labelOf(name + "@" + machine)
}

// ownerLength keeps room for an owner beside a scenario's name in the name of a namespace.
const ownerLength = 40

// labelOf makes a name a label's value that is also part of a namespace's name: jane@laptop is jane-at-laptop. One that
// had to be changed otherwise ends in a digest, so that two names never become one.
func labelOf(name string) string {
	plain := strings.Replace(name, "@", "-at-", 1)
	var b strings.Builder
	for _, r := range strings.ToLower(plain) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	made := strings.Trim(b.String(), "-")
	if made == plain && len(made) <= ownerLength && len(validation.IsDNS1123Label(made)) == 0 {
		return made
	}
	sum := sha256.Sum256([]byte(name))
	made = strings.Trim(made[:min(len(made), ownerLength-9)], "-")
	return strings.TrimLeft(made+"-"+hex.EncodeToString(sum[:4]), "-")
}
