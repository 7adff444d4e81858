# Binaries, packages, machine images, releases. Part of the Makefile.

DIST ?= dist
DIST_VERSION ?= $(shell packaging/version.sh)
ARCHITECTURES = amd64 arm64
TOOLS = $(CURDIR)/.dev/tools
GOVULNCHECK = go run golang.org/x/vuln/cmd/govulncheck@v1.1.4

# The time of the commit, in everything that needs one: two builds of it are the same, byte for byte.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: dist
dist: $(ARCHITECTURES:%=dist-%) ## reproducible binaries for amd64 and arm64, with checksums, in dist/
	@cd $(DIST) && sha256sum docker-worker-linux-* >SHA256SUMS && cat SHA256SUMS

dist-%: VERSION = $(DIST_VERSION)
dist-%:
	@mkdir -p $(DIST)
	@GOOS=linux GOARCH=$* $(BUILD) -o $(DIST)/docker-worker-linux-$* .

# Tools are built once, for this machine; a line changed here builds them again.
$(TOOLS)/nfpm: packer/packer.mk
	@GOBIN=$(TOOLS) go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2 && touch $@

$(TOOLS)/cyclonedx-gomod: packer/packer.mk
	@GOBIN=$(TOOLS) go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0 && touch $@

.PHONY: package
package: dist $(TOOLS)/nfpm ## .deb and .rpm for amd64 and arm64, in dist/packages/
	@rm -rf $(DIST)/packages && mkdir -p $(DIST)/packages
	@for arch in $(ARCHITECTURES); do for kind in deb rpm; do \
		ARCH=$$arch DIST=$(DIST) DIST_VERSION=$(DIST_VERSION) $(TOOLS)/nfpm package --config packaging/nfpm.yaml \
			--packager $$kind --target $(DIST)/packages/ >$(DIST)/nfpm.log 2>&1 || { cat $(DIST)/nfpm.log; exit 1; }; \
	done; done
	@rm $(DIST)/nfpm.log
	@cd $(DIST)/packages && sha256sum *

.PHONY: release
release: package $(TOOLS)/cyclonedx-gomod ## everything of a release in dist/: binaries, packages, SBOM, changes, checksums
	@for arch in $(ARCHITECTURES); do \
		$(TOOLS)/cyclonedx-gomod bin -json -noserial -version $(DIST_VERSION) -output $(DIST)/docker-worker-linux-$$arch.cdx.json $(DIST)/docker-worker-linux-$$arch 2>/dev/null || exit 1; \
		sed -i "s/\(\"timestamp\": \)\"[^\"]*\"/\1\"$$(date -u -d @$$SOURCE_DATE_EPOCH +%Y-%m-%dT%H:%M:%SZ)\"/" $(DIST)/docker-worker-linux-$$arch.cdx.json; \
	done
	@packaging/changes.sh $(DIST_VERSION) >$(DIST)/CHANGES.md
	@cd $(DIST) && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS
	@cat $(DIST)/SHA256SUMS

.PHONY: vulnerabilities
vulnerabilities: ## known vulnerabilities in what is linked in; asks the Go vulnerability database over the network
	$(GOVULNCHECK) ./...

.PHONY: packaging-test
packaging-test: services ## deploy, templates, unit, packages and provisioning, in the root directory of a Debian (as root; minutes)
	@dev/packaging-test.sh

.PHONY: boot-test
boot-test: build services ## the machine image's root boots in a container, with systemd, and runs tasks (as root; a minute)
	@dev/boot-test.sh

.PHONY: image-test
image-test: build services ## the machine image boots in QEMU and runs tasks (as root; up to 30 minutes)
	@dev/image-test.sh
