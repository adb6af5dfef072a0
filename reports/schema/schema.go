// Package schema has the JSON Schema of report.json, and holds reports against it.
package schema

import (
	"bytes"
	_ "embed" // the schema is a file
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// JSON is the schema of the reports that this version writes (draft 2020-12). It is made from the types in
// package reports: go generate ./reports.
//
//go:embed report.schema.json
var JSON []byte

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) { return Compile(JSON) })

// Compile makes a JSON Schema ready for Check.
func Compile(schema []byte) (*jsonschema.Schema, error) {
	const name = "report.schema.json"
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("read the JSON Schema of reports: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("read the JSON Schema of reports: %w", err)
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("compile the JSON Schema of reports: %w", err)
	}
	return s, nil
}

// Check holds a report.json against the schema. The error names every place that does not fit.
func Check(report []byte) error {
	s, err := compiled()
	if err != nil {
		return err
	}
	return CheckWith(s, report)
}

// CheckWith is Check with another schema.
func CheckWith(s *jsonschema.Schema, report []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(report))
	if err != nil {
		return fmt.Errorf("check report: it is no JSON: %w", err)
	}
	if err := s.Validate(doc); err != nil {
		return fmt.Errorf("check report: %w", err)
	}
	return nil
}
