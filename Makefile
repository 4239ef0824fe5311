.PHONY: run fmt lint doc check test-fast test bench faults fuzz help

# Prints this list.
help:
	@awk '/^# / { text = substr($$0, 3) } /^[a-z-]+:/ { printf "  make %-10s %s\n", substr($$1, 1, index($$1, ":") - 1), text }' Makefile

# Starts the page, the REST API and gRPC on this machine, with sessions in memory.
run:
	cargo run --release

# Formats the sources in Rust, JavaScript and CSS.
fmt:
	cargo fmt --all
	@tests/install npm
	npm --prefix tests/browser run --silent format

# Checks formatting, lints and types of Rust and of the page, spelling, the Dockerfile and the rules for dependencies.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@tests/install npm
	npm --prefix tests/browser run --silent types
	npm --prefix tests/browser run --silent lint
	@tests/install python
	target/python/bin/typos
	target/python/bin/hadolint deploy/Dockerfile
	tests/dependencies

# Builds the Rust documentation into target/doc. A warning is an error.
doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Runs lint and doc: what needs no test.
check: lint doc

# Runs the tests that need neither Redis nor a browser: under a minute once everything is built.
test-fast:
	cargo build --workspace --locked
	cargo test --workspace --locked --lib --bins
	cargo test --package nono --locked --test nono -- tidy:: repository:: documents:: deploy:: rest::memory
	cd tests/browser && npm run --silent unit

# Installs what is missing and runs every test. The last line has the number of passed and failed cases.
test:
	@tests/run

# Measures performance and compares it with its targets: a quarter of an hour after the build (ONLY=gateway for a part).
bench:
	@node tests/bench/main.js $(ONLY)

# Runs the fault tests with random choices for 20 minutes (MINUTES=5 for fewer).
faults:
	@tests/faults

# Searches for input that the parsers mishandle, 20 s for each of them (SECONDS=300 for longer). Needs a nightly toolchain.
fuzz:
	@tests/install python
	@tests/fuzz $(or $(SECONDS),20)
