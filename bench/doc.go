// Package bench measures the project's client of the Docker API beside the official one (moby/moby/client) and
// go-dockerclient, over the same engine in one run. It is a module of its own, so that their dependencies are not the
// worker's.
//
//	go test -bench . -benchmem -count 3
//
// DOCKER_HOST is the engine ("" is the local one); it must have the image that BENCH_IMAGE names (with sh and dd), or
// localhost/dockerapi-test:1, which the integration tests of dockerapi load. Ratios of one run mean something, times
// of two runs do not. Stream needs no engine.
package bench
