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

# What is quick and needs nothing installed: formatting, lints, types.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
