#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The conformance test of the vfio-user server, on glane-sim itself.
exec build/tests/device/conformance build/sim/glane-sim --socket SOCKET
