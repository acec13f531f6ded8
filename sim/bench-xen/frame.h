/* SPDX-License-Identifier: Apache-2.0 */
/* The measurements' network, and its UDP frames. Guests count from 1: guest g is 10.9.0.(10 + g), 00:16:3e:00:00:g. Behind the wire is 10.9.0.99. */
#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FRAME_HEADERS	  42u /* Ethernet 14, IPv4 20, UDP 8 */
#define FRAME_PAYLOAD	  1470u
#define FRAME_PORT	  5001u
#define FRAME_GUESTS	  8u
#define FRAME_WIRE	  99u
/* Last octet of a guest's IPv4 address. */
#define FRAME_HOST(guest) (10u + (guest))

static inline void frame_guest_mac(uint8_t *mac, unsigned guest)
{
	static const uint8_t xen[6] = { 0x00, 0x16, 0x3e, 0, 0, 0 };
	memcpy(mac, xen, 6);
	mac[5] = (uint8_t)guest;
}

static inline void frame_wire_mac(uint8_t *mac)
{
	static const uint8_t wire[6] = { 0x02, 0, 0, 0, 0, FRAME_WIRE };
	memcpy(mac, wire, 6);
}

static inline void frame_put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A frame from the wire's station to host 10.9.0.`host`, at `mac`, with `payload` zero octets of UDP (at most FRAME_PAYLOAD) and no UDP checksum. Its size. */
static inline size_t frame_build(uint8_t *frame, const uint8_t *mac, unsigned host, size_t payload)
{
	unsigned sum = 0;
	memset(frame, 0, FRAME_HEADERS + payload);
	memcpy(frame, mac, 6);
	frame_wire_mac(frame + 6);
	frame[12] = 0x08; /* IPv4 */
	uint8_t *ip = frame + 14, *udp = ip + 20;
	ip[0] = 0x45;
	frame_put16(ip + 2, (unsigned)(28 + payload));
	ip[8] = 64;
	ip[9] = 17;
	static const uint8_t net[3] = { 10, 9, 0 };
	memcpy(ip + 12, net, 3);
	ip[15] = FRAME_WIRE;
	memcpy(ip + 16, net, 3);
	ip[19] = (uint8_t)host;
	for (unsigned i = 0; i < 20; i += 2)
		sum += (unsigned)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	frame_put16(ip + 10, ~(sum + (sum >> 16)));
	frame_put16(udp, 4660);
	frame_put16(udp + 2, FRAME_PORT);
	frame_put16(udp + 4, (unsigned)(8 + payload));
	return FRAME_HEADERS + payload;
}

#endif
