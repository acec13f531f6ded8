# SPDX-License-Identifier: Apache-2.0
# make deb: Debian packages of what this machine's release builds, in build/deb; make deb-trixie: the same for a Debian 13 dom0, whose Xen libraries it
# must have, built in the root of the rigs, in build/trixie/deb.
VERSION := 0.5
# 0.5+git412.c0ffee0: later commits are later versions.
DEB_VERSION := $(shell n=$$(git rev-list --count HEAD 2>/dev/null) && echo '$(VERSION)+git'$$n.$$(git rev-parse --short=7 HEAD) || echo '$(VERSION)')
DEB_DATE := $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
# The root has no compiler for the soft core; firmware is the same everywhere.
DEB_FIRMWARE := $(BUILD)/firmware/guestlane.fw
DEB_DIR := $(BUILD)/deb
XEN_DIR := xen-integration

# file:place
DEB_FILES := $(HOST_DIR)/glaned:usr/sbin/ $(HOST_DIR)/glane-hold:usr/sbin/ $(HOST_DIR)/glanectl:usr/bin/ $(HOST_DIR)/glane-tap:usr/bin/ $(BUILD)/sim/glane-hostlink:usr/bin/ \
	$(DEB_FIRMWARE):usr/lib/guestlane/guestlane.fw \
	$(XEN_DIR)/hotplug/vif-guestlane:etc/xen/scripts/ $(DEB_DIR)/glaned.conf:etc/guestlane/ \
	host-driver/systemd/glaned.service:usr/lib/systemd/system/ \
	$(XEN_DIR)/systemd/glaned.service.d-xen.conf:usr/lib/systemd/system/glaned.service.d/xen.conf \
	$(HOST_DIR)/glanectl.bash:usr/share/bash-completion/completions/glanectl $(HOST_DIR)/_glanectl:usr/share/zsh/vendor-completions/_glanectl \
	$(foreach p,glanectl.1 glane-tap.1 glane-hostlink.1 glaned.8 glane-hold.8 glaned.conf.5,docs/man/$p:usr/share/man/man$(subst .,,$(suffix $p))/) \
	$(foreach f,$(wildcard $(XEN_DIR)/examples/*),$f:usr/share/doc/guestlane/examples/) docs/xen.md:usr/share/doc/guestlane/
DKMS_SRC := $(wildcard $(XEN_DIR)/glue/*.c $(XEN_DIR)/glue/*.h $(XEN_DIR)/glue/Kbuild)
DKMS_FILES := $(foreach f,$(DKMS_SRC) $(DEB_DIR)/dkms.conf,$f:usr/src/guestlane-$(DEB_VERSION)/) \
	$(foreach f,$(wildcard $(XEN_DIR)/glue/guestlane-failover),$f:usr/sbin/) \
	$(foreach f,$(wildcard $(XEN_DIR)/glue/*.rules),$f:usr/lib/udev/rules.d/) \
	$(foreach p,$(wildcard docs/man/guestlane-failover.8),$p:usr/share/man/man8/)
DEB_NEED := $(foreach f,$(DEB_FILES) $(DKMS_FILES),$(firstword $(subst :, ,$f))) $(wildcard $(XEN_DIR)/debian/*)
DEB_MAKE = SOURCE_DATE_EPOCH=$(DEB_DATE) $(XEN_DIR)/debian/make-deb $(DEB_DIR)

# A machine's own NIC is not known here, so the daemon waits for this line.
$(DEB_DIR)/glaned.conf: $(XEN_DIR)/examples/glaned.conf
	@mkdir -p $(@D)
	@sed 's/^device = /# device = /' $< >$@

# Made anew each time: the version changes without its source.
.PHONY: dkms-conf
dkms-conf:
$(DEB_DIR)/dkms.conf: $(XEN_DIR)/debian/dkms.conf dkms-conf
	@mkdir -p $(@D)
	@sed 's/@VERSION@/$(DEB_VERSION)/' $< >$@

.PHONY: deb deb-trixie
deb: $(DEB_NEED)
	@rm -f $(DEB_DIR)/*.deb
	@echo "  DEB      guestlane $(DEB_VERSION)"
	@$(DEB_MAKE) guestlane $(DEB_VERSION) $(DEB_FILES)
	@echo "  DEB      guestlane-dkms $(DEB_VERSION)"
	@$(DEB_MAKE) guestlane-dkms $(DEB_VERSION) $(DKMS_FILES)

deb-trixie: $(DEB_FIRMWARE) | qemuroot
	@env -u MAKEFLAGS -u MFLAGS .ci/in-root $(BUILD)/qemuroot make -s -j2 NO_DEPS=1 BUILD=$(BUILD)/trixie DEB_VERSION=$(DEB_VERSION) DEB_DATE=$(DEB_DATE) \
		DEB_FIRMWARE=$(DEB_FIRMWARE) deb
