/* SPDX-License-Identifier: Apache-2.0 */
/* Command-line values of the programs in sim/. */
#ifndef SIM_OPTION_H
#define SIM_OPTION_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The value of --option: a whole number from low to high (decimal, 0x or 0), or one sentence and exit status 2. */
static inline unsigned long option_number(const char *program, const char *option, const char *text,
					  unsigned long low, unsigned long high)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(text, &end, 0);
	if (errno || *end || end == text || text[0] == '-' || v < low || v > high) {
		fprintf(stderr, "%s: --%s is '%s'; give a whole number from %lu to %lu\n", program,
			option, text, low, high);
		exit(2);
	}
	return v;
}

#endif
