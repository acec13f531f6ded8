// SPDX-License-Identifier: Apache-2.0
// Copies a capture and pads frames shorter than 60 bytes with zeros, as an Ethernet controller does before it appends the
// frame check sequence (IEEE 802.3, 4.2.3.3). Part of tests/data/capture.sh.
//
//   pad IN.pcap OUT.pcap
#define _DEFAULT_SOURCE // pcap.h wants u_int and its like
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

enum { SHORTEST = 60 };

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *head;
	const u_char *data;
	pcap_dumper_t *out;
	pcap_t *in;
	int got;

	if (argc != 3) {
		fprintf(stderr, "usage: pad IN.pcap OUT.pcap\n");
		return 2;
	}
	in = pcap_open_offline_with_tstamp_precision(argv[1], PCAP_TSTAMP_PRECISION_NANO, why);
	if (!in) {
		fprintf(stderr, "pad: %s\n", why);
		return 1;
	}
	out = pcap_dump_open(in, argv[2]);
	if (!out) {
		fprintf(stderr, "pad: %s\n", pcap_geterr(in));
		return 1;
	}
	while ((got = pcap_next_ex(in, &head, &data)) == 1) {
		u_char padded[SHORTEST] = { 0 };
		struct pcap_pkthdr h = *head;

		if (h.caplen != h.len) {
			fprintf(stderr, "pad: a frame was not captured whole\n");
			return 1;
		}
		if (h.len < SHORTEST) {
			memcpy(padded, data, h.len);
			h.len = h.caplen = SHORTEST;
			data = padded;
		}
		pcap_dump((u_char *)out, &h, data);
	}
	if (got == PCAP_ERROR || pcap_dump_flush(out)) {
		fprintf(stderr, "pad: %s\n", got == PCAP_ERROR ? pcap_geterr(in) : "cannot write");
		return 1;
	}
	pcap_dump_close(out);
	pcap_close(in);
	return 0;
}
