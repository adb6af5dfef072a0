package story

import _ "embed" // the schema is a file

// SchemaFile is what the schema of a story.yaml is called in a story's folder, for editors.
const SchemaFile = "story.schema.json"

// JSON is the JSON Schema of a story.yaml (draft 7, which editors know best). It is made of the kinds and keys that
// Read knows, and of the comments in the code: go test ./harness/story -update.
//
//go:embed story.schema.json
var JSON []byte
