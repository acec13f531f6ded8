# SPDX-License-Identifier: Apache-2.0
# Rigs: the simulated NIC as a PCI device in virtual machines. `make system-linux` boots Debian 13 in QEMU on it.
.PHONY: qemuroot
qemuroot: ## make the Debian 13 root with QEMU and a kernel for the rigs (build/qemuroot)
	@sim/rig/make-qemuroot $(BUILD)/qemuroot
