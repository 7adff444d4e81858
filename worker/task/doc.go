// Package task is the format of a task: what a message may say, what a host allows of it, and what is wrong with one
// that is none. The format itself is schema/task.schema.json; Parse holds a message against it, says all that is wrong
// in words for the person who wrote it, and returns the task with its defaults filled in.
//
// The package does nothing: it knows neither an engine nor a broker.
package task
