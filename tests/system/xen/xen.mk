# SPDX-License-Identifier: Apache-2.0
# What the system tests under Xen run in dom0 and in guests, beside the product. Built in Debian 13's root (BUILD=build/trixie): dom0's libxenctrl
# belongs to its Xen, and the module to the guests' kernel.
XEN_TESTS := $(addprefix $(BUILD)/tests/xen/,dom0-view dom0-leak dom0-destroy stream hostile/hostile.ko)

# Xen's headers need GNU's C.
$(addprefix $(BUILD)/tests/xen/,dom0-view dom0-leak dom0-destroy): $(BUILD)/tests/xen/%: tests/system/xen/%.c
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

# Those of Debian 13's root, for `make`.
XEN_TESTS_TRIXIE := $(addprefix $(BUILD)/trixie/tests/xen/,dom0-view dom0-leak dom0-destroy stream hostile/hostile.ko)
$(firstword $(XEN_TESTS_TRIXIE)): $(wildcard tests/system/xen/*.c tests/system/xen/hostile/*) tests/system/stream.c | qemuroot
	$(call quietly,TRIXIE,$(BUILD)/xen-tests.log,env -u MAKEFLAGS -u MFLAGS .ci/in-root $(BUILD)/qemuroot \
		make -s -j2 NO_DEPS=1 BUILD=$(BUILD)/trixie xen-tests-programs)
	@touch $@
$(wordlist 2,9,$(XEN_TESTS_TRIXIE)): $(firstword $(XEN_TESTS_TRIXIE)) ;

FORMAT_SRC += tests/system/xen/dom0-view.c tests/system/xen/dom0-leak.c tests/system/xen/dom0-destroy.c tests/system/xen/hostile/hostile.c

# The rounds themselves; see TESTS_XEN in the Makefile.
TESTS_XEN += tests/system/test_xen_queue.sh tests/system/test_xen_seeded.sh tests/system/test_xen_suite.sh tests/system/test_xen_pvh.sh tests/system/test_xen_hvm.sh
TESTS_XEN_NEED += $(XEN_TESTS_TRIXIE)

# A guest's other path. The module and the script are the package's.
XEN_FAILOVER_FILES := $(BUILD)/xen/failover/files.tar
$(XEN_FAILOVER_FILES): tests/system/xen/make-guests $(firstword $(XEN_TESTS_TRIXIE)) $(BUILD)/xen/glue/guestlane.ko xen-integration/glue/guestlane-failover | xen-images
	$(call quietly,GUEST,$(@D).log,.ci/in-root $(BUILD)/qemuroot tests/system/xen/make-guests $(@D) $(BUILD)/trixie/tests/xen/stream $(BUILD)/xen/glue/guestlane.ko \
		$$(ls $(BUILD)/trixie/deb/guestlane-dkms_*.deb))
TESTS_XEN += tests/system/test_xen_failover.sh
TESTS_XEN_NEED += $(XEN_FAILOVER_FILES)
# By itself, with all its steps.
.PHONY: test-xen-failover
test-xen-failover: xen-images $(TESTS_NEED) $(XEN_FAILOVER_FILES) ## of test-xen what is about a guest's other path, with all its steps (long)
	@export WHOLE=1; env -u MAKEFLAGS -u MFLAGS tests/run -j 1 --timeout 14400 --logs $(BUILD)/logs/xen tests/system/test_xen_failover.sh
