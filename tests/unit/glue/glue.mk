# SPDX-License-Identifier: Apache-2.0
# The arithmetic of guestlane.ko's pool, in user space.
$(eval $(call host_test,test_glue_pool,tests/unit/glue/test_pool.c xen-integration/glue/pool.c tests/unit/glue/kernel.h xen-integration/glue/pool.h xen-integration/glue/device.h,-D_GNU_SOURCE -Itests/unit/glue -Ixen-integration/glue -Wno-unused-parameter -Wno-sign-compare))
FORMAT_SRC += $(wildcard tests/unit/glue/*.c tests/unit/glue/*.h)
