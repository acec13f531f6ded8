# SPDX-License-Identifier: Apache-2.0
# libguestlane, the host's side of the NIC: build/host-driver/libguestlane.a. A program that uses it adds LIBGL_INC and LIBGL_LIBS.
LIBGL      := $(HOST_DIR)/libguestlane.a
LIBGL_LIBS := $(LIBGL) -ljansson -lz
LIBGL_INC  := -Ihost-driver/include -Ifirmware/include -I$(GEN)
LIBGL_C    := $(wildcard host-driver/lib/*.c)
LIBGL_H    := $(wildcard host-driver/lib/*.h host-driver/include/*.h host-driver/vfio-user/*.h) firmware/include/gl_mbox.h firmware/include/gl_image.h

$(HOST_DIR)/lib/%.o: host-driver/lib/%.c $(LIBGL_H) $(REGS_H) $(REGS_NAMES)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(LIBGL_INC) -Ihost-driver/lib -Ihost-driver/vfio-user -c -o $@ $<

$(LIBGL): $(patsubst host-driver/lib/%.c,$(HOST_DIR)/lib/%.o,$(LIBGL_C))
	@echo "  AR       $@"
	@rm -f $@ && $(AR) rcs $@ $^

ALL += $(LIBGL)
