# SPDX-License-Identifier: Apache-2.0
# The daemon, build/host-driver/glaned, and glane-hold, which keeps the NIC's descriptors while no daemon lives.
GLANED      := $(HOST_DIR)/glaned
GLANE_HOLD  := $(HOST_DIR)/glane-hold
GLANED_C    := $(filter-out host-driver/glaned/glaned.c,$(wildcard host-driver/glaned/*.c))
GLANED_H    := $(wildcard host-driver/glaned/*.h host-driver/control/*.h host-driver/glane-hold/*.h host-driver/include/*.h host-driver/xen/*.h \
	host-driver/virtio/*.h host-driver/pcapng/*.h) firmware/include/gl_mbox.h
GLANED_INC  := -Ihost-driver/glaned -Ihost-driver/xen -Ihost-driver/control -Ihost-driver/glane-hold -Ihost-driver/include -Ihost-driver/virtio \
	-Ihost-driver/pcapng -Ifirmware/include -I$(GEN)
GLANED_LIBS  = $(HOST_DIR)/libglcontrol.a $(HOST_DIR)/libguestlane.a $(HOST_DIR)/libglvirtio.a

$(HOST_DIR)/glaned.o/%.o: host-driver/glaned/%.c $(GLANED_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(GLANED_INC) -c -o $@ $<

$(HOST_DIR)/glaned.o/pcapng.o: host-driver/pcapng/pcapng.c host-driver/pcapng/pcapng.h
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(GLANED_INC) -c -o $@ $<

$(GLANED): $(patsubst host-driver/glaned/%.c,$(HOST_DIR)/glaned.o/%.o,host-driver/glaned/glaned.c $(GLANED_C)) \
		$(HOST_DIR)/glaned.o/pcapng.o $(HOST_DIR)/libglcontrol.a $(HOST_DIR)/libguestlane.a $(HOST_DIR)/libglvirtio.a | $(GLANE_HOLD)
	@echo "  LD       $@"
	@$(CC) $(CFLAGS) -o $@ $(filter %.o,$^) $(GLANED_LIBS) $(LIBGL_SYS) -lsystemd -lxenstore

$(GLANE_HOLD): host-driver/glane-hold/glane-hold.c host-driver/control/packet.c $(wildcard host-driver/glane-hold/*.h host-driver/control/*.h)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(GLANED_INC) -o $@ $(filter %.c,$^) -ljansson

ALL += $(GLANED) $(GLANE_HOLD)
