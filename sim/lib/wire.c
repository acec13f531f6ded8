// SPDX-License-Identifier: Apache-2.0
// The wire: frames to and from the NIC's GMII, one octet per cycle (IEEE 802.3, clauses 3 and 35), or as 64-bit words, one per cycle; recorded as
// pcapng on request.
#include "internal.h"
#include "pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define PREAMBLE   8 /* seven 0x55 and the SFD */
#define FCS	   4
#define FRAME_ROOM 16384 /* longest burst of octets taken from the NIC */

struct wire_frame {
	struct wire_frame *next;
	size_t bytes;	 /* preamble, frame, padding, FCS */
	size_t error_at; /* octet with RX_ER, or SIZE_MAX */
	bool bad_fcs;
	uint8_t octet[];
};

struct wire {
	bool words; /* 64-bit words instead of octets */
	struct wire_frame *first, **last;
	size_t pending;
	size_t at; /* next octet of the first frame */
	unsigned gap, gap_left;
	uint8_t *rx; /* what the NIC sends, from the preamble on (words: from the frame on) */
	size_t rx_bytes;
	bool rx_error;
	void (*on_frame)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok);
	void *on_frame_arg;
	struct pcapng *record;
};

int wire_new(struct gls *s)
{
	struct wire *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	s->wire = w;
	w->last = &w->first;
	w->gap = 12;
	w->rx = malloc(FRAME_ROOM);
	return w->rx ? 0 : -ENOMEM;
}

void wire_free(struct gls *s)
{
	struct wire *w = s->wire;
	while (w->first) {
		struct wire_frame *f = w->first;
		w->first = f->next;
		free(f);
	}
	pcapng_close(w->record);
	free(w->rx);
	free(w);
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void record(struct gls *s, const uint8_t *frame, size_t bytes, bool inbound)
{
	if (s->wire->record)
		pcapng_write(s->wire->record, s->now * (1000000000 / gls_clock_hz(s)), frame, bytes,
			     inbound ? PCAPNG_INBOUND : PCAPNG_OUTBOUND);
}

void gls_wire_send(struct gls *s, const void *frame, size_t bytes, enum gls_wire_fault fault)
{
	struct wire *w = s->wire;
	size_t padded = bytes < 60 && fault != GLS_WIRE_CUT ? 60 : bytes;
	struct wire_frame *f = calloc(1, sizeof(*f) + PREAMBLE + padded + FCS);
	if (!f)
		abort();
	memset(f->octet, 0x55, PREAMBLE - 1);
	f->octet[PREAMBLE - 1] = 0xd5;
	memcpy(f->octet + PREAMBLE, frame, bytes);
	uint32_t crc = (uint32_t)crc32(0, f->octet + PREAMBLE, (uInt)padded);
	put_le32(f->octet + PREAMBLE + padded, fault == GLS_WIRE_BAD_FCS ? ~crc : crc);
	f->bytes = PREAMBLE + padded + FCS;
	f->bad_fcs = fault == GLS_WIRE_BAD_FCS;
	f->error_at = fault == GLS_WIRE_RX_ER ? PREAMBLE + padded / 2 : SIZE_MAX;
	*w->last = f;
	w->last = &f->next;
	w->pending++;
}

void gls_wire_gap(struct gls *s, unsigned gap)
{
	s->wire->gap = gap;
}

void gls_wire_words(struct gls *s, bool on)
{
	s->wire->words = s->pins.words = on;
	s->pins.gmii_rx_dv = s->pins.gmii_rx_er = s->pins.wrx_valid = false;
	s->pins.gmii_rxd = 0;
}

size_t gls_wire_pending(const struct gls *s)
{
	return s->wire->pending;
}

bool gls_wire_listening(const struct gls *s)
{
	return s->pins.rx_enabled;
}

void gls_on_wire(struct gls *s,
		 void (*fn)(void *arg, const uint8_t *frame, size_t bytes, bool fcs_ok), void *arg)
{
	s->wire->on_frame = fn;
	s->wire->on_frame_arg = arg;
}

int gls_wire_record(struct gls *s, const char *file)
{
	int error = pcapng_close(s->wire->record);
	s->wire->record = NULL;
	if (error)
		return gls_fail(s, -error, "cannot write the record of the wire: %s",
				strerror(-error));
	if (!file)
		return 0;
	s->wire->record = pcapng_create(file, "wire");
	return s->wire->record ? 0
			       : gls_fail(s, errno, "cannot write %s: %s", file, strerror(errno));
}

/* The first frame has gone. */
static void sent(struct gls *s)
{
	struct wire *w = s->wire;
	struct wire_frame *f = w->first;
	record(s, f->octet + PREAMBLE, f->bytes - PREAMBLE - FCS, true);
	w->at = 0;
	w->pending--;
	w->first = f->next;
	if (!w->first)
		w->last = &w->first;
	free(f);
}

static void drive_word(struct gls *s)
{
	struct wire *w = s->wire;
	struct wire_frame *f = w->first;
	struct model_pins *pins = &s->pins;
	pins->wrx_valid = f != NULL;
	if (!f)
		return;
	size_t left = f->bytes - PREAMBLE - FCS - w->at;
	pins->wrx_sof = w->at == 0;
	pins->wrx_last = left <= 8;
	pins->wrx_last_bytes = (uint8_t)(left <= 8 ? left : 8);
	pins->wrx_bad_fcs = f->bad_fcs;
	pins->wrx_er = f->error_at != SIZE_MAX;
	pins->wrx_data = 0;
	memcpy(&pins->wrx_data, f->octet + PREAMBLE + w->at, pins->wrx_last_bytes);
}

void wire_drive(struct gls *s)
{
	struct wire *w = s->wire;
	struct wire_frame *f = w->first;
	if (w->words) {
		drive_word(s);
		return;
	}
	s->pins.gmii_rx_dv = false;
	s->pins.gmii_rx_er = false;
	s->pins.gmii_rxd = 0;
	if (w->gap_left) {
		w->gap_left--;
		return;
	}
	if (!f)
		return;
	s->pins.gmii_rx_dv = true;
	s->pins.gmii_rxd = f->octet[w->at];
	s->pins.gmii_rx_er = w->at == f->error_at;
	if (++w->at < f->bytes)
		return;
	w->gap_left = w->gap;
	sent(s);
}

static void deliver(struct gls *s, const uint8_t *frame, size_t bytes, bool ok)
{
	record(s, frame, bytes, false);
	if (s->wire->on_frame)
		s->wire->on_frame(s->wire->on_frame_arg, frame, bytes, ok);
}

/* The NIC's frame has ended: find the SFD, check and cut the FCS. */
static void frame_done(struct gls *s)
{
	struct wire *w = s->wire;
	size_t start = 0;
	while (start < w->rx_bytes && w->rx[start] == 0x55)
		start++;
	if (start == PREAMBLE - 1 && w->rx_bytes >= PREAMBLE + FCS + 1 && w->rx[start] == 0xd5) {
		const uint8_t *frame = w->rx + PREAMBLE;
		size_t bytes = w->rx_bytes - PREAMBLE - FCS;
		uint8_t fcs[FCS];
		put_le32(fcs, (uint32_t)crc32(0, frame, (uInt)bytes));
		bool ok = !w->rx_error && !memcmp(fcs, frame + bytes, FCS) && bytes >= 60;
		deliver(s, frame, bytes, ok);
	} else if (w->on_frame) {
		w->on_frame(w->on_frame_arg, w->rx, w->rx_bytes, false);
	}
}

static void sample_word(struct gls *s)
{
	struct wire *w = s->wire;
	const struct model_pins *pins = &s->pins;
	if (pins->wrx_valid && pins->wrx_ready) {
		w->at += 8;
		if (pins->wrx_last)
			sent(s);
	}
	if (!pins->wtx_valid)
		return;
	if (pins->wtx_sof && w->rx_bytes) { /* a reset cut the frame before */
		deliver(s, w->rx, w->rx_bytes, false);
		w->rx_bytes = 0;
	}
	size_t bytes = pins->wtx_last ? pins->wtx_last_bytes : 8;
	if (w->rx_bytes + bytes <= FRAME_ROOM) {
		memcpy(w->rx + w->rx_bytes, &pins->wtx_data, bytes);
		w->rx_bytes += bytes;
	}
	if (pins->wtx_last) {
		deliver(s, w->rx, w->rx_bytes, w->rx_bytes >= 60);
		w->rx_bytes = 0;
	}
}

void wire_sample(struct gls *s)
{
	struct wire *w = s->wire;
	if (w->words) {
		sample_word(s);
		return;
	}
	if (s->pins.gmii_tx_en) {
		if (w->rx_bytes < FRAME_ROOM)
			w->rx[w->rx_bytes++] = s->pins.gmii_txd;
		w->rx_error |= s->pins.gmii_tx_er;
	} else if (w->rx_bytes) {
		frame_done(s);
		w->rx_bytes = 0;
		w->rx_error = false;
	}
}

bool wire_busy(const struct gls *s)
{
	const struct wire *w = s->wire;
	/* With words the NIC itself knows whether more of a frame comes. */
	return w->first || (!w->words && (w->gap_left || w->rx_bytes));
}
