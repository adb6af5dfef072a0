# make alone prints what there is. Each target is one line that could be typed by hand.
NAME    ?= label-mismatch
CLUSTER ?= auto
RUN     ?= .
LABEL   ?=
SKIP    ?= ^$$
EVERY   ?=
FUZZTIME ?= 1m
LINT_CACHE ?= $(CURDIR)/bin/lint-cache
GOLANGCI = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
# Tests that bring clusters up; each has the machine to itself.
MESH     = ./harness/lab ./harness/realmesh ./scenarios
UNIT     = $$(go list ./... | grep -v -e /harness/lab$$ -e /harness/realmesh$$ -e /scenarios$$)

# EVERY=1 takes the break and the fix out of every scenario, and plays every scenario on a borrowed cluster; otherwise that is
# done to those of the core.

# TURN=1/8 to 8/8 plays the core, and an eighth of what takes long: of the other scenarios, of the scenarios without
# their break or fix, of those on a borrowed cluster, and of tests that take a minute each. TURN=all plays all of it. make
# test takes the turn that follows from the commit (.ci/turn), make mesh plays all, unless they are told.

# The same settings for everything, and the same that Istio and Kubernetes are built with (harness/artifacts): a package is
# compiled once, not once for each way of building it.
export CGO_ENABLED = 0
export GOFLAGS     = -trimpath

.DEFAULT_GOAL := help

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  settings: NAME=$(NAME) CLUSTER=$(CLUSTER) RUN=$(RUN) (a pattern of tests, for mesh) LABEL=$(LABEL) (core, slow, -slow for the others) TURN=$(TURN) (1/8 to 8/8, all)'

build: ## build bin/canarylab
	@command -v go >/dev/null || { echo 'make: Go is missing: install Go 1.26 or newer (Debian: apt-get install golang)' >&2; exit 69; }
	@echo 'go build bin/canarylab (the first time takes minutes)'
	@go build -o bin/canarylab ./cmd/canarylab

deps: build ## install the Debian packages that are missing (as root)
	@p=$$(bin/canarylab doctor --packages --cluster=$(CLUSTER)) || exit $$?; [ -z "$$p" ] || if [ $$(id -u) = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing with apt-get: $$p"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$p >/dev/null; \
	else echo "missing: $$p (on Debian and Ubuntu: sudo apt-get install $$p)" >&2; fi

scenario: deps ## play one scenario and report: make scenario NAME=label-mismatch
	@bin/canarylab scenario run $(NAME) --cluster=$(CLUSTER)

scenarios: deps ## play every scenario, one after the other, and print one table: make scenarios LABEL=core
	@bin/canarylab scenario run --all --label=$(LABEL) --cluster=$(CLUSTER)

node-image: deps ## build the node image that kind uses where its own can't be had
	@bin/canarylab node-image

list: build ## list the scenarios
	@bin/canarylab scenario list

docs: build ## write docs/scenarios.md and docs/scenarios anew, as the scenarios are
	@bin/canarylab scenario docs

up: deps ## bring a cluster with Istio up and leave it running
	@bin/canarylab up --cluster=$(CLUSTER)

down: build ## remove the cluster
	@bin/canarylab down --cluster=$(CLUSTER)

test: TURN ?= $(shell .ci/turn)
test: turn vet unit mesh ## vet, unit tests, and the core and an eighth of the others on a real mesh: make test LABEL=-slow is CI's

test-all: TURN = all
test-all: turn vet unit mesh ## the same with every scenario

# A turn that does not exist is found before anything takes time.
turn:
	@case '$(TURN)' in all|[1-8]/8) echo 'turn $(TURN)' ;; \
	*) echo "make: no turn '$(TURN)': TURN is 1/8 to 8/8, or all" >&2; exit 64 ;; esac

vet: ## go vet
	go vet ./...

outside: ## the example of a module that has canarylab as a library (examples/outside): played in turn 2/8 and in all, else checked
	cd examples/outside && go vet ./... && CLUSTER=$(CLUSTER) go test -v -count=1 -timeout=10m $(if $(filter 1/8 3/8 4/8 5/8 6/8 7/8 8/8,$(TURN)),-short) ./...

unit: ## unit tests: no root, no cluster
	go test $(UNIT)

mesh: deps ## every scenario on a real mesh, as go test does it: make mesh MESH=./scenarios TURN=1/8
	CLUSTER=$(CLUSTER) LABEL=$(LABEL) EVERY=$(EVERY) TURN=$(TURN) \
	go test -v -count=1 -p=1 -timeout=60m -run='$(RUN)' -skip='$(SKIP)' $(MESH)

# A cache of its own: a shared one hands out findings with the paths of another clone.
lint: ## golangci-lint, pinned
	GOLANGCI_LINT_CACHE=$(LINT_CACHE) $(GOLANGCI) run ./...

parity: deps ## play one scenario on every kind of cluster that can be had here, and compare
	PARITY=$(NAME) go test ./harness/realmesh -run='^$$' -bench=BenchmarkParity -benchtime=1x -timeout=60m

bench-up: deps ## how long a cluster takes to come up, by step
	go test ./harness/lab -run='^$$' -bench=BenchmarkUp -benchtime=5x -timeout=30m

bench-capacity: deps ## the highest rate that this machine carries honestly, with the recorder on and off
	go test ./harness -run='^$$' -bench=BenchmarkCapacity -benchtime=1x -timeout=60m

bench-cost: deps ## what a request costs, by program, and what the idle node takes; COST_RATE=500 COST_SECONDS=20
	go test ./harness -run='^$$' -bench='BenchmarkCost$$' -benchtime=2x -timeout=30m

bench-recorder: deps ## what recording costs: the load agent against plain vegeta, and a million requests
	go test ./harness -run='^$$' -bench=BenchmarkAgentCost -benchtime=3x -timeout=30m
	go test ./harness -run='^$$' -bench=BenchmarkLongRun -benchtime=1x -timeout=60m

# On a cluster of its own, whose istiod gets other settings and which goes when it ends.
bench-fleet: deps ## how long a rollback takes to reach each of thousands of simulated proxies; FLEET_PROXIES=10,100,1000,5000 FLEET_SERVICES=1,100,1000
	go test ./harness/fleetbench -run='^$$' -bench=BenchmarkFleet -benchtime=1x -timeout=60m

calibrate: ## have the lab measure switches, counts and delays that are known (15 minutes on an idle machine)
	go test ./harness/calibrate -v -count=1 -timeout=30m -calibrate

long-run: LONG = 1h
long-run: deps ## a run of LONG=1h at 500 requests a second: lab and load agent end with the memory of its first minutes
	go test ./harness/realmesh -run=TestLongRun -v -count=1 -timeout=8h -long=$(LONG)

page-cost: deps ## what the live page costs: a run with no browser and with three, side by side; frames, memory of an hour (needs chromium)
	go test ./harness/realmesh -run=TestPageCost -v -count=1 -timeout=20m -pages
	go test ./reports/page -run='TestFramesOnOneCore|TestMemoryStays' -v -count=1 -timeout=20m -frames -hour

conformance: deps ## has the Gateway API's own suite judge the mesh, beside Istio's published report (5 minutes)
	go test ./harness/realmesh -run=TestConformance -v -count=1 -timeout=30m -conformance

# The second on one processor with a cluster of its own, which goes when it ends.
slow-machine: deps ## the core with a busy loop on each processor, then two stories on one processor: no verdict is void
	go test ./harness/realmesh -run=TestSlowMachine -v -count=1 -timeout=120m -slow=half
	CLUSTER=embedded CANARYLAB_NAME=one-processor taskset -c 0 \
	go test ./harness/realmesh -run=TestSlowMachine -v -count=1 -timeout=60m -slow=one

# Each target of each package, one after the other: go test takes one at a time. A turn has every eighth.
fuzz: TURN = all
fuzz: ## fuzz what reads a run's folder, and a story's: each target for FUZZTIME (1m), with TURN=1/8 an eighth of them
	@number='$(TURN:/8=)'; n=0; grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\)(.*/\1/p' "$$file"); do \
			n=$$((n % 8 + 1)); \
			if [ "$$number" != all ] && [ "$$number" != "$$n" ]; then echo "$$target in turn $$n/8"; continue; fi; \
			echo "$$target for $(FUZZTIME)"; \
			go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=1s ./$$(dirname "$$file") || exit 1; \
		done || exit 1; done

hostile: ## read folders of 100 MB that are made to hurt: in 512 MB and 10 s each
	go test ./harness/judge -run=TestHostileFolders -v -count=1 -timeout=20m -hostile

# What draws pictures of a run takes RUN, or a new run of label-mismatch.
pictured = run='$(filter-out .,$(RUN))'; [ -n "$$run" ] || { $(MAKE) --no-print-directory scenario NAME=label-mismatch >/dev/null && run=$$(ls -d reports/out/*-label-mismatch-* | tail -n1); }

readme-pictures: build ## draw the pictures of the README: of a new run of label-mismatch, or of RUN=reports/out/FOLDER (needs chromium)
	@$(pictured) && go run ./reports/html/pictures -out docs "$$run"

live-pictures: build ## draw the pictures of docs/live.md, likewise (needs chromium)
	@$(pictured) && go run ./reports/replay/pictures -out docs "$$run"

vm-test: deps ## the embedded cluster on systemd and cgroup v2, and in a container there, in a virtual machine (as root; half an hour)
	.ci/vm/run $(VM_PARTS)

clean: down ## remove the cluster, the reports and everything that was built
	@home=$$(bin/canarylab doctor --home) && [ -n "$$home" ] && rm -rf bin reports/out "$$home/cache" "$$home/imagestores"

.PHONY: outside turn help build deps scenario scenarios list docs up down node-image test test-all vet unit mesh lint parity bench-up bench-capacity bench-cost bench-recorder bench-fleet calibrate conformance long-run page-cost slow-machine vm-test fuzz hostile readme-pictures live-pictures clean
