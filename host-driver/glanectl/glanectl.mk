# SPDX-License-Identifier: Apache-2.0
# glanectl, the command line of glaned, and its completion scripts: build/host-driver/{glanectl,glanectl.bash,_glanectl}.
GLANECTL     := $(HOST_DIR)/glanectl
GLANECTL_C   := $(wildcard host-driver/glanectl/*.c)
GLANECTL_LIB := $(HOST_DIR)/libguestlane.a
GLANECTL_INC := -Ihost-driver/control -Ihost-driver/include -I$(GEN)

# With the sanitizers, the same sources make the program that tests run.
define glanectl_program
$(1): $(GLANECTL_C) $(wildcard host-driver/glanectl/*.h) host-driver/include/guestlane.h $(CONTROL_H) $(REGS_H) $(CONTROL_LIB) $(GLANECTL_LIB)
	@mkdir -p $$(@D)
	@echo "  CC       $$@"
	@$$(CC) $$(CFLAGS) -D_GNU_SOURCE $(GLANECTL_INC) $(2) -o $$@ $(GLANECTL_C) $$(LIBGL_LIBS) $$(CONTROL_LIBS)
endef
$(eval $(call glanectl_program,$(GLANECTL),))

$(HOST_DIR)/glanectl.bash: $(GLANECTL)
	@$(GLANECTL) completion bash >$@
$(HOST_DIR)/_glanectl: $(GLANECTL)
	@$(GLANECTL) completion zsh >$@

ALL += $(GLANECTL) $(HOST_DIR)/glanectl.bash $(HOST_DIR)/_glanectl
