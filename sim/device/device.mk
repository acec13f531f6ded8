# SPDX-License-Identifier: Apache-2.0
# What glane-sim and glane-hostlink share: the vfio-user server, the NIC as its device, and wires. There is no program here.
DEVICE_C   := $(wildcard sim/device/*.c)
DEVICE_H   := $(wildcard sim/device/*.h host-driver/vfio-user/*.h host-driver/lib/image.h host-driver/include/*.h firmware/include/*.h)
DEVICE_INC := -Isim/device -Ihost-driver/vfio-user -Ihost-driver/include -Ihost-driver/lib

FORMAT_SRC += $(wildcard sim/device/*.c sim/device/*.h)
