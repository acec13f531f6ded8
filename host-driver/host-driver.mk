# SPDX-License-Identifier: Apache-2.0
# The host's side: libguestlane, the daemon, its tools. Each part has a fragment of its own; programs go to build/host-driver.
HOST_DIR := $(BUILD)/host-driver

include $(sort $(wildcard host-driver/*/*.mk))

FORMAT_SRC += $(wildcard host-driver/*/*.c host-driver/*/*.h)
