# proftop: one non-recursive Makefile. `make demo` and `make check` do everything; see README.md.

BUILD  ?= build
PREFIX ?= /usr/local
V      ?= 0
Q      := $(if $(filter 1,$(V)),,@)
say     = $(if $(Q),@printf '  %-7s %s\n' '$(1)' '$(2)')

VERSION   := 0.1.0
CC        := gcc
WARN      := -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes \
             -Wvla -Wpointer-arith -Wwrite-strings -Wno-sign-conversion -Werror
SAN       ?=
OPT       ?= -O2 -g
PKGS      := glib-2.0 ncursesw libunwind-generic libdw libelf libprotobuf-c zlib jansson
# Asked once, and not before a recipe needs it: `make deps` may have to install the packages first.
PKG_CFLAGS = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)) -lZydis -liberty -lutil -lm)$(PKG_LIBS)
CPPFLAGS  := -D_GNU_SOURCE -DPROFTOP_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen
CFLAGS     = -std=gnu11 -pthread $(OPT) $(WARN) $(SAN) $(PKG_CFLAGS)
LDFLAGS   := -pthread $(SAN) -Wl,--as-needed

# Code that runs in the target: no sanitizer, nothing but libc, no lazy binding.
TARGET_CFLAGS  := -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec \
                  -fno-stack-protector -U_FORTIFY_SOURCE $(WARN)
TARGET_LDFLAGS := -shared -Wl,-z,now,-z,relro,-z,defs,-z,nodelete,-soname,libproftop.so \
                  -Wl,--version-script=collectors/exports.map

CORE_SRC   := $(wildcard core/*/*.c) $(wildcard collectors/perf/*.c collectors/timer/*.c collectors/heap/*.c collectors/calls/*.c)
TUI_SRC    := $(wildcard tui/*/*.c)
TARGET_SRC := $(wildcard collectors/target/*.c)
TEST_SRC   := $(shell find tests/unit -name 'test_*.c' 2>/dev/null)
PROTO      := core/formats/profile.proto

CORE_OBJ   := $(CORE_SRC:%.c=$(BUILD)/%.o) $(BUILD)/gen/profile.pb-c.o
TUI_OBJ    := $(TUI_SRC:%.c=$(BUILD)/%.o)
TARGET_OBJ := $(TARGET_SRC:%.c=$(BUILD)/%.o)
UNIT_TESTS := $(TEST_SRC:%.c=$(BUILD)/%)

all: $(BUILD)/proftop $(BUILD)/libproftop.so

$(BUILD)/gen/profile.pb-c.c $(BUILD)/gen/profile.pb-c.h &: $(PROTO)
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(BUILD)/gen && protoc-c --proto_path=core/formats --c_out=$(BUILD)/gen $<

$(BUILD)/gen/profile.pb-c.o: $(BUILD)/gen/profile.pb-c.c
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(OPT) $(SAN) $(PKG_CFLAGS) -c -o $@ $<

# Text that the program writes out: a C string for each line.
$(BUILD)/gen/%.inc: %
	$(Q)mkdir -p $(@D) && sed 's/[\\"?]/\\&/g; s/.*/"&\\n"/' $< >$@

$(BUILD)/core/formats/flame_svg.o: $(addprefix $(BUILD)/gen/core/formats/flame_svg.,css.inc js.inc)

$(BUILD)/collectors/target/%.o: collectors/target/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE -DPROFTOP_VERSION='"$(VERSION)"' -I. $(TARGET_CFLAGS) -MMD -MP -c -o $@ $<

# What runs between a function and its caller has nothing but general registers; tests/lint/registers.sh looks.
GENERAL_REGS := calls_enter calls_hooks calls_segment patch_code patch_entry patch_returns patch_vectors sampler
$(GENERAL_REGS:%=$(BUILD)/collectors/target/%.o): TARGET_CFLAGS += -mgeneral-regs-only

$(BUILD)/%.o: %.c | $(BUILD)/gen/profile.pb-c.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libcore.a: $(CORE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# For the unit tests, all but main.
$(BUILD)/libtui.a: $(filter-out %/main.o,$(TUI_OBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/proftop: $(TUI_OBJ) $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(TUI_OBJ) $(BUILD)/libcore.a $(PKG_LIBS)

$(BUILD)/libproftop.so: $(TARGET_OBJ) collectors/exports.map
	$(call say,LD,$@)
	$(Q)$(CC) $(TARGET_LDFLAGS) -o $@ $(TARGET_OBJ)

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libtui.a $(BUILD)/libcore.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(filter %.o,$^) $(LDFLAGS) $(BUILD)/libtui.a $(BUILD)/libcore.a $(PKG_LIBS) -lcmocka

# ---- programs that the tests profile ----

T             := $(BUILD)/tests/targets
TARGETS_TWICE := truth threads_cxx recursion
TARGETS_ONCE  := children dies dlclose_reuse jit signal_deep inlines no_perf attacker sampled many_threads selfcheck
HEAP          := $(basename $(notdir $(wildcard tests/targets/heap/*.c tests/targets/heap/*.cc)))
HEAP          := $(filter-out plugin bump,$(HEAP)) first.so second.so bump.so
# Of exact calls: with the compiler's hooks, with patchable entries, and unmodified.
CALLS         := $(foreach p,truth_calls leaves_calls lives_calls serves_calls throws_calls first second generated,$(p)-cyg $(p)-sled $(p)-plain)
CALLS         := $(foreach p,$(CALLS),$(p)$(if $(filter first-% second-%,$(p)),.so)) truth_calls-endbr
HOSTILE       := $(basename $(notdir $(wildcard tests/targets/hostile/*.c tests/targets/hostile/*.cc)))
TEST_TARGETS  := $(HOSTILE:%=$(T)/hostile/%) $(HEAP:%=$(T)/heap/%) $(CALLS:%=$(T)/calls/%) $(BUILD)/tests/e2e/toggle_calls \
                 $(foreach t,$(TARGETS_TWICE),$(T)/$(t)-fp $(T)/$(t)-nofp) $(TARGETS_ONCE:%=$(T)/%) \
                 $(T)/truth-static $(T)/reuse_first.so $(T)/reuse_second.so \
                 $(T)/hostile/plain_work-static $(T)/hostile/plain_work-pie
$(HOSTILE:%=$(T)/hostile/%): $(wildcard tests/targets/hostile/*.h)
$(HEAP:%=$(T)/heap/%): $(wildcard tests/targets/heap/*.h)
$(T)/hostile/throws: T_CXX += -static-libgcc
# Unit tests that run parts of the collector in themselves.
WALK_OBJ := $(addprefix $(BUILD)/collectors/target/,segment_area.o segment_modules.o mapped_file.o stack_memory.o stack_tree.o \
              stack_walk.o unwind_cfi.o unwind_rules.o patch_returns.o)
$(addprefix $(BUILD)/tests/unit/collectors/target/test_,segment_area segment_modules stack_tree stack_walk unwind_cfi): $(WALK_OBJ)
$(BUILD)/tests/unit/collectors/target/test_segment_modules: | $(T)/reuse_first.so $(T)/reuse_second.so
# Patched code, with a stand-in for what counts calls.
PATCH_OBJ := $(addprefix $(BUILD)/collectors/target/patch_,code.o entry.o returns.o vectors.o) $(T)/calls/stand_in.o
$(addprefix $(BUILD)/tests/unit/collectors/target/test_patch_,backtraces code entry): $(PATCH_OBJ)
$(BUILD)/tests/unit/collectors/target/test_patch_entry: | $(T)/calls/exceptions $(T)/calls/exceptions-static

$(T)/calls/stand_in.o: tests/targets/calls/stand_in.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE -I. $(TARGET_CFLAGS) -mgeneral-regs-only -c -o $@ $<

$(T)/calls/exceptions $(T)/calls/exceptions-static: tests/targets/calls/exceptions.cc $(PATCH_OBJ)
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CXX) $(if $(filter %-static,$@),-static-libgcc -fcf-protection=full) -o $@ $^

# A unit test that starts one of them with the collector.
$(BUILD)/tests/unit/collectors/target/test_sampler: | $(T)/sampled $(T)/reuse_first.so $(T)/reuse_second.so $(BUILD)/libproftop.so
# Those that start themselves with it.
$(addprefix $(BUILD)/tests/unit/collectors/target/,test_heap test_malloc_hooks): | $(BUILD)/libproftop.so
$(addprefix $(BUILD)/tests/unit/collectors/target/,test_scope_api test_scopes): | $(BUILD)/libproftop.so $(T)/calls/scopes
# Those that start a program of theirs with it.
$(addprefix $(BUILD)/tests/unit/collectors/target/,test_calls test_calls_jumps test_calls_threads): | $(BUILD)/libproftop.so \
    $(addprefix $(T)/calls/,scenes unwinds first-cyg.so second-cyg.so)
$(T)/calls/scenes: tests/targets/calls/scenes.c tests/targets/calls/account.h
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -finstrument-functions -o $@ $< -ldl

$(T)/calls/unwinds: tests/targets/calls/unwinds.cc tests/targets/calls/throws_part.c tests/targets/calls/account.h
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -finstrument-functions -fno-exceptions -c -o $@.o tests/targets/calls/throws_part.c && \
	    $(T_CXX) -finstrument-functions -o $@ $< $@.o

T_CC          := $(CC) -std=gnu11 -D_GNU_SOURCE -I. -O2 -g -pthread -Wall -Wextra -Werror
T_CXX         := $(CXX) -std=gnu++17 -I. -O2 -g -pthread -Wall -Wextra -Werror

$(T)/%-fp: tests/targets/%.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fno-omit-frame-pointer -o $@ $<

$(T)/%-nofp: tests/targets/%.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fomit-frame-pointer -o $@ $<

$(T)/%-fp: tests/targets/%.cc
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CXX) -fno-omit-frame-pointer -o $@ $<

$(T)/%-nofp: tests/targets/%.cc
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CXX) -fomit-frame-pointer -o $@ $<

$(T)/%-static: tests/targets/%.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -static -o $@ $<

# Static as well, at an address of the kernel's choice.
$(T)/%-pie: tests/targets/%.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fPIE -static-pie -o $@ $<

# For 32 bits and without any library; where that cannot be, a program that says so.
$(T)/hostile/ia32: tests/targets/hostile/ia32.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && { $(CC) -m32 -O2 -g -ffreestanding -fno-pie -no-pie -nostdlib -static -o $@ $< 2>/dev/null || \
	    $(T_CC) -o $@ $<; }

$(T)/reuse_%.so: tests/targets/reuse_part.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fPIC -shared -DPART=$*_part -o $@ $<

# Libraries for programs of the heap: two that fit into the same place, and an allocator to be preloaded.
$(T)/heap/first.so $(T)/heap/second.so: $(T)/heap/%.so: tests/targets/heap/plugin.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fPIC -shared -DNAME=$* -o $@ $<

$(T)/heap/bump.so: tests/targets/heap/bump.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -fPIC -fno-builtin -shared -o $@ $<

CALLS_OUT := $(CALLS:%=$(T)/calls/%)
$(filter %-cyg %-cyg.so,$(CALLS_OUT)): T_CALLS := -finstrument-functions
$(filter %-sled %-sled.so,$(CALLS_OUT)): T_CALLS := -fpatchable-function-entry=7,5
$(filter %-endbr,$(CALLS_OUT)): T_CALLS := -fpatchable-function-entry=7,5 -fcf-protection=full
$(CALLS_OUT): $(wildcard tests/targets/calls/*.h)

# Exceptions go through a part in C.
$(filter $(T)/calls/throws_calls-%,$(CALLS_OUT)): tests/targets/calls/throws_calls.cc tests/targets/calls/throws_part.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) $(T_CALLS) -fno-exceptions -c -o $@.o tests/targets/calls/throws_part.c && \
	    $(T_CXX) $(T_CALLS) -o $@ $< $@.o

$(filter %.so,$(CALLS_OUT)): tests/targets/calls/plugin.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) $(T_CALLS) -fPIC -shared -DNAME=$(firstword $(subst -, ,$(@F))) -o $@ $<

$(T)/calls/generated.c: tests/targets/calls/generate.py
	$(Q)mkdir -p $(@D) && $< 1000 1 >$@

# With the hooks there are no tail calls: so that all have the same.
$(filter $(T)/calls/generated-%,$(CALLS_OUT)): $(T)/calls/generated.c
$(filter $(T)/calls/generated-%,$(CALLS_OUT)): T_CC += -Wno-parentheses -fno-optimize-sibling-calls
$(foreach p,truth leaves lives serves,$(eval $(filter $(T)/calls/$(p)_%,$(CALLS_OUT)): tests/targets/calls/$(p)_calls.c))
$(filter $(foreach p,truth_ leaves_ lives_ serves_ generated-,$(T)/calls/$(p)%),$(CALLS_OUT)):
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) $(T_CALLS) -o $@ $(filter %.c,$^) -ldl

$(T)/%: tests/targets/%.c
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CC) -o $@ $< -ldl

$(BUILD)/tests/bench/%: tests/bench/%.c $(BUILD)/libtui.a $(BUILD)/libcore.a
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(LDFLAGS) $(BUILD)/libtui.a $(BUILD)/libcore.a $(PKG_LIBS)

# What drives the front end in a test's stead.
$(BUILD)/tests/e2e/%: tests/e2e/%.c $(BUILD)/libtui.a $(BUILD)/libcore.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(LDFLAGS) $(BUILD)/libtui.a $(BUILD)/libcore.a $(PKG_LIBS)

$(T)/%: tests/targets/%.cc
	$(call say,TARGET,$@)
	$(Q)mkdir -p $(@D) && $(T_CXX) -o $@ $<

# ---- packages ----

DEPS       := gcc g++ make pkg-config libglib2.0-dev libncurses-dev libunwind-dev libdw-dev libelf-dev libiberty-dev \
              libprotobuf-c-dev protobuf-c-compiler protobuf-compiler zlib1g-dev libzydis-dev libjansson-dev liblzma-dev libcmocka-dev \
              clang-format tmux jq sqlite3 redis-tools xz-utils python3-minimal git procps strace mandoc shellcheck universal-ctags \
              chromium chromium-driver curl libxml2-utils valgrind libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0
DEPS_BENCH := python3 linux-perf google-perftools libgoogle-perftools4 heaptrack uftrace
DEPS_FUZZ  := clang llvm libclang-rt-14-dev

# $(call install_packages,LIST): does nothing, and quickly, when all of them are there.
install_packages = \
	command -v dpkg-query >/dev/null || { echo "proftop: not a Debian system; needed: $(1)"; exit 0; }; \
	have=" $$(dpkg-query -W -f '$${db:Status-Status}:$${Package} ' $(1) 2>/dev/null) "; missing=; \
	for package in $(1); do case "$$have" in *" installed:$$package "*) ;; *) missing="$$missing $$package";; esac; done; \
	[ -n "$$missing" ] || exit 0; \
	root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	echo "  APT    $$missing"; \
	$$root apt-get update -q >/dev/null && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $$missing >/dev/null

deps:
	@$(call install_packages,$(DEPS))

deps-bench: deps
	@$(call install_packages,$(DEPS_BENCH))

deps-fuzz: deps
	@$(call install_packages,$(DEPS_FUZZ))

# ---- what a person runs; each installs packages first, then builds in a make of its own ----

AGAIN = +$(Q)$(MAKE) --no-print-directory

demo: deps
	$(AGAIN) all
	$(Q)BUILD=$(BUILD) tests/bench/demo.sh

# Whatever cannot be built is a failure that tests/run.sh counts, so that the last line is always there.
SUITES := unit e2e screens lint

check: deps
	$(AGAIN) -k check-build || true
	$(Q)BUILD=$(BUILD) tests/run.sh $(SUITES)

check-unit check-e2e check-screens lint: deps
	$(AGAIN) -k $(if $(filter lint,$@),all,check-build) || true
	$(Q)BUILD=$(BUILD) tests/run.sh $(@:check-%=%)

check-build: all $(UNIT_TESTS) $(TEST_TARGETS)

check-asan: export ASAN_OPTIONS := detect_stack_use_after_return=1:abort_on_error=0:exitcode=99
# Tests that limit memory leave the limit out.
check-asan check-tsan: export SANITIZED := 1
check-asan: export UBSAN_OPTIONS := print_stacktrace=1
check-asan: export G_SLICE := always-malloc
check-asan:
	$(AGAIN) check BUILD=build-asan SUITES="unit e2e" OPT="-O1 -g" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"

# Without address randomisation: this gcc's runtime does not know the layouts of newer kernels.
check-tsan: export TSAN_OPTIONS := exitcode=99:second_deadlock_stack=1
check-tsan:
	+$(Q)setarch -R $(MAKE) --no-print-directory check BUILD=build-tsan SUITES="unit e2e" OPT="-O1 -g" \
	    SAN="-fsanitize=thread -fno-omit-frame-pointer"

FUZZ_SECONDS ?= 30
FUZZERS      := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(BUILD)/libcore.a
	$(call say,FUZZER,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer -o $@ $< $(LDFLAGS) $(BUILD)/libcore.a $(PKG_LIBS)

fuzz: deps-fuzz
	$(AGAIN) run-fuzzers BUILD=build-fuzz CC=clang WARN=-w OPT="-O1 -g" \
	    SAN="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined"

# FUZZ_SECONDS for each; what was found by earlier runs is the corpus. A crash leaves its input beside it.
run-fuzzers: $(FUZZERS)
	$(Q)for fuzzer in $(FUZZERS); do \
	    name=$$(basename $$fuzzer); corpus=$(BUILD)/corpus/$$name; mkdir -p $$corpus; \
	    seeds=; [ ! -d tests/fuzz/$$name ] || seeds=tests/fuzz/$$name; \
	    echo "  FUZZ    $$name, $(FUZZ_SECONDS) s"; \
	    $$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -artifact_prefix=$$corpus- \
	        -verbosity=0 -print_final_stats=1 $$corpus $$seeds || exit 1; \
	done

bench: deps-bench
	$(AGAIN) check-build $(BUILD)/tests/bench/frontend_load
	$(Q)BUILD=$(BUILD) tests/bench/bench.py
	$(Q)BUILD=$(BUILD) tests/bench/bench_heap.py
	$(Q)BUILD=$(BUILD) tests/bench/bench_calls.py
	$(Q)$(BUILD)/tests/bench/frontend_load

format:
	$(Q)git ls-files -co --exclude-standard '*.c' '*.h' '*.cc' | xargs -r clang-format -i

# ---- installation ----

MAN       := $(wildcard man/*.[1-8])
PKGCONFIG  = $(DESTDIR)$(PREFIX)/lib/pkgconfig
comma     := ,

# $(call write_pc,NAME,DESCRIPTION,FLAGS)
write_pc = $(Q)printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' '' 'Name: $(1)' 'Description: $(2)' \
               'Version: $(VERSION)' 'Cflags: $(strip -I$${includedir} $(3))' >$(PKGCONFIG)/$(1).pc

# The flag is that of `proftop cc --flags`.
install-pkgconfig:
	install -d $(PKGCONFIG)
	$(call write_pc,proftop,proftop.h: what programs tell the profiler proftop)
	$(call write_pc,proftop-instrument,compiles programs so that proftop can count their calls,-fpatchable-function-entry=7$(comma)5)

install: all install-pkgconfig
	install -D -m 755 $(BUILD)/proftop $(DESTDIR)$(PREFIX)/bin/proftop
	install -D -m 755 $(BUILD)/libproftop.so $(DESTDIR)$(PREFIX)/lib/proftop/libproftop.so
	$(if $(wildcard collectors/target/proftop.h),install -D -m 644 collectors/target/proftop.h $(DESTDIR)$(PREFIX)/include/proftop.h)
	$(Q)for page in $(MAN); do \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; \
	done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/proftop $(DESTDIR)$(PREFIX)/include/proftop.h
	rm -rf $(DESTDIR)$(PREFIX)/lib/proftop
	rm -f $(PKGCONFIG)/proftop.pc $(PKGCONFIG)/proftop-instrument.pc
	$(Q)for page in $(MAN); do rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

clean:
	rm -rf build build-asan build-tsan build-fuzz

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all deps deps-bench deps-fuzz demo check check-unit check-e2e check-screens check-build check-asan check-tsan \
        fuzz run-fuzzers lint bench format install install-pkgconfig uninstall clean
