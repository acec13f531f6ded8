# SPDX-License-Identifier: Apache-2.0
# What the virtual machine does, a function for each step; the rig's host side calls them by name. Lines "= KEY VALUE" are results.

# The PCI function of ours.
nic() { lspci -Dn -d 1209:474c | cut -d' ' -f1; }
