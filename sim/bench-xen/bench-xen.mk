# SPDX-License-Identifier: Apache-2.0
# make bench-xen: instructions per frame in Xen, dom0 and guests (docs/bench-xen.md). What QEMU loads, what links with Xen's libraries, and what runs in
# guests is built in the Debian 13 root that they run in; the report here.
BENCH_XEN     := $(BUILD)/bench-xen
BENCH_XEN_DIR := sim/bench-xen
BENCH_XEN_CC   = .ci/in-root $(BUILD)/qemuroot gcc -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror

$(BENCH_XEN)/insn-count.so: $(BENCH_XEN_DIR)/plugin.c $(BENCH_XEN_DIR)/qemu_plugin.h $(BENCH_XEN_DIR)/record.h $(BENCH_XEN_DIR)/frame.h | qemuroot
	$(call quietly,CC,$@.log,$(BENCH_XEN_CC) -fPIC -shared -fvisibility=hidden -o $@ $< -lpthread)

$(BENCH_XEN)/glane-load: $(BENCH_XEN_DIR)/load.c $(BENCH_XEN_DIR)/record.h $(BENCH_XEN_DIR)/frame.h | qemuroot
	$(call quietly,CC,$@.log,$(BENCH_XEN_CC) -static -o $@ $<)

$(BENCH_XEN)/glane-pages: $(BENCH_XEN_DIR)/pages.c | qemuroot
	$(call quietly,CC,$@.log,$(BENCH_XEN_CC) -o $@ $< -lxenguest -lxenctrl)

$(BENCH_XEN)/rig-channel: sim/rig/xen/channel.c
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -o $@ $<

$(BENCH_XEN)/insn-report: $(BENCH_XEN_DIR)/report.c $(BENCH_XEN_DIR)/analyse.c $(BENCH_XEN_DIR)/analyse.h $(BENCH_XEN_DIR)/record.h
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -o $@ $(filter %.c,$^) -ljansson

BENCH_XEN_TOOLS := $(addprefix $(BENCH_XEN)/,insn-count.so glane-load glane-pages rig-channel insn-report)

.PHONY: bench-xen-need bench-xen bench-xen-quick bench-xen-package
bench-xen-package: deb-trixie
bench-xen-need: $(BENCH_XEN_TOOLS) $(BUILD)/sim/glane-sim $(BUILD)/xen/glue/guestlane.ko bench-xen-package
	@flock $(BUILD)/xen/images.lock xen-integration/image/make-images $(BUILD)/xen

bench-xen: bench-xen-need
	@$(BENCH_XEN_DIR)/bench-xen $(BENCH_XEN_FLAGS)

bench-xen-quick: bench-xen-need
	@$(BENCH_XEN_DIR)/bench-xen --quick

# It ends with the quick measurement.
xen-demo: $(BENCH_XEN_TOOLS)

ALL        += $(BENCH_XEN)/insn-report
FORMAT_SRC += $(wildcard $(BENCH_XEN_DIR)/*.c $(BENCH_XEN_DIR)/*.h)
