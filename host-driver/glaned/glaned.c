// SPDX-License-Identifier: Apache-2.0
// glaned: owns one Guestlane NIC (glaned.h has the map of its parts).
#include "glaned.h"

#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	/* Descriptors 0 to 2 must not become something else. */
	int fd;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 3);
	if (fd >= 3)
		close(fd);
	return daemon_main(argc, argv);
}
