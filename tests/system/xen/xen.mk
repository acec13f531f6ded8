# SPDX-License-Identifier: Apache-2.0
# What the system tests under Xen run in dom0 and in guests, beside the product. Built in Debian 13's root (BUILD=build/trixie): dom0's libxenctrl
# belongs to its Xen, and the module to the guests' kernel.
XEN_TESTS := $(addprefix $(BUILD)/tests/xen/,dom0-view dom0-leak stream hostile/hostile.ko)

# Xen's headers need GNU's C.
$(BUILD)/tests/xen/dom0-view $(BUILD)/tests/xen/dom0-leak: $(BUILD)/tests/xen/%: tests/system/xen/%.c
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -std=gnu11 -D_GNU_SOURCE -o $@ $< -lxenctrl -lxencall -lxenstore -ljansson

# For guests, so without libraries.
$(BUILD)/tests/xen/stream: tests/system/stream.c
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

$(BUILD)/tests/xen/hostile/hostile.ko: $(wildcard tests/system/xen/hostile/*)
	$(call quietly,MODULE,$(BUILD)/tests/xen/hostile.log,tests/system/xen/hostile/build-module $(@D))

.PHONY: xen-tests-programs
xen-tests-programs: $(XEN_TESTS)

FORMAT_SRC += tests/system/xen/dom0-view.c tests/system/xen/dom0-leak.c tests/system/xen/hostile/hostile.c
