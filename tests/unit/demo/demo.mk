# SPDX-License-Identifier: Apache-2.0
# The example unit bench; copy this line for a new one.
$(eval $(call verilator_test,demo,counter,tests/unit/demo/counter.sv,tests/unit/demo/test_demo.cpp,))
$(eval $(call verilator_lint,demo,counter,tests/unit/demo/counter.sv,))
FORMAT_SRC += tests/unit/tb.h tests/unit/demo/test_demo.cpp
