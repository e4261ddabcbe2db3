# Makefile - builds, checks and tests Octet. `make help` lists the targets.
# SPDX-License-Identifier: MIT
#
# One file, not recursive. Objects go to build/<mode>: release, asan, tsan, static, aarch64; so no mode needs a `make clean`.
#   make                     release          make SAN=address,undefined     build/asan
#   make STATIC=1            build/static     make SAN=thread                build/tsan
#   make CROSS=aarch64       build/aarch64
# V=1 shows the whole commands.

all:

CROSS ?=
SAN ?=
STATIC ?=
WERROR ?= $(if $(CI),1,)
OPT ?= -O2

ifeq ($(CROSS),aarch64)
MODE := aarch64
CC := aarch64-linux-gnu-gcc
AR := aarch64-linux-gnu-ar
ARCH := aarch64
RUN := qemu-aarch64 -cpu max
PKG_CONFIG := PKG_CONFIG_LIBDIR=/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig pkg-config
else
MODE := $(if $(SAN),$(if $(findstring thread,$(SAN)),tsan,asan),$(if $(STATIC),static,release))
ARCH := $(shell uname -m | sed 's/arm64/aarch64/')
RUN :=
PKG_CONFIG := pkg-config
endif

B := build/$(MODE)
# $(call say,CC,FILE) before a command: one short line in its place, unless V=1 asks for the command itself.
say = $(if $(V),,@printf '  %-4s %s\n' $(1) $(2);)
# For $(MAKE) in a recipe: all processors, unless the caller said how many.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))
PACKAGES := json-c yajl libxxhash libpcre2-8 libutf8proc libedit libmicrohttpd inih

CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Isrc
CFLAGS := -std=c11 $(OPT) -g -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wdouble-promotion \
          $(if $(WERROR),-Werror) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LDFLAGS := $(if $(SAN),-fsanitize=$(SAN)) $(if $(STATIC),-static)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
LDLIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lm -pthread
# Linked whole, the HTTP library comes without its TLS (src/server/static/no_tls.c); Debian's static yajl has another name.
ifneq ($(STATIC),)
LDLIBS := -lmicrohttpd $(patsubst -lyajl,-lyajl_s,$(shell $(PKG_CONFIG) --static --libs $(filter-out libmicrohttpd,$(PACKAGES)))) -lm -pthread
endif

# Only files named for an instruction set are compiled for it, so that none of its instructions leaks elsewhere.
%_avx2.o: ISA := -O3 -mavx2 -mfma -mf16c
%_avx512.o: ISA := -O3 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mavx512vbmi -mavx2 -mfma -mf16c
%_neon.o: ISA := -O3 -march=armv8.2-a+dotprod
# The reference defines the results: no contraction of its products and sums.
$(B)/src/kernel/ref/%.o: ISA := -ffp-contract=off

KERNEL_DIRS := src/kernel src/kernel/ref src/kernel/cpu $(if $(filter x86_64,$(ARCH)),src/kernel/x86) \
               $(if $(filter aarch64,$(ARCH)),src/kernel/arm)
TEXT_DIRS := src/text src/text/template src/text/grammar src/text/schema src/text/toolcall
SRC := $(foreach d,src/base src/format $(TEXT_DIRS) $(KERNEL_DIRS) src/model src/engine src/api src/server src/cli,$(wildcard $(d)/*.c))
OBJ := $(SRC:%.c=$(B)/%.o)
LIB := $(B)/liboctet.a
SUPPORT := $(patsubst %.c,$(B)/%.o,$(wildcard tests/support/*.c))
TESTS = $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/$(1)/test_*.c))
BENCHES := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/bench_*.c))

.PHONY: all install deps deps-aarch64 demo test test-full test-unit test-kernel test-model test-cli test-server test-asan test-tsan test-stress test-load \
        test-aarch64 test-static test-agents bench fuzz lint format compdb check clean help objects tests
.SECONDARY:

all: $(B)/octet $(if $(filter release,$(MODE)),octet)

octet: build/release/octet ## the program, as ./octet
	@ln -sf $< $@

# What the objects depend on besides their sources: compiler and flags.
FLAGS := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LDLIBS)
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@
FORCE:

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<) \
	$(CC) $(CPPFLAGS) $(if $(filter tests/%,$<),-Itests) $(CFLAGS) $(ISA) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(LIB): $(filter-out $(B)/src/cli/main.o,$(OBJ))
	@rm -f $@
	$(call say,AR,$@) $(AR) rcs $@ $^

$(B)/octet: $(B)/src/cli/main.o $(if $(STATIC),$(B)/src/server/static/no_tls.o) $(LIB)
	$(call say,LD,$@) $(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

# An archive, so that a test links only what it uses of it and may bring its own version of the rest.
$(B)/libsupport.a: $(SUPPORT)
	@rm -f $@
	$(call say,AR,$@) $(AR) rcs $@ $^

$(B)/tests/%: $(B)/tests/%.o $(B)/libsupport.a $(LIB)
	$(call say,LD,$@) $(CC) $(LDFLAGS) $^ -o $@ -lcmocka $(LDLIBS)

$(B)/bench/%: $(B)/bench/%.o $(LIB)
	$(call say,LD,$@) $(CC) $(LDFLAGS) $^ -o $@ $(LDLIBS)

objects: $(OBJ)
tests: $(foreach s,unit kernel model cli server,$(call TESTS,$(s))) ## build all test programs

# What is missing is installed once; where all is there this costs a moment.
deps: ## install what is missing (Debian packages)
	@sh tools/deps.sh

deps-aarch64: ## install what the cross build and its emulator need
	@sh tools/deps.sh aarch64

demo: deps ## build, and let the demonstration model answer three prompts
	@$(MAKE) $(PARALLEL) --no-print-directory all
	@OCTET=./octet sh tools/demo.sh

PREFIX ?= /usr/local
DEMO_DIR = $(DESTDIR)$(PREFIX)/share/octet/models/octet-mini
install: all ## the program and the demonstration model into PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DEMO_DIR)
	install -m 755 $(B)/octet $(DESTDIR)$(PREFIX)/bin/octet
	install -m 644 $(wildcard models/octet-mini/*) $(DEMO_DIR)

bench/%: $(B)/bench/% ;
bench: $(BENCHES) ## build the benchmarks (build/release/bench/)

# --- tests -------------------------------------------------------------------------------------------------------------------
RUNTESTS := RUN='$(RUN)' sh tools/runtests.sh
UNIT = $(call TESTS,unit)
KERNEL = $(call TESTS,kernel)
MODEL = $(call TESTS,model)
CLI = $(call TESTS,cli)
SERVER = $(call TESTS,server)
SHELL_TESTS := $(wildcard tests/cli/test_*.sh)
SERVER_TESTS := $(wildcard tests/server/test_*.sh) $(wildcard tests/clients/test_*.sh)
ANSWERS := tests/cli/test_answers.sh
# At once, of those that mostly use one thread; what computes with the model has all processors for itself.
TEST_JOBS := 2
# The prompts with known answers take minutes there and meet no code that the others do not.
SANITIZED = $(UNIT) $(KERNEL) $(B)/tests/server/test_server OCTET=$(B)/octet $(B)/tests/cli/test_bad_input $(filter-out $(ANSWERS),$(SHELL_TESTS))
THREADED = $(B)/tests/unit/test_matcher $(B)/tests/unit/test_pool $(B)/tests/unit/test_store $(B)/tests/unit/test_store_disk $(B)/tests/kernel/test_ops \
           $(B)/tests/server/test_server

test-unit: $(UNIT) ## modules of base to cli
	@$(RUNTESTS) $^
test-kernel: $(KERNEL) ## kernels against the reference, operations
	@$(RUNTESTS) $^
test-model: $(MODEL) ## checkpoints against golden logits, determinism
	@$(RUNTESTS) -t 1200 $^
test-cli: $(CLI) $(B)/octet ## the commands
	@OCTET=$(B)/octet $(RUNTESTS) $(CLI) $(SHELL_TESTS)
test-server: $(SERVER) $(B)/octet ## the server: its own tests, and the official SDKs as clients
	@OCTET=$(B)/octet $(RUNTESTS) -t 1200 $(SERVER) $(SERVER_TESTS)
test-asan: ## unit and kernel tests and the commands under ASan and UBSan
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=address,undefined OPT=-O1 test-sanitized
test-tsan: ## what uses threads under TSan
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=thread OPT=-O1 test-threads
test-aarch64: ## unit, kernel and model tests of the aarch64 build, emulated
	@$(MAKE) $(PARALLEL) --no-print-directory CROSS=aarch64 test-emulated

test-static: ## the program linked whole: it needs no library, runs and serves
	@$(MAKE) $(PARALLEL) --no-print-directory STATIC=1 all
	@! readelf -d build/static/octet | grep NEEDED
	@OCTET=build/static/octet $(RUNTESTS) -t 1200 tests/cli/test_run.sh tests/server/test_http.sh

test-stress: ## eight threads at the engine for STRESS_SECONDS (60), under ASan and UBSan, then under TSan
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=address,undefined OPT=-O2 stress
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=thread OPT=-O2 stress

test-load: all ## 256 streams at once and 1,000 requests one after another, over HTTP, in full length
	@OCTET_TEST_FULL=1 $(RUNTESTS) -v -t 3000 tests/server/test_load.sh

STRESS_SECONDS ?= 60
.PHONY: stress
stress: $(B)/tests/model/test_engine
	@OCTET_TEST_SECONDS=$(STRESS_SECONDS) OCTET_TEST_FILTER='threads_submit*' $(RUNTESTS) -v -t 3000 $<

.PHONY: sanitized threaded test-sanitized test-threads test-emulated
sanitized: $(UNIT) $(KERNEL) $(B)/tests/server/test_server $(B)/tests/cli/test_bad_input $(B)/octet
threaded: $(THREADED)
test-sanitized: sanitized
	@$(RUNTESTS) $(SANITIZED)
test-threads: threaded
	@$(RUNTESTS) $(THREADED)
test-emulated: $(UNIT) $(KERNEL) $(MODEL)
	@OCTET_TEST_SHORT=1 $(RUNTESTS) -t 3000 $^

# One list, so that the last line sums over everything.
test: deps test-vocab test-clients-deps ## everything that README promises, in minutes
	@$(MAKE) $(PARALLEL) --no-print-directory tests all
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=address,undefined OPT=-O1 sanitized
	@$(MAKE) $(PARALLEL) --no-print-directory SAN=thread OPT=-O1 threaded
	@$(RUNTESTS) -t 1200 -j1 $(MODEL) $(ANSWERS) -j$(TEST_JOBS) $(SERVER) $(SERVER_TESTS) $(UNIT) $(KERNEL) $(CLI) $(filter-out $(ANSWERS),$(SHELL_TESTS)) \
	    $(THREADED:build/release/%=build/tsan/%) $(subst build/release,build/asan,$(SANITIZED))

test-full: ## every golden sequence, every prompt with a known answer on both paths, every recorded request of agents, with the figures
	@$(MAKE) $(PARALLEL) --no-print-directory tests all
	@OCTET_TEST_FULL=1 $(RUNTESTS) -v -t 6000 $(B)/tests/model/test_mini_golden $(B)/tests/model/test_greedy tests/cli/test_answers.sh \
	    $(B)/tests/server/test_replays

test-agents: all ## seven agents from npm, headless, without network, against the server (2 GB in build/agents)
	@sh tools/agents.sh
	@python3 tests/agents/run.py --octet $(B)/octet

test-vocab: ## fetch the real Qwen3 vocabulary for the tokeniser's tests
	@sh tools/fetch-test-vocab.sh || echo "test-vocab: not available; its tests will be skipped"
test-clients-deps: ## install the official SDKs that talk to the server in tests/clients
	@{ sh tools/deps.sh clients && sh tools/clients.sh; } || echo "test-clients-deps: not all available; their tests will be skipped"

test-suite: ## fetch the JSON Schema Test Suite and a validator for the tests of schemas
	@sh tools/fetch-json-schema-suite.sh || echo "test-suite: not all available; what is missing is skipped in the tests"

# --- checks ------------------------------------------------------------------------------------------------------------------
HEADERS := $(wildcard src/*/*.h src/*/*/*.h)
FORMATTED := $(wildcard src/*/*.[ch] src/*/*/*.[ch] tests/*/*.[ch] bench/*.[ch])
TIDY := $(addprefix tidy-,$(SRC))

lint: lint-format lint-links lint-layers lint-headers lint-tidy ## format, links, layers, cycles, headers alone, clang-tidy
lint-format:
	@clang-format --dry-run -Werror $(FORMATTED)
lint-links:
	@sh tools/links.sh
lint-layers: $(OBJ)
	@sh tools/layers.sh
	@sh tools/symcycles.sh $(OBJ)
	@sh tools/banned.sh
# Each header compiles alone; those of kernel/ also as C++, since CUDA sources will include them.
lint-headers:
	@for h in $(HEADERS); do \
	    $(CC) $(CPPFLAGS) -std=c11 -Wall -Wextra -Werror $(PKG_CFLAGS) -fsyntax-only -x c $$h || exit 1; done
	@for h in $(wildcard src/kernel/*.h); do \
	    $(CXX) $(CPPFLAGS) -std=c++17 -Wall -Werror -fsyntax-only -x c++ $$h || exit 1; done
# How far the analyzer follows the paths of one function: its own default, 225000, takes five times as long.
TIDY_NODES ?= 50000
# A file is looked at again when its object is made again: it, one of its headers or the flags changed.
lint-tidy: $(TIDY)
$(TIDY): tidy-%.c: build/tidy/%.ok
build/tidy/%.ok: $(B)/%.o .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $*.c -- -Xclang -analyzer-config -Xclang max-nodes=$(TIDY_NODES) $(CPPFLAGS) -std=c11 $(PKG_CFLAGS) $(call isa_of,$*.c) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
isa_of = $(if $(findstring _avx2.,$(1)),-mavx2 -mfma -mf16c)$(if $(findstring _avx512.,$(1)),-mavx512f -mavx512bw \
         -mavx512dq -mavx512vl -mavx512vnni -mavx512vbmi -mavx2 -mfma -mf16c)
.PHONY: lint-format lint-links lint-layers lint-headers lint-tidy test-vocab test-clients-deps $(TIDY)

format: ## clang-format every source
	clang-format -i $(FORMATTED)

check: ## what continuous integration runs
	@$(MAKE) $(PARALLEL) --no-print-directory lint
	@$(MAKE) --no-print-directory test

compdb: ## compile_commands.json for editors
	@for f in $(SRC); do printf '{"directory":"%s","file":"%s","command":"%s"},\n' "$(CURDIR)" $$f \
	    "$(CC) $(CPPFLAGS) $(CFLAGS) $(call isa_of,$$f) $(PKG_CFLAGS) -c $$f"; done | sed '1s/^/[/; $$s/,$$/]/' >compile_commands.json

# --- fuzzing -----------------------------------------------------------------------------------------------------------------
FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SRC := $(filter-out src/cli/main.c,$(SRC))
FUZZ_OBJ := $(FUZZ_SRC:%.c=build/fuzz/%.o)
build/fuzz/%_avx2.o build/fuzz/%_avx512.o: ISA += -mavx2
build/fuzz/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<) \
	clang $(CPPFLAGS) $(if $(filter tests/%,$<),-Itests) -std=c11 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	    $(call isa_of,$<) $(PKG_CFLAGS) -c $< -o $@
build/fuzz/liboctet.a: $(FUZZ_OBJ)
	@rm -f $@; $(AR) rcs $@ $^
build/fuzz/fuzz_schema: build/fuzz/tests/support/accepts.o
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c build/fuzz/liboctet.a
	$(call say,LD,$@) \
	clang $(CPPFLAGS) -Itests -std=c11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(PKG_CFLAGS) $^ -o $@ $(LDLIBS)
fuzz: $(FUZZERS:%=build/fuzz/fuzz_%) ## libFuzzer targets, FUZZ_SECONDS (60) each
	@for f in $(FUZZERS); do mkdir -p build/fuzz/corpus/$$f; echo "fuzz $$f"; \
	    build/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=build/fuzz/$$f- build/fuzz/corpus/$$f tests/fuzz/corpus/$$f 2>&1 | \
	        grep -E 'stat::number_of|ERROR|SUMMARY|Test unit' ; \
	    ls build/fuzz/$$f-crash* build/fuzz/$$f-timeout* build/fuzz/$$f-oom* 2>/dev/null && exit 1; done; true

clean: ## remove everything that was built
	rm -rf build octet compile_commands.json

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' Makefile | expand -t 28

-include $(OBJ:.o=.d) $(SUPPORT:.o=.d) $(wildcard $(B)/tests/*/*.d $(B)/bench/*.d)
