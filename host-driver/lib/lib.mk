# SPDX-License-Identifier: Apache-2.0
# libguestlane, the host's side of the NIC: build/host-driver/libguestlane.a. A program that uses it adds LIBGL_INC and LIBGL_LIBS.
LIBGL      := $(HOST_DIR)/libguestlane.a
LIBGL_SYS  := -ljansson -lz -lxencall -lxenctrl -lxengnttab -pthread
LIBGL_LIBS := $(LIBGL) $(LIBGL_SYS)
LIBGL_INC  := -Ihost-driver/include -Ihost-driver/xen -Ifirmware/include -I$(GEN)
LIBGL_C    := $(wildcard host-driver/lib/*.c host-driver/xen/*.c)
LIBGL_H    := $(wildcard host-driver/lib/*.h host-driver/include/*.h host-driver/vfio-user/*.h host-driver/xen/*.h) firmware/include/gl_mbox.h firmware/include/gl_image.h

$(HOST_DIR)/lib/%.o: host-driver/lib/%.c $(LIBGL_H) $(REGS_H) $(REGS_NAMES)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) $(LIBGL_INC) -Ihost-driver/lib -Ihost-driver/vfio-user -c -o $@ $<

$(HOST_DIR)/xen/%.o: host-driver/xen/%.c $(wildcard host-driver/xen/*.h)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -c -o $@ $<

$(LIBGL): $(patsubst host-driver/%.c,$(HOST_DIR)/%.o,$(LIBGL_C))
	@echo "  AR       $@"
	@rm -f $@ && $(AR) rcs $@ $^


# For programs outside this tree (`make install`); what it says of folders is relative to where it lies.
LIBGL_PC := $(HOST_DIR)/guestlane.pc
$(LIBGL_PC): host-driver/lib/lib.mk
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$${pcfiledir}/../..' 'Name: guestlane' 'Description: the host side of the Guestlane NIC: contexts, tables, firmware' \
		'Version: $(VERSION)' 'Libs: -L$${prefix}/lib -lguestlane $(LIBGL_SYS)' 'Cflags: -I$${prefix}/include' >$@

ALL += $(LIBGL) $(LIBGL_PC)
