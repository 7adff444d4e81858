# docker-worker. `make` lists the targets; README.md says what they print.
SHELL := /bin/bash -o pipefail

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)

# One static binary, the same from the same source: no C, no paths of this machine, no documentation generator, no HTTP/2
# (docs/decisions/size.md).
export CGO_ENABLED = 0
BUILD = go build -trimpath -buildvcs=false -tags urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2 \
	-ldflags "-s -w -buildid= -X main.buildVersion=$(VERSION) -X main.buildCommit=$(COMMIT)"

STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## the main job on real parts: installs and starts what is missing, then runs two tasks
	@dev/up.sh
	@dev/images.sh
	@dev/demo.sh

.PHONY: build
build: ## build bin/docker-worker
	@$(BUILD) -o bin/docker-worker .

.PHONY: test
test: check unit fuzz integration ## every test: installs and starts what is missing, then checks, unit, fuzz, integration

.PHONY: check
check: ## gofmt, vet, static analysis, go.mod
	@echo "== gofmt, vet, static analysis"
	@test -z "$$(gofmt -l .)" || { echo "not formatted:"; gofmt -l .; exit 1; }
	go vet ./...
	go vet -tags integration ./...
	$(STATICCHECK) ./...
	$(STATICCHECK) -tags integration ./...
	go mod tidy -diff
	@for f in dev/*.sh .ci/run; do bash -n $$f || exit 1; done

.PHONY: unit
unit: ## unit tests, with the race detector
	@echo "== unit tests"
	CGO_ENABLED=1 go test -race -timeout 10m ./...

# A count, not a time: go test fails by itself ("context deadline exceeded") when a time ends at a bad moment.
FUZZTIME ?= 20000x
.PHONY: fuzz
fuzz: ## every fuzz target FUZZTIME times (20000x; 60s is for that long)
	@echo "== fuzz, $(FUZZTIME) for each target"
	@FUZZTIME=$(FUZZTIME) dev/fuzz.sh

.PHONY: services
services: ## a Docker engine and a RabbitMQ, installed and started where they are missing
	@dev/up.sh test
	@dev/images.sh

.PHONY: integration
integration: services ## tests on the real engine and the real broker
	@echo "== integration tests"
	CGO_ENABLED=1 go test -race -tags integration -timeout 40m -p 2 -count=1 ./...

.PHONY: test-engines
test-engines: ## dockerapi and one task from end to end on each engine that this machine can have (as root)
	@dev/engines.sh test

.PHONY: test-brokers
test-brokers: services ## amqp and tasks on Debian 13's RabbitMQ 4, in a root of its own (as root)
	@dev/brokers.sh test

.PHONY: record
record: ## record the answers of one engine anew: make record ENGINE=docker20 (or docker26, podman4)
	@dev/engines.sh record $(or $(ENGINE),$(error ENGINE is missing: docker20, docker26 or podman4))

.PHONY: test-chaos
test-chaos: services ## the long failure tests: workers and brokers killed, networks cut (as root; about an hour)
	DOCKER_WORKER_CHAOS=full CGO_ENABLED=1 go test -tags integration -timeout 90m -count=1 -v -run '^TestChaos' ./e2e

.PHONY: bench
bench: build services ## what the worker costs beside its engine, as ratios, and which promises hold (BENCH=-quick: in a minute)
	go run ./internal/bench $(BENCH)

include packer/packer.mk

.PHONY: down
down: ## end the engine and the broker that these targets started, and no others
	@dev/down.sh

.PHONY: clean
clean: ## remove what was built
	rm -rf bin/docker-worker dist
