# The template's commands; `make help` lists them.

# One target folder for the workshop, the template and every rendered service:
# their dependencies are the same and are built once.
export CARGO_TARGET_DIR := $(CURDIR)/target

# cargo-generate copies the whole clone of a --path, gigabytes with this folder,
# except for folders that bear a tag. Cargo writes it only into one that it makes.
ifeq ($(wildcard target/CACHEDIR.TAG),)
$(shell mkdir -p target && echo "Signature: 8a477f597d28d172789f06886806bc55" > target/CACHEDIR.TAG)
endif

# Runs a program of the workshop or the template. The first build takes a minute or
# two, and says so by not being --quiet.
run = cargo run --locked $(if $(wildcard $(CARGO_TARGET_DIR)/debug/$(1)),--quiet) --bin $(1)
SCAFFOLD = $(call run,scaffold) --manifest-path workshop/Cargo.toml --

# Gets a broker, sets AMQP_URL, runs the command that follows, removes the broker.
WITH_BROKER = $(call run,with-broker) --manifest-path template/Cargo.toml \
	--package spanconsumer --features testing --

CARGO_GENERATE = target/tools/bin/cargo-generate
CARGO_GENERATE_VERSION = 0.26.0

.PHONY: help demo new test test-template test-workshop lint format doc sync tools clean

help: ## Lists the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

# A value reaches the program through its environment and unexpanded: whatever it
# holds, it stays one word. Only the command line counts, for a variable named n
# or d may well stand in somebody's environment.
give = $(if $(findstring command,$(origin $(1))),$(eval export SCAFFOLD_$(1) := $$(value $(1))))
unexport n d description author in_queue out_queue
ifneq ($(filter new,$(MAKECMDGOALS)),)
$(foreach v,n d description author in_queue out_queue,$(call give,$(v)))
endif

new: ## Makes a service: make new n=orders [d=DIR] [description=…] [author=…] [in_queue=…] [out_queue=…]
ifeq ($(findstring command,$(origin n)),)
	@echo "Usage: make new n=orders [d=DIR] [description=…] [author=…] [in_queue=…] [out_queue=…]" >&2; exit 2
else
	@$(SCAFFOLD) new
endif

demo: ## Renders a service, builds it, and shows it at work on a broker
	@$(call run,demo) --manifest-path workshop/Cargo.toml

test: tools ## Runs every test, on one broker
	@echo "Building the tests (the first time this takes some ten minutes) ..."
	@$(WITH_BROKER) $(MAKE) --no-print-directory --keep-going test-template test-workshop

# In two parts: the template is a workspace of its own, as its users have it.
test-template:
	@cargo test --locked --no-fail-fast --manifest-path template/Cargo.toml --workspace --features spanconsumer/testing

test-workshop:
	@cargo test --locked --no-fail-fast --manifest-path workshop/Cargo.toml --workspace

lint: ## Checks formatting, clippy, documentation and that the twins are in step
	@$(SCAFFOLD) sync --check
	@for workspace in template workshop; do \
		echo "Checking $$workspace ..." && \
		cargo fmt --check --all --manifest-path $$workspace/Cargo.toml && \
		cargo clippy --locked --manifest-path $$workspace/Cargo.toml --workspace --all-targets --all-features -- -D warnings && \
		RUSTDOCFLAGS="-D warnings" cargo doc --locked --manifest-path $$workspace/Cargo.toml --workspace --all-features --no-deps \
		|| exit 1; \
	done

format: ## Formats the sources
	@for workspace in template workshop; do cargo fmt --all --manifest-path $$workspace/Cargo.toml || exit 1; done

doc: ## Builds the book and the framework's documentation below target/
	@$(call run,book) --manifest-path workshop/Cargo.toml -- target/book
	@cargo doc --locked --manifest-path template/Cargo.toml --package spanconsumer --all-features --no-deps
	@echo "The book: target/book/index.html; the framework: target/doc/spanconsumer/index.html"

sync: ## Derives the .liquid twins from the template's plain files
	@$(SCAFFOLD) sync

# The command line that users have; the tests render with it as well. Its lock file
# names crates that want a newer compiler than they need: hence --ignore-rust-version.
tools: $(CARGO_GENERATE) ## Builds the tools that the tests call, unless they are there

$(CARGO_GENERATE):
	@echo "Building cargo-generate $(CARGO_GENERATE_VERSION) (two to four minutes) ..."
	@cargo install cargo-generate --version $(CARGO_GENERATE_VERSION) --locked --ignore-rust-version --debug --root target/tools

clean: ## Removes what was built
	@rm -rf target
