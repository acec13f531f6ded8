# SPDX-License-Identifier: Apache-2.0
# Tests of what the benchmarks measure with.
$(eval $(call host_test,insn_report,tests/bench/test_insn_report.c sim/bench-xen/analyse.c sim/bench-xen/analyse.h sim/bench-xen/record.h sim/bench-xen/frame.h,-O1 -D_GNU_SOURCE -Isim/bench-xen,-lm))
$(eval $(call host_test,settle,tests/bench/test_settle.c sim/glane-sim/settle.c sim/glane-sim/settle.h,-O1 -D_GNU_SOURCE -Isim/glane-sim,))

# On real Xen: the quick measurement.
TESTS_XEN      += tests/bench/test_bench_xen.sh
TESTS_XEN_NEED += $(BENCH_XEN_TOOLS)

FORMAT_SRC += $(wildcard tests/bench/*.c)
