# SPDX-License-Identifier: Apache-2.0
# make demo-net: network namespaces as guests of the simulated NIC; DEMO_NET_FLAGS="--guests 8 --seconds 10".
DEMO_NET_NEED := $(SIM_DIR)/glane-sim $(HOST_DIR)/glaned $(HOST_DIR)/glane-tap $(HOST_DIR)/glanectl $(BUILD)/firmware/guestlane.fw

.PHONY: demo-net
demo-net: $(DEMO_NET_NEED)
	@host-driver/demo-net/demo-net $(DEMO_NET_FLAGS)
