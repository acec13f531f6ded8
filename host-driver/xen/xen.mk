# SPDX-License-Identifier: Apache-2.0
# `make vfio-noiommu`: the kernel's VFIO modules with the mode for machines without an IOMMU, for a dom0 of Xen: build/vfio-noiommu. KVER=kernel
# builds for another kernel than the running one. What this folder has otherwise is part of libguestlane (lib.mk).
.PHONY: vfio-noiommu
vfio-noiommu:
	$(call quietly,MODULES,$(BUILD)/vfio-noiommu.log,host-driver/xen/build-vfio-noiommu $(BUILD)/vfio-noiommu $(KVER))
	@echo "  for kernel $$(cat $(BUILD)/vfio-noiommu/kernel)"
