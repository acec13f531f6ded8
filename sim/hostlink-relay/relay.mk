# SPDX-License-Identifier: Apache-2.0
# build/sim/hostlink-relay: a cable that loses, repeats, delays and overtakes frames, for tests of the host link.
HOSTLINK_RELAY := $(BUILD)/sim/hostlink-relay

$(HOSTLINK_RELAY): sim/hostlink-relay/relay.c $(wildcard sim/device/wire*.c) sim/device/program.c $(DEVICE_H) $(SIM_H)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE $(SIM_INC) $(DEVICE_INC) -o $@ $(filter %.c,$^) host-driver/pcapng/pcapng.c -lpcap -lm

FORMAT_SRC += $(wildcard sim/hostlink-relay/*.c)
