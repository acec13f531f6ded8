#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# libguestlane's test-suite on glane-sim, by the back end vfio-user.
exec build/tests/device/suite --sim build/sim/glane-sim --socket SOCKET
