# The commands of this repository. `make` alone shows them.

CARGO ?= cargo
VENV ?= $(or $(TIEOUT_VENV),$(if $(CI),$(HOME)/.cache/tieout/venv,$(CURDIR)/.venv))

.PHONY: help quickstart test lint bench

help:
	@echo "make quickstart   build tieout and reconcile examples/quickstart"
	@echo "make test         all tests (the first time, also installs what they need)"
	@echo "make lint         formatting, clippy, documentation, licences"
	@echo "make bench        measure against DuckDB and others (SCALE, ONLY, RUNS, LARGE=1, WRITE=1)"

# The example diverges, which is exit code 1, and what it is there to show.
quickstart:
	@$(CARGO) run --release --quiet -- run --project examples/quickstart; code=$$?; [ $$code -le 1 ] || exit $$code

test:
	scripts/setup-tests
	$(CARGO) test --locked

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	@if [ -f deny.toml ] && $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --locked --offline check licenses bans sources; fi

bench:
	scripts/setup-tests --benches
	$(CARGO) build --release --locked
	$(VENV)/bin/python benches/suite.py --scale $(or $(SCALE),1) $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(LARGE),--large) $(if $(WRITE),--write)
