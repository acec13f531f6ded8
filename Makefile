# SPDX-License-Identifier: Apache-2.0
# The only entry point of Guestlane: `make help` lists the targets.
#
# There is one make, no recursion. Each part adds a fragment, <folder>/<part>.mk, which this file includes; paths in a
# fragment are relative to the top folder and outputs lie below $(BUILD). A fragment may append to
#
#   ALL          files that `make all` builds
#   TESTS_CHECK  programs or scripts (with a path) that print TAP, fast: under 10 s each      (`make check`)
#   TESTS_FULL   the same, slower                                                            (`make test`)
#   TESTS_NEED   further files that must be built before tests run (what test scripts call)
#   LINT_RTL     phony targets, each runs $(VERILATOR_LINT) once                             (`make lint`)
#   FORMAT_SRC   C, C++ and header files kept in shape by clang-format                       (`make format`)
#   BENCHES      targets that `make bench` makes, each after the one before it
#   DEMOS        the same for `make demo`
#   CORE_TIMING_TOP, CORE_TIMING_RTL    module and sources that `make timing` takes for the core alone
#   NIC_TIMING_TOP, NIC_TIMING_RTL      the same for the whole NIC
#
# and use the macros below, each in one line, with no blank after a comma:
#
#   $(eval $(call verilator_test,NAME,TOP,RTL,BENCH,FLAGS))
#     Builds $(TB_DIR)/NAME, a unit bench: module TOP of the SystemVerilog files RTL (packages first; write
#     $(REGS_PKG) where the register package is used) under BENCH (C/C++ sources; headers listed there are
#     dependencies only). The model's class is always Vdut (header "Vdut.h"); the bench includes "tb.h" from tests/unit,
#     whose head explains the rest, and tests/unit/demo is a whole example. FLAGS are further Verilator options, such as
#     -GWIDTH=8 or "--top-module x". Adds the program to TESTS_CHECK; `verilator_test_full` adds to TESTS_FULL instead,
#     `verilator_program` adds it to no list. `make TRACE=1` builds benches that can write FST traces (see tb.h).
#
#   $(eval $(call verilator_lint,NAME,TOP,RTL,FLAGS))
#     Adds the target lint-rtl-NAME, `verilator --lint-only -Wall` of TOP and below, and puts it on LINT_RTL.
#
#   $(eval $(call host_test,NAME,SOURCES,FLAGS,LIBS))
#     Builds $(BUILD)/tests/NAME from C sources with cmocka, under the address and undefined-behaviour sanitizers, and
#     adds it to TESTS_CHECK. Headers in SOURCES are dependencies only.

MAKEFLAGS += -r --no-print-directory
ifeq (,$(filter -j%,$(MAKEFLAGS)))
MAKEFLAGS += -j2
endif
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BUILD := build

# --- What other targets need is installed first (a quick check when nothing is missing). `NO_DEPS=1` leaves that out. ---
GOALS := $(or $(MAKECMDGOALS),help)
ifneq (,$(filter-out help clean deps,$(GOALS)))
ifeq (,$(NO_DEPS)$(findstring n,$(firstword -$(MAKEFLAGS))))
ifneq (ok,$(shell .ci/deps >&2 && echo ok))
$(error the packages above are missing; `make deps NO_DEPS=` installs them, NO_DEPS=1 goes on without)
endif
endif
endif

# --- Tools ---
# Verilator runs a make of its own, which must not share this one's job slots.
VERILATOR      := env -u MAKEFLAGS -u MFLAGS verilator
VERILATOR_LINT := verilator --lint-only -Wall
RISCV_CC       := riscv64-unknown-elf-gcc
RISCV_OBJCOPY  := riscv64-unknown-elf-objcopy
RISCV_OBJDUMP  := riscv64-unknown-elf-objdump
CCACHE         := $(shell command -v ccache)
CC             := $(CCACHE) gcc
CXX            := $(CCACHE) g++
AR             := ar
AWK            := awk
CFLAGS         := -std=c11 -O2 -g -Wall -Wextra -Werror
CXXFLAGS       := -std=c++17 -O2 -g -Wall -Wextra
SAN            := -fsanitize=address,undefined -fno-omit-frame-pointer
CLANG_FORMAT   := clang-format

# Verilator's own makefiles take the compiler cache from here.
export OBJCACHE := $(CCACHE)

# Options of every Verilated model: one thread (two are slower), no X emulation, assertions on.
VERILATOR_FLAGS := --cc -O3 --x-assign fast --x-initial fast --assert -Wno-fatal --build-jobs 2

# --- Registers: one description makes the package, the C header and the reference ---
REGS_DEF := rtl/regs.def
REGS_AWK := rtl/regs.awk
REGS_PKG := $(BUILD)/gen/glregs_pkg.sv
REGS_H   := $(BUILD)/gen/guestlane_regs.h
REGS_MD  := $(BUILD)/gen/registers.md
REGS_NAMES := $(BUILD)/gen/guestlane_names.h
REGS_GEN := $(REGS_PKG) $(REGS_H) $(REGS_NAMES)
GEN      := $(BUILD)/gen
HAVE_REGS := $(and $(wildcard $(REGS_DEF)),$(wildcard $(REGS_AWK)))

$(REGS_PKG): OUT := sv
$(REGS_H):   OUT := c
$(REGS_MD):  OUT := md
$(REGS_NAMES): OUT := names
$(REGS_PKG) $(REGS_H) $(REGS_MD) $(REGS_NAMES): $(REGS_DEF) $(REGS_AWK)
	@mkdir -p $(@D)
	@$(AWK) -v out=$(OUT) -f $(REGS_AWK) $(REGS_DEF) >$@.new && mv $@.new $@

# --- Unit benches ---
TB_DIR   := $(BUILD)/tests$(if $(TRACE),-trace)
TB_HEADS := tests/unit/tb.h
TB_FLAGS := $(VERILATOR_FLAGS) --exe --build --prefix Vdut $(if $(TRACE),--trace-fst -CFLAGS -DTB_TRACE) \
	-CFLAGS -std=c++17 -CFLAGS -Wall -CFLAGS -I$(CURDIR)/tests/unit -CFLAGS -I$(CURDIR)/$(GEN) -LDFLAGS -lcmocka \
	-MAKEFLAGS OPT_FAST=-O1 -MAKEFLAGS OPT_SLOW=-O0 -MAKEFLAGS OPT_GLOBAL=-O2
TB_C     := %.c %.cc %.cpp %.o %.a

# $(call quietly,LABEL,LOG FILE,COMMAND): one line of progress, and the whole output only if the command fails.
quietly = @printf '  %-8s %s\n' $(1) $@; mkdir -p $(dir $(2)) && $(3) >$(2) 2>&1 || { cat $(2); exit 1; }

define verilator_program
$(TB_DIR)/$(1): $(3) $(4) $(TB_HEADS) $(if $(HAVE_REGS),| $(REGS_GEN))
	@mkdir -p $$(@D)
	$$(call quietly,VERILATE,$(TB_DIR).v/$(1)/build.log,$(VERILATOR) $(TB_FLAGS) $(5) --top-module $(2) \
		--Mdir $(TB_DIR).v/$(1) -o $(CURDIR)/$(TB_DIR)/$(1) $(3) $(abspath $(filter $(TB_C),$(4))))
	@touch $$@
endef

define verilator_test
$(call verilator_program,$(1),$(2),$(3),$(4),$(5))
TESTS_CHECK += $(TB_DIR)/$(1)
endef

define verilator_test_full
$(call verilator_program,$(1),$(2),$(3),$(4),$(5))
TESTS_FULL += $(TB_DIR)/$(1)
endef

define verilator_lint
.PHONY: lint-rtl-$(1)
lint-rtl-$(1): $(filter $(BUILD)/%,$(3))
	@echo "  LINT     $(1)"
	@$$(VERILATOR_LINT) $(4) --top-module $(2) $(3)
LINT_RTL += lint-rtl-$(1)
endef

define host_test
$(BUILD)/tests/$(1): $(2) $(if $(HAVE_REGS),| $(REGS_GEN))
	@mkdir -p $$(@D)
	@echo "  CC       $$@"
	@$(CC) $(CFLAGS) $(SAN) -I$(GEN) $(3) -o $$@ $(filter $(TB_C),$(2)) $(4) -lcmocka
TESTS_CHECK += $(BUILD)/tests/$(1)
endef

# --- The parts. `FRAGMENTS=rtl/core/core.mk` builds with some of them only. ---
ALL         :=
TESTS_CHECK :=
TESTS_FULL  :=
TESTS_NEED  :=
TESTS_XEN   :=
TESTS_XEN_NEED :=
LINT_RTL    :=
FORMAT_SRC  :=
BENCHES     :=
DEMOS       :=

FRAGMENTS := $(sort $(filter-out rtl/boards/%,$(wildcard rtl/*/*.mk))) \
	$(wildcard firmware/firmware.mk) $(sort $(wildcard rtl/boards/*.mk)) $(wildcard sim/sim.mk host-driver/host-driver.mk) \
	$(sort $(wildcard xen-integration/*/*.mk)) \
	$(sort $(wildcard tests/*.mk tests/*/*.mk tests/*/*/*.mk))
-include $(FRAGMENTS)

# --- Targets ---
.PHONY: timing-core help deps all demo test test-xen mutants check lint lint-trixie lint-regs lint-memories lint-format format fuzz fuzz-vfio-user bench timing timing-quick toolroot qemuroot \
	system-linux system-linux-shell clean

help: ## list the targets
	@$(AWK) -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(filter %.mk Makefile,$(MAKEFILE_LIST))

deps: ## install the Debian packages that are missing (Debian 12 and 13)
	@.ci/deps

all: $(ALL) ## build everything

demo: $(DEMOS) ## eight guests on one simulated NIC move real traffic; PCAP=file takes your capture

demo-net: ## TCP between network namespaces through the simulated NIC (root or user namespaces); DEMO_NET_FLAGS="--guests 8"

RUN_TESTS = env -u MAKEFLAGS -u MFLAGS tests/run -j 2 --timeout 1200 --logs $(BUILD)/logs

check: $(TESTS_NEED) $(TESTS_CHECK) ## the quick tests (at most 5 minutes)
	@$(RUN_TESTS) $(TESTS_CHECK)

# Of each set of seeded bugs, a random sample.
MUTANTS_SAMPLE := 8
test: roots-if-possible $(TESTS_NEED) $(TESTS_CHECK) $(TESTS_FULL) xen-if-possible ## lint and all tests, with a sample of the seeded bugs
	@export LINT_TARGETS="$(LINT_TARGETS)" LINT_RTL="$(LINT_RTL)" MUTANTS=$(MUTANTS_SAMPLE); \
		$(RUN_TESTS) $(filter %test_timing.sh %test_resources.sh,$(TESTS_FULL)) $(TESTS_XEN) $(filter-out $(TESTS_XEN),$(TESTS_FULL)) tests/lint $(TESTS_CHECK)

# System tests on real Xen are named in TESTS_XEN, which `make test` runs with a few rounds each, and this target with all: WHOLE=1 tells them. What they
# need from Debian 13's root is named in TESTS_XEN_NEED.
test-xen: xen-images $(TESTS_NEED) $(TESTS_XEN_NEED) ## system tests on real Xen with all their rounds: 100 attachments, 50 kills, ... (long)
	@export WHOLE=1; env -u MAKEFLAGS -u MFLAGS tests/run -j 1 --timeout 14400 --logs $(BUILD)/logs/xen $(TESTS_XEN)

# About 8 s of processor time each.
MUTANT_SETS = $(foreach t,$(filter-out rtl/formal/%,$(TESTS_FULL)),$(if $(filter mutants%,$(notdir $(t))),$(t)))
mutants: $(TESTS_NEED) ## every seeded bug of every set, which the tests must catch (long)
	@export MUTANTS=all; $(RUN_TESTS) --timeout 3600 $(MUTANT_SETS)

install: ## install what `make all` has built: the host's programs, firmware, man pages, completion; DESTDIR=folder PREFIX=/usr

deb: ## Debian packages for dom0 (guestlane) and guests (guestlane-dkms) in build/deb

deb-trixie: ## the same for a Debian 13 dom0, in build/trixie/deb (root of the rigs)

test-hostlink: ## the host link of boards over a bad cable, with the whole board in Verilator, and its seeded bugs

prove: ## prove the invariants on the RTL (long); PROOF=name proves one
prove-quick: ## those proofs that take seconds
prove-mutants: ## every seeded bug that the proofs must catch (long)

LINT_TARGETS = $(LINT_RTL) $(if $(HAVE_REGS),lint-regs) lint-memories lint-format
lint: $(LINT_TARGETS) ## check RTL with verilator, formatting, and that generated pages are fresh

format: ## bring C and C++ sources into shape with clang-format
	@$(CLANG_FORMAT) -i $(FORMAT_SRC)

fuzz: run-fuzz ## hostile guests attack the simulated NIC; DURATION=seconds SEED=s

fuzz-vfio-user: run-fuzz-vfio-user ## hostile clients attack the vfio-user server; DURATION=seconds SEED=s

bench: $(BENCHES) ## measure throughput and cycles per frame into build/bench/bench.json

bench-xen: ## instructions per frame in Xen, dom0 and guests, by netback and by a queue; build/bench/xen.json (root, an hour)
bench-xen-quick: ## the same with one guest and one workload for each path (minutes)

# Limits in MHz: the soft core shall run at 125 in the end, the whole NIC at 100 now.
timing: toolroot $(filter $(BUILD)/%,$(CORE_TIMING_RTL) $(NIC_TIMING_RTL)) ## place and route the core and the NIC on ECP5: Fmax, size, critical path
	@rtl/timing/timing-table $(if $(CORE_TIMING_RTL),"core 125 $(CORE_TIMING_TOP) $(CORE_TIMING_RTL)") \
		$(if $(NIC_TIMING_RTL),"nic 100 $(NIC_TIMING_TOP) $(NIC_TIMING_RTL)")

timing-quick: toolroot $(filter $(BUILD)/%,$(CORE_TIMING_RTL) $(NIC_TIMING_RTL)) ## the same without placing the NIC: Fmax of the core, size of both
	@status=0; rtl/timing/timing.sh -f 125 -l core $(CORE_TIMING_TOP) $(CORE_TIMING_RTL) || status=1; \
		rtl/timing/timing.sh -y -l nic-size $(NIC_TIMING_TOP) $(NIC_TIMING_RTL) && exit $$status

timing-core: toolroot $(filter $(BUILD)/%,$(CORE_TIMING_RTL))
	@rtl/timing/timing.sh -f 125 -l core $(CORE_TIMING_TOP) $(CORE_TIMING_RTL)

toolroot: ## make the Debian 13 root with the FPGA tools (build/toolroot)
	@rtl/timing/make-toolroot $(BUILD)/toolroot

qemuroot: ## make the Debian 13 root with QEMU and a kernel for the rigs (build/qemuroot)
	@sim/rig/make-qemuroot $(BUILD)/qemuroot

SYSTEM_LINUX = $(RIG_GUEST) $(BUILD)/sim/glane-sim
system-linux: $(SYSTEM_LINUX) ## Debian 13 in QEMU with the NIC as PCI function: VFIO, stock virtio drivers, TCP
	@sim/rig/system-linux

system-linux-shell: $(SYSTEM_LINUX) ## the same machine with a shell on this terminal
	@sim/rig/system-linux --shell

vfio-noiommu: ## VFIO modules of a kernel (KVER=, the running one) with the mode without an IOMMU, for PVH dom0s: build/vfio-noiommu

xen-images: ## what the machines of xen-shell boot: Xen, dom0, guests, our packages in build/xen

xen-demo: ## real Xen: two PV guests and a PVH guest get queues by xl; ping and TCP by queue and by netback (root)

xen-shell: ## real Xen with a dom0 in QEMU, our packages and the NIC, a PV and a PVH guest; a shell in dom0

bitstream: ## a board's bitstream by yosys and nextpnr, with a report; BOARD=versa_ecp5|colorlight_i5 SEEDS="1 2 3" (an hour)

flash: ## put the bitstream into the FPGA of BOARD=...
flash-persist: ## put it into the board's flash
flash-check: ## say whether cable and board are there

test-boards: ## every board's bitstream and the tests of its netlist (hours)

clean: ## remove what was built, but not the Debian 13 roots
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name 'toolroot*' ! -name 'qemuroot*' -exec rm -rf {} + 2>/dev/null || true

lint-trixie: toolroot ## RTL lint with Debian 13's verilator (part of `make test`)
	@$(MAKE) NO_DEPS=1 $(LINT_RTL) VERILATOR_LINT="rtl/timing/in-toolroot verilator --lint-only -Wall --quiet-stats"

# Without them (no root, no mirror) the tests skip what needs it and say so.
.PHONY: roots-if-possible
roots-if-possible:
	@rtl/timing/make-toolroot $(BUILD)/toolroot || true
	@sim/rig/make-qemuroot $(BUILD)/qemuroot || true

# What the tests on real Xen need, where the root is.
.PHONY: xen-if-possible
xen-if-possible: roots-if-possible $(TESTS_NEED)
	@[ ! -f $(BUILD)/qemuroot/.complete ] || $(MAKE) -s --no-print-directory xen-images $(TESTS_XEN_NEED)

lint-regs: $(REGS_MD)
	@echo "  LINT     registers"
	@cmp -s $(REGS_MD) docs/registers.md || \
		{ echo "docs/registers.md is stale: cp $(REGS_MD) docs/registers.md"; exit 1; }

# yosys 0.52 makes one register of a memory whose words have a named type, and says nothing.
lint-memories:
	@echo "  LINT     memories"
	@! grep -nE '^[[:space:]]*([a-z_0-9]+::)?[a-z_0-9]+_[te][[:space:]]+[a-z_0-9]+[[:space:]]*\[' $(wildcard rtl/*/*.sv) || \
		{ echo "a memory of a named type: give it a plain width (yosys)"; exit 1; }

# The versions of clang-format differ in details; 14 (Debian 12) decides.
lint-format:
	@echo "  LINT     format"
	@case "$$($(CLANG_FORMAT) --version)" in \
	*'version 14.'*) \
		bad=$$(for f in $(sort $(FORMAT_SRC)); do \
			$(CLANG_FORMAT) --dry-run -Werror $$f >/dev/null 2>&1 || printf ' %s' $$f; done); \
		[ -z "$$bad" ] || { echo "not in shape, run make format:$$bad"; exit 1; } ;; \
	*) echo "  (not checked: this is not clang-format 14)" ;; \
	esac
