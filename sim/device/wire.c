// SPDX-License-Identifier: Apache-2.0
// The other end of the NIC's wire: what all kinds have in common, and the two that need nothing else, `none` and `loopback`.
#include "wire_kind.h"
#include "guestlane_sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* While the NIC runs, descriptors are looked at once in so many cycles: a system call costs as much as a few of them. */
#define CYCLES_BETWEEN_LOOKS 200

int wire_fail(struct glane_wire *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(w->error, w->error_room, format, args);
	va_end(args);
	return -1;
}

bool wire_has_room(const struct glane_wire *w)
{
	return gls_wire_pending(w->s) < GLANE_WIRE_QUEUE;
}

void wire_give(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	if (bytes < WIRE_FRAME_MIN || bytes > WIRE_FRAME_MAX) {
		w->stats.refused++;
		return;
	}
	gls_wire_send(w->s, frame, bytes, GLS_WIRE_OK);
	w->stats.to_nic++;
	w->stats.to_nic_octets += bytes;
}

static void watch(struct glane_wire *w, bool on)
{
	struct epoll_event event = { .events = EPOLLIN };
	if (w->data < 0 || w->watched == on)
		return;
	if (!epoll_ctl(w->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->data, &event))
		w->watched = on;
}

void wire_set_data(struct glane_wire *w, int fd)
{
	watch(w, false);
	w->data = fd;
	w->watched = false;
	watch(w, true);
}

/* --- none, loopback ------------------------------------------------------------------------------------------------------- */

static enum wire_fate take_none(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	(void)w;
	(void)frame;
	(void)bytes;
	return WIRE_NO_PEER;
}

static enum wire_fate take_loopback(struct glane_wire *w, const uint8_t *frame, size_t bytes)
{
	if (!wire_has_room(w))
		return WIRE_FULL;
	wire_give(w, frame, bytes);
	return WIRE_TAKEN;
}

static const struct wire_kind wire_none = { .name = "none", .take = take_none };
static const struct wire_kind wire_loopback = { .name = "loopback", .take = take_loopback };

static const struct wire_kind *const kinds[] = { &wire_tap,  &wire_iface,    &wire_pcap,
						 &wire_unix, &wire_loopback, &wire_none };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* --- All kinds ------------------------------------------------------------------------------------------------------------- */

static void from_nic(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok)
{
	struct glane_wire *w = arg;
	w->stats.from_nic++;
	w->stats.from_nic_octets += bytes;
	if (!fcs_ok) {
		w->stats.dropped++;
		w->stats.dropped_bad_fcs++;
		return;
	}
	switch (w->kind->take(w, frame, bytes)) {
	case WIRE_TAKEN:
		return;
	case WIRE_FULL:
		w->stats.dropped_full++;
		break;
	case WIRE_NO_PEER:
		w->stats.dropped_no_peer++;
		break;
	}
	w->stats.dropped++;
}

static const struct wire_kind *find_kind(struct glane_wire *w, const char *spec,
					 const char **argument)
{
	size_t length = strcspn(spec, ":");
	*argument = spec[length] ? spec + length + 1 : NULL;
	for (size_t i = 0; i < KINDS; i++) {
		const struct wire_kind *k = kinds[i];
		if (strlen(k->name) != length || strncmp(spec, k->name, length))
			continue;
		if (!k->argument && *argument) {
			wire_fail(w, "the wire '%s' takes nothing behind '%s'", spec, k->name);
			return NULL;
		}
		if (k->argument && (!*argument || !**argument)) {
			wire_fail(w, "the wire '%s' lacks %s: give %s:%s", spec, k->argument,
				  k->name, k->argument);
			return NULL;
		}
		return k;
	}
	wire_fail(w,
		  "'%.*s' is no kind of wire; give tap:NAME, iface:NAME, pcap:IN,OUT, unix:PATH, "
		  "loopback or none",
		  (int)length, spec);
	return NULL;
}

struct glane_wire *glane_wire_open(const char *spec, struct gls *s, char *error, size_t room)
{
	struct glane_wire *w = calloc(1, sizeof(*w));
	if (!w) {
		snprintf(error, room, "not enough memory for the wire");
		return NULL;
	}
	w->s = s;
	w->epoll = w->data = -1;
	w->error = error;
	w->error_room = room;
	const char *argument;
	w->kind = find_kind(w, spec ? spec : "none", &argument);
	if (!w->kind)
		goto fail;
	if (w->kind->open) {
		w->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (w->epoll < 0) {
			wire_fail(w, "the wire '%s': no descriptor: %s", spec, strerror(errno));
			goto fail;
		}
		if (w->kind->open(w, argument))
			goto fail;
	}
	w->error = NULL;
	gls_on_wire(s, from_nic, w);
	return w;
fail:
	if (w->epoll >= 0)
		close(w->epoll);
	free(w);
	return NULL;
}

int glane_wire_close(struct glane_wire *wire)
{
	if (!wire)
		return 0;
	gls_on_wire(wire->s, NULL, NULL);
	int status = wire->kind->close ? wire->kind->close(wire) : 0;
	if (wire->epoll >= 0)
		close(wire->epoll);
	free(wire);
	return status;
}

int glane_wire_fd(const struct glane_wire *wire)
{
	return wire->epoll;
}

void glane_wire_service(struct glane_wire *wire)
{
	if (!wire->kind->service)
		return;
	uint64_t cycles = gls_simulated(wire->s);
	bool running =
		cycles != wire->last_cycles; /* else it was the descriptor that woke the loop */
	wire->last_cycles = cycles;
	if (running && cycles - wire->last_look < CYCLES_BETWEEN_LOOKS)
		return;
	wire->last_look = cycles;
	wire->kind->service(wire);
	watch(wire, wire_has_room(wire));
}

struct glane_wire_stats glane_wire_stats(const struct glane_wire *wire)
{
	return wire->stats;
}
