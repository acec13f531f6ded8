// SPDX-License-Identifier: Apache-2.0
/*
 * In dom0: `dom0-destroy DOMAIN` has Xen end a domain at once, without a toolstack that takes its devices away first. What is left of it in xenstore
 * stays.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xenctrl.h>

int main(int argc, char **argv)
{
	xc_interface *xc = NULL;
	int status = 1;

	if (argc != 2) {
		fputs("usage: dom0-destroy DOMAIN\n", stderr);
		return 2;
	}
	xc = xc_interface_open(NULL, NULL, 0);
	if (xc && xc_domain_destroy(xc, (uint32_t)strtoul(argv[1], NULL, 10)) == 0)
		status = 0;
	else
		perror("dom0-destroy");
	if (xc)
		xc_interface_close(xc);
	return status;
}
