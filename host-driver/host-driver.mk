# SPDX-License-Identifier: Apache-2.0
# The host's side: libguestlane, the daemon, its tools. Each part has a fragment of its own; programs go to build/host-driver.
HOST_DIR := $(BUILD)/host-driver

include $(sort $(wildcard host-driver/*/*.mk))

FORMAT_SRC += $(wildcard host-driver/*/*.c host-driver/*/*.h)

# --- make install: into PREFIX below DESTDIR. What is not built is not built now, so that `sudo make install` makes nothing of root's. ---
PREFIX  := /usr
INSTALL := install -D
INSTALL_SBIN := $(addprefix $(HOST_DIR)/,glaned glane-hold glane-glue)
INSTALL_BIN  := $(addprefix $(HOST_DIR)/,glanectl glane-tap) $(BUILD)/sim/glane-sim $(BUILD)/sim/glane-hostlink
# What goes where: file:place below PREFIX.
INSTALL_DATA := $(BUILD)/firmware/guestlane.fw:lib/guestlane/guestlane.fw $(HOST_DIR)/libguestlane.a:lib/libguestlane.a $(HOST_DIR)/guestlane.pc:lib/pkgconfig/guestlane.pc \
	host-driver/include/guestlane.h:include/guestlane.h \
	$(HOST_DIR)/glanectl.bash:share/bash-completion/completions/glanectl $(HOST_DIR)/_glanectl:share/zsh/vendor-completions/_glanectl \
	$(foreach n,1 5 8,$(foreach p,$(wildcard $(addprefix docs/man/,glanectl.$n glane-tap.$n glane-sim.$n glane-hostlink.$n glaned.$n glane-hold.$n glane-glue.$n glaned.conf.$n)),$p:share/man/man$n/$(notdir $p))) \
	$(foreach u,$(wildcard host-driver/systemd/*.service),$u:lib/systemd/system/$(notdir $u))
INSTALL_FILES := $(INSTALL_SBIN) $(INSTALL_BIN) $(foreach d,$(INSTALL_DATA),$(firstword $(subst :, ,$d)))

.PHONY: install
install:
	@for f in $(INSTALL_FILES); do \
		[ -e $$f ] || { echo "$$f has not been built; run make all first" >&2; exit 1; }; done
	@$(INSTALL) -t $(DESTDIR)$(PREFIX)/sbin $(INSTALL_SBIN)
	@$(INSTALL) -t $(DESTDIR)$(PREFIX)/bin $(INSTALL_BIN)
	@$(foreach d,$(INSTALL_DATA),$(INSTALL) -m 644 $(subst :, $(DESTDIR)$(PREFIX)/,$d) &&) true
	@[ ! -e host-driver/glaned/glaned.conf ] || [ -e $(DESTDIR)/etc/guestlane/glaned.conf ] || \
		$(INSTALL) -m 644 host-driver/glaned/glaned.conf $(DESTDIR)/etc/guestlane/glaned.conf
	@$(INSTALL) -m 755 xen-integration/hotplug/vif-guestlane $(DESTDIR)/etc/xen/scripts/vif-guestlane
	@$(INSTALL) -m 644 xen-integration/systemd/glaned.service.d-xen.conf $(DESTDIR)$(PREFIX)/share/guestlane/glaned.service.d-xen.conf
	@echo "  INSTALL  $(DESTDIR)$(PREFIX)"
