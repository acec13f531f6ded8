# SPDX-License-Identifier: Apache-2.0
# The control protocol, both sides: build/host-driver/libglcontrol.a. A program that uses it adds -Ihost-driver/control and CONTROL_LIBS.
CONTROL_LIB  := $(HOST_DIR)/libglcontrol.a
CONTROL_H    := host-driver/control/control.h
CONTROL_C    := $(wildcard host-driver/control/*.c)
CONTROL_LIBS := $(CONTROL_LIB) -ljansson

$(HOST_DIR)/control/%.o: host-driver/control/%.c $(wildcard host-driver/control/*.h)
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(CFLAGS) -D_GNU_SOURCE -c -o $@ $<

$(CONTROL_LIB): $(patsubst host-driver/control/%.c,$(HOST_DIR)/control/%.o,$(CONTROL_C))
	@echo "  AR       $@"
	@rm -f $@ && $(AR) rcs $@ $^

ALL += $(CONTROL_LIB)
