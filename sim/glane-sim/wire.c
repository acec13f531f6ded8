// SPDX-License-Identifier: Apache-2.0
// The other end of the NIC's wire: so far none, or a loopback.
#include "wire.h"
#include "guestlane_sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct glane_wire {
	struct gls *s;
	bool loopback;
	struct glane_wire_stats stats;
};

static void from_nic(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct glane_wire *w = arg;
	w->stats.from_nic++;
	w->stats.from_nic_octets += bytes;
	if (!fcs_ok || !w->loopback || gls_wire_pending(w->s) >= GLANE_WIRE_QUEUE) {
		w->stats.dropped++;
		return;
	}
	gls_wire_send(w->s, frame, bytes, GLS_WIRE_OK);
	w->stats.to_nic++;
	w->stats.to_nic_octets += bytes;
}

struct glane_wire *glane_wire_open(const char *spec, struct gls *s, char *error, size_t room)
{
	bool loopback = spec && !strcmp(spec, "loopback");
	if (spec && !loopback && strcmp(spec, "none")) {
		snprintf(error, room, "'%s' is no wire that is known here; give none or loopback",
			 spec);
		return NULL;
	}
	struct glane_wire *w = calloc(1, sizeof(*w));
	if (!w) {
		snprintf(error, room, "not enough memory for the wire");
		return NULL;
	}
	w->s = s;
	w->loopback = loopback;
	gls_on_wire(s, from_nic, w);
	return w;
}

void glane_wire_close(struct glane_wire *wire)
{
	free(wire);
}

int glane_wire_fd(const struct glane_wire *wire)
{
	(void)wire;
	return -1;
}

void glane_wire_service(struct glane_wire *wire)
{
	(void)wire;
}

struct glane_wire_stats glane_wire_stats(const struct glane_wire *wire)
{
	return wire->stats;
}
