# Bulkhead. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo none)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

export CGO_ENABLED := 0
export BULKHEAD_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/bulkhead
TOOLS := $(BULKHEAD_CACHE)/tools
GO    := go

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: ## install what is missing (Debian and Ubuntu as root; elsewhere says what to install)
	@scripts/setup

.PHONY: build
build: console ## build bin/bulkhead, with the console in it, and bin/bulkhead-guard
	umask 022 && $(GO) build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/bulkhead ./cmd/bulkhead-guard

# The console is built again where something of it is newer. `go build` alone takes what is there, or nothing.
MODULES := console/node_modules/.package-lock.json
CONSOLE := $(shell find console -path console/node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: console
console: control/console/dist/index.html ## build the console into control/console/dist (needs node and npm)

control/console/dist/index.html: $(MODULES) $(CONSOLE)
	@npm run --silent --prefix console build

$(MODULES): console/package.json console/package-lock.json
	@command -v npm >/dev/null || { echo "build: the console needs Node.js 18 or newer with npm: make setup" >&2; exit 1; }
	npm ci --prefix console --silent --no-audit --no-fund
	@touch $@

.PHONY: image
image: build ## build the control plane's container image, bulkhead:VERSION (needs docker; pulls nothing)
	docker build -q -f deploy/image/Dockerfile -t bulkhead:$(VERSION) .

.PHONY: run
run: setup build ## assess this host, show the report and start the console; starts an engine and a demonstration fleet if there are none
	@scripts/run

.PHONY: test
test: setup build ## the whole suite: units, races, real engines, bad input, a short fuzz (needs root)
	@scripts/test

.PHONY: test-fast
test-fast: console ## what needs neither root nor engine
	$(GO) test ./...
	@npm run --silent --prefix console test

.PHONY: soak
soak: setup build ## the long tests: a hundred kills under load, 200 faults in a fleet, minutes of fuzzing for each parser (needs root)
	@scripts/soak

.PHONY: lint
lint: setup $(MODULES) $(TOOLS)/golangci-lint $(TOOLS)/buf ## formatting, vet, staticcheck and the rest, the API's schema, generated files, vulnerabilities
	@scripts/lint $(TOOLS)

.PHONY: fmt
fmt: $(MODULES) $(TOOLS)/golangci-lint ## format the code
	$(TOOLS)/golangci-lint fmt ./...
	@npm run --silent --prefix console fix

.PHONY: generate
generate: $(MODULES) $(TOOLS)/buf ## write the generated files again: proto/gen, console/src/gen, docs/requirements, docs/schema, docs/coverage.md, docs/profiles.md
	@scripts/proto generate
	$(GO) run ./docs/gen

.PHONY: bench
bench: setup build ## print each figure beside its peer or baseline, and write bench.json (needs root)
	@scripts/bench

.PHONY: clean
clean: ## remove what was built, and the demonstration fleet, engine and control plane of `make run`
	@scripts/clean
	rm -rf bin dist bench.json console/node_modules
	find control/console/dist -mindepth 1 ! -name .gitignore -delete

$(TOOLS)/golangci-lint: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	cd tools && $(GO) build -o $(TOOLS)/ github.com/golangci/golangci-lint/v2/cmd/golangci-lint golang.org/x/vuln/cmd/govulncheck
	@touch $@

# buf with its plugins, which have to be of the versions that the product's runtime expects.
$(TOOLS)/buf: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	cd tools && $(GO) build -o $(TOOLS)/ github.com/bufbuild/buf/cmd/buf google.golang.org/protobuf/cmd/protoc-gen-go connectrpc.com/connect/cmd/protoc-gen-connect-go
	@touch $@
