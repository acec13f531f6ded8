# SPDX-License-Identifier: Apache-2.0
# The daemon's request handling over a played NIC; its configuration.
GLANED_TEST_C := $(GLANED_C) $(CONTROL_C) $(filter %.c,$(wildcard host-driver/virtio/*.c)) host-driver/pcapng/pcapng.c
$(eval $(call host_test,glaned_protocol,tests/unit/glaned/test_protocol.c tests/unit/glaned/fake_nic.c tests/unit/glaned/fake_nic.h tests/unit/glaned/fake_xen.c tests/unit/glaned/fake_xen.h $(GLANED_TEST_C) $(GLANED_H),-O1 -D_GNU_SOURCE $(GLANED_INC) -Itests/unit/glaned,-ljansson -lsystemd))
$(eval $(call host_test,glaned_vif,tests/unit/glaned/test_vif.c tests/unit/glaned/fake_nic.c tests/unit/glaned/fake_nic.h tests/unit/glaned/fake_xen.c tests/unit/glaned/fake_xen.h $(GLANED_TEST_C) $(GLANED_H),-O1 -D_GNU_SOURCE $(GLANED_INC) -Itests/unit/glaned,-ljansson -lsystemd))
FORMAT_SRC += $(wildcard tests/unit/glaned/*.[ch])

# The whole daemon under the sanitizers, with its library and glane-hold beside it, for tests of the program.
GLANED_TEST := $(BUILD)/tests/glaned/glaned

$(GLANED_TEST): host-driver/glaned/glaned.c $(GLANED_TEST_C) $(LIBGL_C) $(GLANED_H) $(LIBGL_H) $(wildcard host-driver/lib/*.h) $(REGS_H) $(REGS_NAMES) | $(GLANE_HOLD)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(SAN) -O1 -D_GNU_SOURCE= $(GLANED_INC) $(LIBGL_INC) -Ihost-driver/lib -Ihost-driver/vfio-user -o $@ \
		$(filter %.c,$^) $(LIBGL_SYS) -lsystemd -lxenstore
	@cp $(GLANE_HOLD) $(@D)/glane-hold

TESTS_NEED  += $(GLANED) $(GLANED_TEST) $(GLANE_HOLD) $(BUILD)/firmware/guestlane.fw
TESTS_CHECK += tests/unit/glaned/test_config.sh tests/unit/glaned/test_unit.sh
