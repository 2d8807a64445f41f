# zipora's Makefile
#
#	make, make install, make installcheck	as for any extension (PGXS)
#	make setup		installs what the tests need (Debian, Ubuntu)
#	make demo		the main job on real data, on a throw-away server
#	make test		every test, on a throw-away server
#	make unit		the C unit tests; UNIT_VARIANTS="gcc tsan" chooses among gcc clang asan tsan
#	make model		the protocols of src/sync and src/port, checked by spin
#	make index		the differential test of indexes, INDEX_SECONDS=120; see test/index/README.md
#	make torture	long random runs, TORTURE_SECONDS=600 in all; TORTURE_VARIANTS as above
#	make bench		the core against other ordered maps
#	make bench-pool	the memory pools against other allocators
#	make bench-sync-sql	counters and futexes from SQL against what PostgreSQL has
#	make bench-sync	what tokens and access levels cost
#	make bench-index	zipora indexes against btree, hash and SP-GiST, BENCH_ROWS=1000000
#	make bench-longest-prefix	the longest prefix in a dial plan and a routing table
#	make bench-growth	probes of 10 k to 10 M keys, BENCH_GROWTH="10000 100000"
#	make bench-sql	what a call from SQL costs above the core's own lookup
#	make points		build/points/zipora.so: the library with stops for test/t
#	make core		build/core/libzipora.a: the core alone, without PostgreSQL
#
# The PGXS part needs pg_config and PostgreSQL's headers.  Where they are missing
# the file still parses, so that "make setup", "make demo" and "make test" can
# install them; setting PG_CONFIG chooses among several versions.

CORE_FOLDERS = port mem sync trie match
SERVER_FOLDERS = shm am log sqlapi

CORE_SOURCES := $(sort $(foreach folder,$(CORE_FOLDERS),$(wildcard src/$(folder)/*.c)))
SERVER_SOURCES := $(sort $(wildcard src/*.c) \
	$(foreach folder,$(SERVER_FOLDERS),$(wildcard src/$(folder)/*.c)))

WARNINGS = -Wall -Wextra -Wmissing-prototypes -Wdeclaration-after-statement
ifeq ($(CI),true)
WARNINGS += -Werror
endif

# ---- the extension ----------------------------------------------------------

EXTENSION = zipora
MODULE_big = zipora
OBJS = $(patsubst %.c,%.o,$(SERVER_SOURCES) $(CORE_SOURCES))
DATA = $(sort $(wildcard sql/zipora--*.sql))

# Install scripts and regression tests share sql/.
REGRESS = $(patsubst sql/%.sql,%,$(filter-out sql/zipora--%,$(sort $(wildcard sql/*.sql))))

# The tests have letters beyond ASCII.
REGRESS_OPTS = --encoding=UTF8

ISOLATION = $(patsubst test/isolation/specs/%.spec,%, \
	$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation --load-extension=zipora

PROVE_TESTS = $(sort $(wildcard test/t/*.pl))
ifneq ($(PROVE_TESTS),)
TAP_TESTS = 1
endif

PG_CPPFLAGS = -I$(srcdir)/src
# Not in PG_CPPFLAGS, which also feeds the rule for bitcode.
PG_CFLAGS = -std=gnu11 $(WARNINGS) -MMD -MP
EXTRA_CLEAN = $(OBJS:.o=.d) build

# Bitcode lets PostgreSQL's JIT inline functions; nothing here is worth it, and it
# needs one certain version of clang.  "make with_llvm=yes" builds it all the same.
ifneq ($(origin with_llvm),command line)
override with_llvm = no
endif

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2> /dev/null))

ifneq ($(PGXS),)

include $(PGXS)

# PostgreSQL's headers are not written for -Wextra, its callbacks have arguments
# that not every function uses, and gcc finds PG_TRY in a loop wrong by itself.
$(SERVER_SOURCES:.c=.o): override CFLAGS += -isystem $(includedir_server) -Wno-unused-parameter \
	$(if $(findstring clang,$(CC)),,-Wno-clobbered)

-include $(wildcard $(OBJS:.o=.d))

# The library with the points at which a test may stop it (src/shm/test_point.c).
points: build/points/zipora$(DLSUFFIX)

build/points/zipora$(DLSUFFIX): $(SERVER_SOURCES) $(CORE_SOURCES)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) $(CFLAGS_SL) -isystem $(includedir_server) -Wno-unused-parameter \
		$(if $(findstring clang,$(CC)),,-Wno-clobbered -Wno-maybe-uninitialized) -DZP_POINTS -O1 -shared -o $@ $^ $(LDFLAGS)

.PHONY: points

else

all install uninstall installcheck:
	@echo "PostgreSQL's headers are not here; install them, or set PG_CONFIG, or try: make setup" >&2
	@exit 1

clean:
	rm -rf $(OBJS) $(EXTRA_CLEAN)

.PHONY: all install uninstall installcheck clean

endif

.DEFAULT_GOAL := all

# ---- the core alone, and its tests ------------------------------------------
#
# A variant is a compiler with its flags; each builds the core, the helpers of
# the tests and the tests anew under build/<variant>.

VARIANTS = core gcc clang asan tsan
TEST_FLAGS = -g -DZP_POINTS -Itest/unit

CC_core = $(CC)
FLAGS_core = -O2 -g
CC_gcc = gcc
FLAGS_gcc = -O2 $(TEST_FLAGS)
CC_clang = clang
FLAGS_clang = -O2 $(TEST_FLAGS)
CC_asan = gcc
FLAGS_asan = -O1 $(TEST_FLAGS) -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=all
CC_tsan = gcc
FLAGS_tsan = -O1 $(TEST_FLAGS) -fno-omit-frame-pointer -fsanitize=thread

UNIT_SOURCES := $(sort $(wildcard test/unit/test_*.c))
UNIT_HELPERS := $(filter-out test/unit/test_%,$(sort $(wildcard test/unit/*.c)))
TORTURE_SOURCES := $(sort $(wildcard test/torture/*.c))
TEST_LIBRARIES = -lcmocka -lpthread

# $(call in_variant,variant,sources,suffix)
in_variant = $(patsubst %.c,build/$(1)/%$(3),$(2))

define variant_rules
build/$(1)/%.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(CC_$(1)) -std=gnu11 $$(WARNINGS) $$(FLAGS_$(1)) -Isrc -MMD -MP -c -o $$@ $$<

build/$(1)/libzipora.a: $(call in_variant,$(1),$(CORE_SOURCES),.o)
	rm -f $$@
	ar rcs $$@ $$^

$(call in_variant,$(1),$(UNIT_SOURCES) $(TORTURE_SOURCES)): build/$(1)/%: build/$(1)/%.o \
		$(call in_variant,$(1),$(UNIT_HELPERS),.o) build/$(1)/libzipora.a
	$$(CC_$(1)) $$(FLAGS_$(1)) -o $$@ $$^ $$(TEST_LIBRARIES)

unit-programs-$(1): $(call in_variant,$(1),$(UNIT_SOURCES))
torture-programs-$(1): $(call in_variant,$(1),$(TORTURE_SOURCES))
.PHONY: unit-programs-$(1) torture-programs-$(1)

-include $$(wildcard build/$(1)/*/*/*.d)
endef

$(foreach variant,$(VARIANTS),$(eval $(call variant_rules,$(variant))))

# Objects that only a pattern asks for are kept.
.SECONDARY:

# ---- the differential test of indexes: a client of the server ----------------

INDEX_TEST_SOURCES := $(sort $(wildcard test/index/*.c))
INDEX_TEST_OBJECTS := $(patsubst %.c,build/index/%.o,$(INDEX_TEST_SOURCES))

build/index/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARNINGS) -O2 -g -Itest/index -I$(shell $(PG_CONFIG) --includedir) \
		-MMD -MP -c -o $@ $<

build/index/differential: $(INDEX_TEST_OBJECTS)
	$(CC) -o $@ $^ -L$(shell $(PG_CONFIG) --libdir) -lpq

-include $(wildcard build/index/*/*/*.d)

core: build/core/libzipora.a

setup:
	test/setup test

demo:
	test/demo/run

test:
	test/run

unit:
	test/run unit

model:
	test/run model

index:
	test/run index

torture:
	test/run torture

bench:
	test/setup bench
	$(MAKE) -C test/bench

bench-pool:
	test/setup bench
	$(MAKE) -C test/bench/pool

bench-sync:
	test/setup bench
	$(MAKE) -C test/bench/sync

bench-index:
	test/setup demo
	test/bench/index/run

bench-longest-prefix:
	test/setup demo
	test/bench/longest_prefix/run

bench-growth:
	test/setup demo
	test/bench/growth/run

bench-sql:
	test/setup bench
	test/bench/call

bench-sync-sql:
	test/setup test
	test/bench/sync/sql

.PHONY: core setup demo test unit model index torture bench bench-pool bench-sync bench-index bench-longest-prefix bench-growth bench-sql bench-sync-sql
