// Package artifact keeps what a task has made: files, directories and patterns of a container that has ended go to an
// address that the task names, or to the operator's [Store].
//
// A [Keeper] reads from the engine's archives of the container. A file goes from there to its place without touching the
// disk, however large it is, and is read again from the engine when the sending has to be tried again. What has no size
// beforehand (the tar.gz of a directory, a compressed text) is written to a temporary file first. Nothing is held in
// memory as a whole but small files.
//
// The container's files are made by somebody who is not trusted: names that lead elsewhere are refused, links and
// devices are left out, and nothing larger than the limit is sent.
package artifact
