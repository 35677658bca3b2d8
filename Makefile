# make demo · make build · make editors · make test · make lint · make bench · make corpus CORPUS=dir · make acceptance CORPUS=dir
# make edit-formats CORPUS=dir · make eval DATA=dir
# One profile for everything: llama.cpp is compiled once for each.

CARGO := cargo
BIN := target/release/baton
export CMAKE_C_COMPILER_LAUNCHER ?= $(shell command -v ccache)
export CMAKE_CXX_COMPILER_LAUNCHER ?= $(shell command -v ccache)

.PHONY: demo build editors editors-neovim editors-vscode test lint bench corpus acceptance edit-formats eval setup-build setup-test

demo: build
	@tests/demo/run.sh

build: setup-build
	$(CARGO) build --release --locked -p baton

editors: editors-vscode editors-neovim

# What only the tests need is fetched while the program is built.
test: setup-build
	@mkdir -p target; tests/setup.sh test >target/setup.log 2>&1 & setup=$$!; \
	$(CARGO) fmt --all --check && $(CARGO) build --release --locked -p baton; built=$$?; \
	wait $$setup; fetched=$$?; cat target/setup.log; exit $$((built | fetched))
	$(CARGO) test --release --locked --workspace
	tests/demo/run.sh

lint: setup-build
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings

bench: setup-test
	$(CARGO) build --release --locked -p baton -p baton-tests
	target/release/editor_load
	target/release/serve_load
	$(CARGO) bench --locked -p baton

corpus: setup-test
	@test -n "$(CORPUS)" || { echo "name a corpus: make corpus CORPUS=dir"; exit 2; }
	$(CARGO) build --release --locked -p baton -p baton-tests
	target/release/corpus "$(CORPUS)"

acceptance: setup-build
	@test -n "$(CORPUS)" || { echo "name a corpus: make acceptance CORPUS=dir"; exit 2; }
	$(CARGO) build --release --locked -p baton
	$(CARGO) run --release --locked -p baton --example acceptance -- "$(CORPUS)"

edit-formats: setup-build
	@test -n "$(CORPUS)" || { echo "name a corpus: make edit-formats CORPUS=dir"; exit 2; }
	$(CARGO) run --release --locked -p baton --example edit_formats -- "$(CORPUS)"

editors-vscode: build
	editors/vscode/build.sh

# Unpack it into ~/.local/share/nvim/site/pack/baton/start
editors-neovim:
	mkdir -p target/editors
	tar -czf target/editors/baton.nvim.tar.gz --sort=name --owner=0 --group=0 --mtime=@0 --exclude=tags \
		--transform 's,^editors/neovim,baton.nvim,;s,^LICENSE,baton.nvim/LICENSE,' editors/neovim LICENSE-APACHE LICENSE-MIT

# DATA holds recordings: `lcb` and `swe`, each with tasks.jsonl and outcomes.csv. The oldest tasks are learned from. The heads that are
# compiled in know all of `lcb`, so what is played on it is played by heads that know the oldest alone.
VERIFIER := tests
eval: setup-build
	@test -n "$(DATA)" || { echo "name the recordings: make eval DATA=dir"; exit 2; }
	$(CARGO) build --release --locked -p baton
	@set -eu; for split in lcb:400 swe:200; do \
	  name=$${split%:*}; from=$${split#*:}; out=target/eval/$$name; mkdir -p $$out; \
	  recorded="--train $(DATA)/$$name --test $(DATA)/$$name --train-before $$from --test-from $$from --verifier $(VERIFIER)"; \
	  $(BIN) train heads --data $(DATA)/$$name --train-before $$from --verifier $(VERIFIER) --out $$out/heads.json; \
	  $(BIN) eval replay $$recorded --heads $$out/heads.json --out $$out/mini.jsonl; \
	  for policy in single cheapest random fanout; do $(BIN) eval replay $$recorded --policy $$policy --out $$out/$$policy.jsonl; done; \
	  played="$$out/mini.jsonl $$out/ultra.jsonl"; \
	  if [ $$name = lcb ]; then chances="--heads $$out/heads.json"; \
	  else chances=; played="$$played $$out/shipped.jsonl"; $(BIN) eval replay $$recorded --out $$out/shipped.jsonl; fi; \
	  $(BIN) eval replay $$recorded --policy ultra $$chances --out $$out/ultra.jsonl; \
	  $(BIN) eval report $$recorded --out $$out/report.html $$played; \
	  half="--train $(DATA)/$$name --test $(DATA)/$$name --train-before $$((from / 2)) --test-from $$((from / 2)) --verifier $(VERIFIER)"; \
	  $(BIN) train heads --data $(DATA)/$$name --train-before $$((from / 2)) --verifier $(VERIFIER) --out $$out/heads-stream.json; \
	  for change in joins "joins --declared 0.5" "joins --declared 0.75" leaves degrades; do \
	    $(BIN) eval stream $$half --heads $$out/heads-stream.json --change $$change --at $$((from / 4)) --seeds 3 --vectors $$out; done; \
	  echo "written: $$out/report.html"; \
	done

setup-build:
	@tests/setup.sh build

setup-test:
	@tests/setup.sh test
