# SPDX-License-Identifier: Apache-2.0
$(eval $(call host_test,pcapng,tests/unit/host/test_pcapng.c host-driver/pcapng/pcapng.c host-driver/pcapng/pcapng.h,-D_GNU_SOURCE -Ihost-driver/pcapng,-lpcap))

FORMAT_SRC += tests/unit/host/test_pcapng.c
