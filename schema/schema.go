// Package schema holds the task format: a JSON Schema (2020-12) that is the one source of what a task may say.
// The worker validates with it, `docker-worker schema` prints it, and docs/task.md is checked against it.
package schema

import _ "embed"

// Task is the JSON Schema of a task, as UTF-8 JSON text. Treat it as read-only.
//
//go:embed task.schema.json
var Task []byte
