# SPDX-License-Identifier: Apache-2.0
# libguestlane over a NIC in C, behind glane-sim's vfio-user server.
GLT     := tests/unit/libguestlane
GLT_SRC := $(addprefix $(GLT)/,rig.c rig.h model.c model.h) $(wildcard sim/device/vfio_user_*.[ch]) $(LIBGL_C) $(LIBGL_H)
GLT_INC := -O1 -D_GNU_SOURCE= -Ihost-driver/lib -Ihost-driver/xen -Ihost-driver/include -Ihost-driver/vfio-user -Isim/device -Ifirmware/include -I$(GLT)

$(eval $(call host_test,libguestlane,$(GLT)/test_libguestlane.c $(GLT_SRC),$(GLT_INC),$(LIBGL_SYS)))
$(eval $(call host_test,firmware_image,$(GLT)/test_image.c $(LIBGL_C) $(LIBGL_H) $(FW_IMG),$(GLT_INC) -DFW_IMAGE='"$(FW_IMG)"',$(LIBGL_SYS)))
$(eval $(call host_test,adopt,$(GLT)/test_adopt.c $(GLT_SRC),$(GLT_INC),$(LIBGL_SYS)))
$(eval $(call host_test,vfio_user_client,$(GLT)/test_client.c $(GLT_SRC),$(GLT_INC),$(LIBGL_SYS)))

# The same with more processes killed.
$(BUILD)/tests/adopt-long: $(BUILD)/tests/adopt
	@printf '#!/bin/sh\nROUNDS=600 exec "$$(dirname "$$0")/adopt"\n' >$@ && chmod +x $@
TESTS_FULL += $(BUILD)/tests/adopt-long

FORMAT_SRC += $(wildcard $(GLT)/*.[ch])
