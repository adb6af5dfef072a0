package harness

import (
	"testing"
	"testing/fstest"

	"github.com/canarylab/canarylab/reports"
)

func TestReplace(t *testing.T) {
	saysWhatItDoes(t, Replace{Old: "old.yaml", By: "new.yaml"},
		"kubectl apply -f new.yaml and delete what only old.yaml has",
		reports.Action{Kind: "replace", Brief: "replace old by new", File: "new.yaml"})
}

// What both files have is applied and not deleted, and the namespace stays.
func TestReplaceDeletesWhatOnlyTheOldFileHas(t *testing.T) {
	service := func(name string) string {
		return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: demo}\n"
	}
	s := Scenario{Name: "demo", Files: fstest.MapFS{
		"demo/old.yaml": {Data: []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: demo}\n" + service("a") +
			service("b"))},
		"demo/new.yaml": {Data: []byte(service("b") + service("c"))},
	}}
	applied, deleted, err := Replace{Old: "old.yaml", By: "new.yaml"}.writes(s)
	if err != nil || len(applied) != 2 || len(deleted) != 1 || deleted[0].GetName() != "a" {
		t.Errorf("got %v applied, %v deleted, %v, want b and c applied, and a deleted", applied, deleted, err)
	}
}
