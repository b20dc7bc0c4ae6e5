# skyctl. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Without gRPC's modules the GCS SDK is 13 MB smaller; skyctl speaks JSON to it.
TAGS    := disable_grpc_modules
LDFLAGS := -s -w -X github.com/skyctl/skyctl/agent/version.Version=$(VERSION)

# Servers that tests and the demo run against. A fresh clone shares them.
TOOLS     := $(or $(SKYCTL_TOOLS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/skyctl/tools)
VERSITYGW := $(TOOLS)/versitygw@v1.8.0
MINIO     := $(TOOLS)/minio@v0.0.0-20260212201848-7aac2a2c5b7c

# Where goroutines meet. The race detector costs minutes of building elsewhere.
RACE := ./agent ./agent/control/... ./agent/enroll/... ./agent/internal/... ./agent/objstore/file/... ./agent/objstore/mem/... \
        ./orchestrator/journal/... ./orchestrator/transfer/... ./orchestrator/rundir/...

.PHONY: help
help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/skyctl and bin/skyagent, static
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ ./orchestrator/cmd/skyctl ./agent/cmd/skyagent

.PHONY: demo
demo: build $(VERSITYGW) ## move objects between two S3 servers through a relay, and show every step
	orchestrator/lab/demo.sh $(VERSITYGW)

.PHONY: test
test: lint build tools ## everything: units, real servers, the race detector, end to end
	go test -tags $(TAGS) -shuffle=on ./...
	go test -tags $(TAGS) -race -shuffle=on $(RACE)

.PHONY: lint
lint: ## formatting and vet
	@out=$$(gofmt -l agent orchestrator terraform modules); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go vet -tags $(TAGS) ./...

.PHONY: bench
bench: build $(VERSITYGW) ## the figures of the README, as ratios within one run
	@stat -c 'skyagent: %s bytes' bin/skyagent
	go test -tags $(TAGS) -run '^$$' -bench . -benchtime 5x ./agent/cmd/skyagent 2>/dev/null
	go test -tags $(TAGS) -run '^$$' -bench . -benchtime 5x ./orchestrator/cmd/skyctl 2>/dev/null

.PHONY: fuzz
fuzz: ## every fuzz target for 20 s each
	@for p in $$(grep -rl --include=*_test.go '^func Fuzz' agent orchestrator | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z]+' ./$$p/*_test.go | cut -c6-); do \
	    go test -tags $(TAGS) -run '^$$' -fuzz "^$$f$$" -fuzztime 20s ./$$p; done; done

.PHONY: tools
tools: $(VERSITYGW) $(MINIO) ## fetch the S3 servers that tests and the demo use

# $(call install,PACKAGE): the version is in the target's name. It is built
# aside and moved, so that what is there is whole.
define install
	@mkdir -p $(TOOLS)
	@echo "building $(@F), once; this takes some minutes"
	@tmp=$$(mktemp -d -p $(TOOLS)); trap 'rm -rf "$$tmp"' EXIT; \
	  GOBIN=$$tmp GOFLAGS=-buildvcs=false go install $(1)@$(lastword $(subst @, ,$(@F))) && mv $$tmp/$(notdir $(1)) $@
endef

$(VERSITYGW):
	$(call install,github.com/versity/versitygw/cmd/versitygw)

$(MINIO):
	$(call install,github.com/minio/minio)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
