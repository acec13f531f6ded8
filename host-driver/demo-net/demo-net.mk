# SPDX-License-Identifier: Apache-2.0
# make demo-net: network namespaces as guests of the simulated NIC; DEMO_NET_FLAGS="--guests 8 --seconds 10".
DEMO_NET_NEED := $(HOST_DIR)/glaned $(HOST_DIR)/glane-tap $(HOST_DIR)/glanectl $(BUILD)/firmware/guestlane.fw

# The faster build of the simulator (sim/sim.mk).
DEMO_NET_SIM := $(BUILD)/sim-pgo/glane-sim

.PHONY: demo-net demo-net-sim
demo-net: $(DEMO_NET_NEED) demo-net-sim
	@NET_SIM=$(DEMO_NET_SIM) host-driver/demo-net/demo-net $(DEMO_NET_FLAGS)

demo-net-sim: $(FIRMWARE_ELF)
	@[ -e $(DEMO_NET_SIM) ] || echo "  compiling the simulator for speed, with a profile of a run: about two minutes, once"
	@env -u MAKEFLAGS -u MFLAGS $(MAKE) -s --no-print-directory NO_DEPS=1 SIM_PGO=pgo $(DEMO_NET_SIM)
