# SPDX-License-Identifier: Apache-2.0
# The daemon's request handling over a played NIC; its configuration.
GLANED_TEST_C := $(GLANED_C) $(CONTROL_C) $(filter %.c,$(wildcard host-driver/virtio/*.c)) host-driver/pcapng/pcapng.c
$(eval $(call host_test,glaned_protocol,tests/unit/glaned/test_protocol.c tests/unit/glaned/fake_nic.c tests/unit/glaned/fake_nic.h $(GLANED_TEST_C) $(GLANED_H),-O1 -D_GNU_SOURCE $(GLANED_INC) -Itests/unit/glaned,-ljansson -lsystemd))
FORMAT_SRC += $(wildcard tests/unit/glaned/*.[ch])
