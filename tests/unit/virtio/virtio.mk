# SPDX-License-Identifier: Apache-2.0
# The user-space virtio-net driver against a device in C.
$(eval $(call host_test,virtio,tests/unit/virtio/test_virtio.c host-driver/virtio/vring.c host-driver/virtio/vnet.c $(wildcard host-driver/virtio/*.h),-O1 -D_GNU_SOURCE -Ihost-driver/virtio,-lpthread))
FORMAT_SRC += tests/unit/virtio/test_virtio.c
