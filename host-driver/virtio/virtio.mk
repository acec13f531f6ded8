# SPDX-License-Identifier: Apache-2.0
# User-space virtio-net driver and bridge to a TAP: build/host-driver/libglvirtio.a, for glane-tap and glaned.
VIRTIO_LIB := $(HOST_DIR)/libglvirtio.a
VIRTIO_INC := -Ihost-driver/virtio -I$(GEN)
VIRTIO_H   := $(wildcard host-driver/virtio/*.h)

$(HOST_DIR)/virtio/%.o: host-driver/virtio/%.c $(VIRTIO_H) $(REGS_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(VIRTIO_INC) -c -o $@ $<

$(VIRTIO_LIB): $(patsubst host-driver/virtio/%.c,$(HOST_DIR)/virtio/%.o,$(wildcard host-driver/virtio/*.c))
	@echo "  AR       $@"
	@rm -f $@ && $(AR) rcs $@ $^

ALL += $(VIRTIO_LIB)
