.PHONY: run test faults check

# Serves the page, the REST API and gRPC on this machine, in memory.
run:
	cargo run --release

# Installs what is missing and runs every test. The last line says how many passed and failed.
test:
	@tests/run

# The fault tests with random choices, for 20 minutes (MINUTES=5 for fewer).
faults:
	@tests/faults

# The quick checks: formatting, lints, types. Installs the npm packages of the page if they are missing.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@test -d tests/browser/node_modules || npm --prefix tests/browser ci --no-audit --no-fund --loglevel=error
	npm --prefix tests/browser run --silent types
	npm --prefix tests/browser run --silent lint
