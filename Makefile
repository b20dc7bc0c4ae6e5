# skyctl. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# The same flags for everything, so that programs and tests share the build
# cache. Without gRPC's modules the GCS SDK is 13 MB smaller; skyctl speaks JSON
# to it. Without cgo the programs are static.
export GOFLAGS     := -trimpath -tags=disable_grpc_modules -buildvcs=false
export CGO_ENABLED := 0
LDFLAGS := -s -w -X github.com/skyctl/skyctl/agent/version.Version=$(VERSION)

BIN := $(CURDIR)/bin

# Servers that tests and the demo run against. A fresh clone shares them.
TOOLS     := $(or $(SKYCTL_TOOLS),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/skyctl/tools)
VERSITYGW := $(TOOLS)/versitygw@v1.8.0
MINIO     := $(TOOLS)/minio@v0.0.0-20260212201848-7aac2a2c5b7c
FAKEGCS   := $(TOOLS)/fake-gcs-server@v1.56.1
AZURITE   := $(TOOLS)/azurite@3.37.0
RCLONE    := $(TOOLS)/rclone@v1.76.0
TFLINT    := $(TOOLS)/tflint@v0.64.0
CONFTEST  := $(TOOLS)/conftest@v0.71.1
TOFU      := $(TOOLS)/tofu@v1.12.6
AZURERM   := $(TOOLS)/terraform-provider-azurerm@v1.44.1-0.20260824201233-fae580791926

# Where goroutines meet: what these packages test is tested with the race detector,
# which costs minutes of building elsewhere, and not once more without.
RACE := ./agent ./orchestrator/transfer/... ./agent/control/... ./agent/enroll/... ./agent/internal/... ./agent/objstore/file/... ./agent/objstore/mem/... \
        ./orchestrator/journal/... ./orchestrator/rundir/... ./orchestrator/lab
# But for rates, which it makes wrong or takes minutes for, and which have no other
# goroutines than the rest; of random transfers it sees some.
RATES := TestLongPath|TestSmallObjectsFillALongWay|TestLimitHolds

# What measures times and rates of real processes gets the machine to itself.
MEASURED := ./agent/cmd/skyagent ./orchestrator/lab/fabric ./orchestrator/cmd/skyctl

.PHONY: help
help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/skyctl and bin/skyagent, static
	@mkdir -p bin
	go build -ldflags '$(LDFLAGS)' -o bin/ ./orchestrator/cmd/skyctl ./agent/cmd/skyagent

.PHONY: demo
demo: build $(VERSITYGW) ## move objects between two S3 servers through a relay, and show every step
	orchestrator/lab/demo.sh $(VERSITYGW)

.PHONY: demo-lab
demo-lab: build $(VERSITYGW) $(RCLONE) ## two regions and a relay in a box, live, and rclone in the same box (root, Linux)
	orchestrator/lab/demo-lab.sh bin/skyctl $(RCLONE)

.PHONY: bench-lab
bench-lab: build $(VERSITYGW) $(RCLONE) ## every scenario of the lab with skyctl and rclone; writes orchestrator/lab/RESULTS.md (root, Linux, an hour; JOBS=3 is quicker)
	go run ./orchestrator/lab/bench --jobs $(or $(JOBS),1) --skyctl bin/skyctl --rclone $(RCLONE) --out orchestrator/lab orchestrator/lab/scenarios/*.yaml

.PHONY: test-lab
test-lab: $(VERSITYGW) iperf3 ## the lab: how accurate it is, and scenarios in short (root, Linux; part of make test)
	go test -timeout 15m -shuffle=on ./orchestrator/lab/...
	go test -timeout 15m -shuffle=on -run '^TestLab' ./orchestrator/cmd/skyctl

.PHONY: iperf3
iperf3: # what the lab is measured with; of the system's packages
	@command -v iperf3 >/dev/null || { \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "iperf3 is missing: install it, on Debian: sudo apt-get install iperf3" >&2; exit 1; }; \
	  echo "installing iperf3 from the system's packages, once"; \
	  { apt-get install -qq --no-install-recommends iperf3 || { apt-get update -qq && apt-get install -qq --no-install-recommends iperf3; }; } >/dev/null; }

.PHONY: test
test: lint tools iperf3 ## everything: units, real servers, the race detector, end to end
	@$(MAKE) --no-print-directory -j2 test-units test-race
	@$(MAKE) --no-print-directory test-measured

# These two wait much, and measure nothing: they run side by side, and what takes
# longest comes first. The programs are those that make build makes.
.PHONY: test-units
test-units: build
	SKYCTL_BIN=$(BIN) go test -timeout 30m -shuffle=on -p 3 -parallel 4 $$(go list ./terraform/... ./orchestrator/... ./... | grep -vxF -f <(go list $(RACE) $(MEASURED)))

.PHONY: test-race
test-race:
	CGO_ENABLED=1 go test -timeout 30m -race -short -shuffle=on -skip '^($(RATES))$$' $(RACE)
	go test -timeout 30m -shuffle=on -run '^($(RATES)|TestAnyFaults)$$' ./agent ./orchestrator/transfer

.PHONY: test-measured
test-measured: build
	SKYCTL_BIN=$(BIN) go test -timeout 30m -shuffle=on -p 1 -parallel 8 $(MEASURED)

.PHONY: tf-validate
tf-validate: ## Terraform judges modules, examples and rendered roots, by the clouds' real schemas
	go test -timeout 10m -shuffle=on -run 'Terraform|Examples|Render' ./modules ./terraform/render ./orchestrator/deploy
	go test -timeout 10m -run 'TestScripts/render' ./orchestrator/cli

.PHONY: test-modules
test-modules: ## everything about the Terraform modules: their own tests, checks, mutations, the boot
	go test -timeout 10m -shuffle=on ./modules ./images ./terraform/stubprovider/...

.PHONY: tflint
tflint: $(TFLINT) ## tflint judges rendered roots, modules and examples by all its rules for Terraform
	SKYCTL_TFLINT=$(TFLINT) go test -tags disable_grpc_modules,tflint -timeout 10m -run TestTflint -v ./terraform/render

.PHONY: test-policy
test-policy: $(CONFTEST) ## conftest judges plans by the example of policies, as skyctl's hook
	SKYCTL_CONFTEST=$(CONFTEST) go test -tags disable_grpc_modules,conftest -timeout 10m -run TestPolicy -v ./orchestrator/cmd/skyctl

.PHONY: test-tofu
test-tofu: $(TOFU) ## OpenTofu in the place of Terraform: a root over two clouds with the stub, and a copy (slow to build, not in CI)
	SKYCTL_TOFU=$(TOFU) go test -tags disable_grpc_modules,tofu -timeout 20m -run TestTofu -v ./terraform/render ./orchestrator/cmd/skyctl

.PHONY: test-azurerm
test-azurerm: $(AZURERM) ## the real provider of Azure applies azure-gateway to a fake of its API (half an hour to build, then ten minutes; not in CI)
	SKYCTL_AZURERM=$(AZURERM) go test -tags disable_grpc_modules,azurerm -timeout 30m -count=1 -run TestAzurerm -v ./modules

.PHONY: cloud-smoke
cloud-smoke: build ## FROM=s3://… TO=gs://… (prefixes of yours): the two cheapest machines of real accounts copy 1 MB, under 1 USD; writes a transcript
	orchestrator/cmd/skyctl/cloud-smoke.sh bin/skyctl "$(FROM)" "$(TO)"

.PHONY: test-boot
test-boot: ## cloud-init and systemd judge the boot data, and boot a machine by them (root; Debian packages cloud-init, openssh-server, systemd)
	go test -tags disable_grpc_modules,boot -timeout 10m -count=1 -run '^Test(Form|Boot.*)$$' -v ./images

.PHONY: test-ssh
test-ssh: ## a transfer between two hosts with a real sshd, in network namespaces (root, openssh-server)
	@command -v /usr/sbin/sshd >/dev/null || { echo "sshd is missing: apt-get install openssh-server" >&2; exit 1; }
	go test -tags disable_grpc_modules,sshd -timeout 10m -run 'SSH|CannotStart' -v ./orchestrator/cmd/skyctl

.PHONY: chaos-terraform
chaos-terraform: $(VERSITYGW) $(FAKEGCS) ## KILLS kills of skyctl and Terraform in local regions and as many in the stub's clouds, and clouds that fail: destroy leaves nothing, or says what
	go test -timeout 20m -count=1 -run 'Kill|Destroy|Fault|Interrupt|Leaves' -v ./terraform/engine ./orchestrator/deploy
	SKYCTL_CHAOS_KILLS=$(or $(KILLS),30) go test -timeout 60m -count=1 -run '^TestTerraformKilledAtRandom$$' -v ./orchestrator/cmd/skyctl

.PHONY: bench-terraform
bench-terraform: ## how long 16 local gateways take to come up, and 40 regions to render
	go test -run '^$$' -bench 'BenchmarkRender$$' ./terraform/render
	go test -run '^$$' -bench 'BenchmarkApply$$' -benchtime 3x ./orchestrator/deploy

.PHONY: image
image: build ## the agent alone in an image, skyagent:latest (a Docker daemon)
	cp /etc/ssl/certs/ca-certificates.crt bin/
	docker build -f images/Dockerfile -t skyagent .

.PHONY: test-packer
test-packer: packer ## Packer judges the templates of the machine images
	go test -tags disable_grpc_modules,packer -run Packer -v ./images

.PHONY: packer
packer: # of the system's packages
	@command -v packer >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends packer; }

.PHONY: schemas
schemas: ## regenerate the stub provider's schemas from the bindings on npm
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; cd $$tmp; \
	  for p in $$(node -p 'Object.entries(JSON.parse(require("fs").readFileSync("$(CURDIR)/terraform/stubprovider/schema/wanted.json"))).map(([n, w]) => n + "=" + w.package).join(" ")'); do \
	    mkdir $${p%%=*}; tar xzf "$$(npm pack --silent $${p#*=})" -C $${p%%=*} --strip-components=1; done; \
	  node $(CURDIR)/terraform/stubprovider/schema/extract.mjs $$tmp

.PHONY: test-pairs
test-pairs: tools ## every ordered pair of the four kinds of stores, through gateways
	SKYCTL_PAIRS=whole go test -timeout 20m -count=1 -v -run TestEveryPairOfStores ./orchestrator/cmd/skyctl

.PHONY: lint
lint: ## formatting and vet
	@out=$$(gofmt -l agent orchestrator terraform modules images); [ -z "$$out" ] || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go vet ./...

.PHONY: bench
bench: build $(VERSITYGW) ## the figures of the README, as ratios within one run
	@stat -c 'skyagent: %s bytes' bin/skyagent
	go test -run '^$$' -bench . -benchtime 5x ./agent/cmd/skyagent 2>/dev/null
	go test -run '^$$' -bench OneSmallObject -benchtime 5x ./orchestrator/cmd/skyctl 2>/dev/null

.PHONY: bench-stores
bench-stores: $(VERSITYGW) $(RCLONE) ## large and small objects between two S3 servers, skyctl and rclone in turn; a million keys listed
	@SKYCTL_RCLONE=$(RCLONE) go test -timeout 30m -run '^$$' -bench Stores -benchtime $(or $(ROUNDS),3)x ./orchestrator/cmd/skyctl | grep -v -e '^goos' -e '^goarch' -e '^pkg' -e '^cpu' -e '^Benchmark' -e '^PASS'
	@go test -run '^$$' -bench ListMillion -benchtime 1x ./orchestrator/transfer | grep ListMillion
	@go test -count=1 -run TestListMemory -v ./agent/objstore/internal/httpstore | grep -v -e '^PASS' -e '^=== RUN'

.PHONY: bench-planner
bench-planner: ## times and gaps of PAIRS random pairs, on the built-in figures or GRID=… PRICES=… (CSV)
	SKYCTL_GRID=$(if $(GRID),$(abspath $(GRID))) SKYCTL_PRICES=$(if $(PRICES),$(abspath $(PRICES))) SKYCTL_PAIRS=$(or $(PAIRS),100) \
	  go test -run '^$$' -bench Planner -benchtime 1x -timeout 60m ./orchestrator/planner

.PHONY: bench-agent
bench-agent: ## the data plane against bare quic-go and crypto/tls, as ratios
	@go test -run '^$$' -bench BenchmarkTable -benchtime 1x ./agent 2>/dev/null | grep -v -e '^goos' -e '^goarch' -e '^pkg' -e '^cpu' -e '^Benchmark' -e '^PASS'
	@go test -run '^TestLongPath$$' -v ./agent -full-path | sed -n 's/.*longpath_test.go:[0-9]*: //p'
	@go test -run '^TestMemory(UnderLoad|OfManyOutstanding)$$' -v ./agent/cmd/skyagent | sed -n 's/.*_test.go:[0-9]*: /memory of /p'

.PHONY: fuzz
fuzz: ## every fuzz target for 20 s each
	@for p in $$(grep -rl --include=*_test.go '^func Fuzz' agent orchestrator | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z]+' ./$$p/*_test.go | cut -c6-); do \
	    go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s ./$$p; done; done

.PHONY: tools
tools: $(VERSITYGW) $(MINIO) $(FAKEGCS) $(AZURITE) ## fetch the servers that tests and the demo use

# $(call install,PACKAGE): the version is in the target's name. It is built
# aside and moved, so that what is there is whole. TOOLFLAGS=-p=1 leaves the
# machine to others.
define install
	@mkdir -p $(TOOLS)
	@echo "building $(@F), once; this takes some minutes"
	@tmp=$$(mktemp -d -p $(TOOLS)); trap 'rm -rf "$$tmp"' EXIT; \
	  GOBIN=$$tmp GOFLAGS="-buildvcs=false $(TOOLFLAGS)" go install $(1)@$(lastword $(subst @, ,$(@F))) && mv $$tmp/$(notdir $(1)) $@
endef

$(VERSITYGW):
	$(call install,github.com/versity/versitygw/cmd/versitygw)

$(MINIO):
	$(call install,github.com/minio/minio)

$(FAKEGCS):
	$(call install,github.com/fsouza/fake-gcs-server)

$(AZURERM): # half an hour, and 4 GB of memory
	$(call install,github.com/hashicorp/terraform-provider-azurerm)

$(TFLINT):
	$(call install,github.com/terraform-linters/tflint)

$(CONFTEST):
	$(call install,github.com/open-policy-agent/conftest)

# OpenTofu replaces a module of its own, which go install refuses: it is built
# where its source is.
$(TOFU):
	@mkdir -p $(TOOLS)
	@echo "building $(@F), once; this takes many minutes"
	@tmp=$$(mktemp -d -p $(TOOLS)); trap 'rm -rf "$$tmp"' EXIT; \
	  src=$$(cd $$tmp && GOFLAGS= go mod download -json github.com/opentofu/opentofu@$(lastword $(subst @, ,$(@F))) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
	  GOFLAGS="-buildvcs=false $(TOOLFLAGS)" go build -C "$$src" -ldflags '-s -w -X github.com/opentofu/opentofu/version.dev=no' -o $$tmp/tofu ./cmd/tofu && mv $$tmp/tofu $@

$(RCLONE):
	$(call install,github.com/rclone/rclone)

$(AZURITE):
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer, Azurite runs on it" >&2; exit 1; }
	@mkdir -p $(TOOLS)
	@echo "installing $(@F) from npm, once"
	@tmp=$$(mktemp -d -p $(TOOLS)); trap 'rm -rf "$$tmp"' EXIT; \
	  npm install --prefix $$tmp --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error $(@F) && mv -T $$tmp $@

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
