// SPDX-License-Identifier: Apache-2.0
/*
 * glane-pages DOMAIN...: machine pages of PV domains, for the report, which tells by them whose instructions those were. Runs in dom0. A line "DOMAIN FIRST
 * END" for each range of page numbers, hexadecimal. Xen tells the type of a page only to whom asks with its owner's name; pages of a domain that is
 * translated (PVH, HVM) have other numbers there and are left out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

/* libxenguest exports it (XEN_DOMCTL_getpageframeinfo3), its headers do not say so. */
int xc_get_pfn_type_batch(xc_interface *xc, uint32_t domain, unsigned count, xen_pfn_t *type);

#define BATCH 1024u

static int list(xc_interface *xc, uint32_t domain, unsigned long pages)
{
	static xen_pfn_t type[BATCH];
	unsigned long first = 0, page;
	int inside = 0;
	for (page = 0; page < pages; page++) {
		if (page % BATCH == 0) {
			for (unsigned i = 0; i < BATCH; i++)
				type[i] = page + i;
			if (xc_get_pfn_type_batch(xc, domain, BATCH, type)) {
				fprintf(stderr, "glane-pages: domain %u, page %lx: %s\n", domain,
					page, strerror(errno));
				return 1;
			}
		}
		int its = (type[page % BATCH] & XEN_DOMCTL_PFINFO_LTAB_MASK) !=
			  XEN_DOMCTL_PFINFO_XTAB;
		if (its && !inside)
			first = page;
		if (!its && inside)
			printf("%u %lx %lx\n", domain, first, page);
		inside = its;
	}
	if (inside)
		printf("%u %lx %lx\n", domain, first, page);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;
	xc_physinfo_t info = { 0 };
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	if (!xc || xc_physinfo(xc, &info)) {
		fprintf(stderr, "glane-pages: this is not dom0 of Xen, or I may not ask it\n");
		return 1;
	}
	/* Memory that firmware keeps is above what Xen counts. */
	unsigned long pages = (unsigned long)info.max_mfn + 1;
	pages = (pages + BATCH - 1) / BATCH * BATCH;
	for (int i = 1; i < argc; i++) {
		uint32_t domain = (uint32_t)strtoul(argv[i], NULL, 10);
		status |= list(xc, domain, pages);
	}
	xc_interface_close(xc);
	return status;
}
