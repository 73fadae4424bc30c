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
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS)) -liberty -lutil -lm
CPPFLAGS  := -D_GNU_SOURCE -DPROFTOP_VERSION='"$(VERSION)"' -I. -I$(BUILD)/gen
CFLAGS     = -std=gnu11 -pthread $(OPT) $(WARN) $(SAN) $(PKG_CFLAGS)
LDFLAGS   := -pthread $(SAN) -Wl,--as-needed

# Code that runs in the target: no sanitizer, nothing but libc, no lazy binding.
TARGET_CFLAGS  := -std=gnu11 -O2 -g -fPIC -fvisibility=hidden -ftls-model=initial-exec \
                  -fno-stack-protector -U_FORTIFY_SOURCE $(WARN)
TARGET_LDFLAGS := -shared -Wl,-z,now,-z,relro,-z,defs,-z,nodelete,-soname,libproftop.so \
                  -Wl,--version-script=collectors/exports.map

CORE_SRC   := $(wildcard core/*/*.c) $(wildcard collectors/perf/*.c)
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

$(BUILD)/collectors/target/%.o: collectors/target/%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE -DPROFTOP_VERSION='"$(VERSION)"' -I. $(TARGET_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.c | $(BUILD)/gen/profile.pb-c.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/libcore.a: $(CORE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/proftop: $(TUI_OBJ) $(BUILD)/libcore.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(TUI_OBJ) $(BUILD)/libcore.a $(PKG_LIBS)

$(BUILD)/libproftop.so: $(TARGET_OBJ) collectors/exports.map
	$(call say,LD,$@)
	$(Q)$(CC) $(TARGET_LDFLAGS) -o $@ $(TARGET_OBJ)

$(BUILD)/tests/unit/%: tests/unit/%.c $(BUILD)/libcore.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $< $(LDFLAGS) $(BUILD)/libcore.a $(PKG_LIBS) -lcmocka

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all
