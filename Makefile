# What a newcomer and CI need. Each target sets up what it needs itself; `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test test-machines fuzz simulate simulate-ci check format build bench schemas clean setup setup-demo setup-tests setup-machines

NODE := scripts/node
TEST_FILES := 'packages/*/src/**/*.test.ts' 'tests/**/*.test.ts'
# Milliseconds one test may take; scripts/test-watchdog.ts bounds a file.
TEST_TIMEOUT_MS := 300000
TEST_CONCURRENCY := 2
# Inputs for each reader when asked to fuzz: some minutes. The tests have a few hundred.
FUZZ_RUNS_DEFAULT := 10000
# Seeds beside a week of 500 hosts; SEEDS=… runs as many as wanted.
# The whole budget where machines share it (SHARD=3/10); on one alone a hundred for each core, up to all: about as long everywhere.
SIMULATE_CI_BUDGET := 2000
SIMULATE_CI_SEEDS = $(if $(SHARD),$(SIMULATE_CI_BUDGET),$(shell cores=$$(nproc); echo $$((cores < 20 ? cores * 100 : $(SIMULATE_CI_BUDGET)))))

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-13s %s\n", $$1, $$2 }'

demo: setup-demo build ## watch a fleet deploy, refuse, roll back and recover (KEEP=1 leaves it running)
	@dist/nixfleet demo $(if $(KEEP),--keep)

test: setup-tests ## run every test (FILES='…' runs only those)
	@scripts/with-nix-store $(NODE) --test --test-reporter=spec --test-concurrency=$(TEST_CONCURRENCY) --test-timeout=$(TEST_TIMEOUT_MS) \
	  --import ./scripts/test-watchdog.ts $(or $(FILES),$(TEST_FILES))

test-machines: setup-machines build ## agents on machines that systemd boots (root; FILES='…' runs only those)
	@tests/machines/run-files.sh $(NODE) $(TEST_TIMEOUT_MS) $(or $(FILES),tests/machines/*.scenario.ts)

fuzz: setup ## hostile inputs for every reader, for longer (FUZZ_RUNS=… for each format)
	@FUZZ_RUNS=$(or $(FUZZ_RUNS),$(FUZZ_RUNS_DEFAULT)) $(NODE) --test --test-reporter=spec \
	  tests/formats/fuzz.test.ts tests/formats/signed-tree.test.ts

simulate: setup ## whole fleets in virtual time, from a seed (SEED= SEEDS= HOSTS= HOURS= WEEK=1 SHARD= REAL_CRYPTO=1)
	@$(NODE) packages/simulation/src/main.ts $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(HOSTS),--hosts $(HOSTS)) \
	  $(if $(HOURS),--hours $(HOURS)) $(if $(JOBS),--jobs $(JOBS)) $(if $(SHARD),--shard $(SHARD)) $(if $(REAL_CRYPTO),--real-crypto) $(if $(WEEK),--week)

simulate-ci: ## what CI simulates: a week of 500 hosts, and seeds of 20 hosts for 6 hours (SHARD=3/10: this machine's share of 2000; default: 100 a core)
	@$(MAKE) --no-print-directory simulate WEEK=1 SEEDS=$(or $(SEEDS),$(SIMULATE_CI_SEEDS))

check: setup ## format, lint and types
	@$(NODE) node_modules/@biomejs/biome/bin/biome ci --error-on-warnings --colors=$(if $(MAKE_TERMOUT),force,off) .
	@$(NODE) node_modules/typescript/bin/tsc -b --force

format: setup ## format, and fix what the linter can
	@$(NODE) node_modules/@biomejs/biome/bin/biome check --write --colors=$(if $(MAKE_TERMOUT),force,off) .

build: setup ## the shipped bundle: dist/nixfleet
	@$(NODE) scripts/build.ts

bench: setup-demo build ## benchmarks, one line of JSON each (FILES='…'; packet is 6 hosts × 7 days: NIXFLEET_BENCH_HOSTS=100 NIXFLEET_BENCH_DAYS=90 is all of it)
	@for file in $(or $(FILES),bench/*.bench.ts); do [ ! -e "$$file" ] || $(NODE) --expose-gc "$$file" || exit 1; done

schemas: setup ## write docs/schemas/ from the schemas in packages/contracts
	@$(NODE) scripts/write-schemas.ts

clean: ## remove everything built or cached, node_modules excepted
	@[ ! -d .cache/nix ] || chmod -R u+w .cache/nix
	@rm -rf dist .cache packages/*/dist *.tsbuildinfo packages/*/*.tsbuildinfo tests/*.tsbuildinfo

setup:
	@scripts/setup.sh node
setup-demo:
	@scripts/setup.sh demo
setup-tests:
	@scripts/setup.sh tests
setup-machines:
	@scripts/setup.sh machines
