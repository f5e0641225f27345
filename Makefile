# The template's commands; `make help` lists them.

# One target folder for the workshop, the template and every rendered service:
# their dependencies are the same and are built once.
export CARGO_TARGET_DIR := $(CURDIR)/target

# cargo-generate copies the whole clone of a --path, gigabytes with this folder,
# except for folders that bear a tag. Cargo writes it only into one that it makes.
ifeq ($(wildcard target/CACHEDIR.TAG),)
$(shell mkdir -p target && echo "Signature: 8a477f597d28d172789f06886806bc55" > target/CACHEDIR.TAG)
endif

# The first build takes a minute or two, and says so by not being --quiet.
SCAFFOLD = cargo run --locked $(if $(wildcard $(CARGO_TARGET_DIR)/debug/scaffold),--quiet) \
	--manifest-path workshop/Cargo.toml --package scaffold --

CARGO_GENERATE = target/tools/bin/cargo-generate
CARGO_GENERATE_VERSION = 0.26.0

.PHONY: help new sync tools

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

sync: ## Derives the .liquid twins from the template's plain files
	@$(SCAFFOLD) sync

# The command line that users have; the tests render with it as well. Its lock file
# names crates that want a newer compiler than they need: hence --ignore-rust-version.
tools: $(CARGO_GENERATE) ## Builds the tools that the tests call, unless they are there

$(CARGO_GENERATE):
	@echo "Building cargo-generate $(CARGO_GENERATE_VERSION) (two to four minutes) ..."
	@cargo install cargo-generate --version $(CARGO_GENERATE_VERSION) --locked --ignore-rust-version --debug --root target/tools
