# SPDX-License-Identifier: Apache-2.0
# The fuzzer of the whole NIC: hostile guests beside innocent ones, under a monitor of every TLP.
#
#   make fuzz DURATION=600 SEED=0x1234 FUZZ_FLAGS="--hostile 31 --guests 32"

$(eval $(call host_test,fuzz-monitor,tests/fuzz/test_monitor.c tests/fuzz/monitor.c tests/fuzz/monitor.h,-Itests/fuzz,))

FORMAT_SRC += $(wildcard tests/fuzz/*.[ch])
