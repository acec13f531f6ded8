// SPDX-License-Identifier: Apache-2.0
// Writes the demo's figures: table, JSON (jansson), chart (gnuplot).
#include "report.h"
#include "guestlane_regs.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void report_latency(struct report *r, unsigned endpoint, uint64_t cycles)
{
	struct report_context *c = &r->context[endpoint];
	if ((c->latency_count & (c->latency_count - 1)) == 0) {
		size_t room = c->latency_count ? 2 * c->latency_count : 1;
		c->latency = realloc(c->latency, room * sizeof(*c->latency));
		if (!c->latency)
			abort();
	}
	c->latency[c->latency_count++] = cycles;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

struct percentiles {
	double p50, p99, max; /* ns */
};

static struct percentiles percentiles(const struct report *r, uint64_t *cycles, size_t count)
{
	if (!count)
		return (struct percentiles){ 0 };
	double ns = 1e9 / r->clock_hz;
	qsort(cycles, count, sizeof(*cycles), ascending);
	return (struct percentiles){ ns * (double)cycles[(count - 1) / 2],
				     ns * (double)cycles[(count - 1) * 99 / 100],
				     ns * (double)cycles[count - 1] };
}

static struct percentiles all_percentiles(const struct report *r)
{
	size_t count = 0;
	for (unsigned i = 0; i <= r->contexts; i++)
		count += r->context[i].latency_count;
	uint64_t *all = malloc((count + 1) * sizeof(*all));
	if (!all)
		abort();
	count = 0;
	for (unsigned i = 0; i <= r->contexts; i++) {
		if (r->context[i].latency_count)
			memcpy(all + count, r->context[i].latency,
			       r->context[i].latency_count * sizeof(*all));
		count += r->context[i].latency_count;
	}
	struct percentiles p = percentiles(r, all, count);
	free(all);
	return p;
}

static uint64_t drops(const struct report_context *c)
{
	return c->counter[GL_CSTAT_TX_DROP_SOURCE] + c->counter[GL_CSTAT_TX_DROP_ERROR] +
	       c->counter[GL_CSTAT_TX_DROP_NOBODY] + c->counter[GL_CSTAT_RX_DROP_NODESC] +
	       c->counter[GL_CSTAT_RX_DROP_NOTREADY] + c->counter[GL_CSTAT_RX_DROP_ERROR];
}

void report_print(struct report *r)
{
	printf("\n%-6s %-17s %8s %10s %8s %10s %6s %6s %9s %9s %9s\n", "guest", "MAC", "sent",
	       "octets", "received", "octets", "drops", "irqs", "p50 us", "p99 us", "max us");
	for (unsigned i = 0; i <= r->contexts; i++) {
		struct report_context *c = &r->context[i];
		struct percentiles p = percentiles(r, c->latency, c->latency_count);
		char mac[18] = "", name[16] = "wire";
		if (i < r->contexts) {
			snprintf(name, sizeof(name), "%u", i);
			snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", c->mac[0],
				 c->mac[1], c->mac[2], c->mac[3], c->mac[4], c->mac[5]);
		}
		printf("%-6s %-17s %8llu %10llu %8llu %10llu %6llu %6llu %9.2f %9.2f %9.2f\n", name,
		       mac, (unsigned long long)c->frames_sent, (unsigned long long)c->bytes_sent,
		       (unsigned long long)c->frames_received,
		       (unsigned long long)c->bytes_received, (unsigned long long)drops(c),
		       (unsigned long long)c->counter[GL_CSTAT_IRQS], p.p50 / 1e3, p.p99 / 1e3,
		       p.max / 1e3);
	}
	struct percentiles p = all_percentiles(r);
	double cycles = (double)(r->cycles_firmware + r->cycles_dma_wait + r->cycles_idle);
	printf("\n%llu frames in, %llu copies out: %llu lost, %llu corrupted, %llu reordered\n",
	       (unsigned long long)r->frames_in, (unsigned long long)r->frames_out,
	       (unsigned long long)r->lost, (unsigned long long)r->corrupted,
	       (unsigned long long)r->reordered);
	printf("Latency from send to the receiver's interrupt handler: p50 %.2f us, p99 %.2f us, "
	       "max %.2f us\n",
	       p.p50 / 1e3, p.p99 / 1e3, p.max / 1e3);
	printf("A frame stays in the NIC for %.0f cycles (sent by a guest), %.0f cycles (from the "
	       "wire), in the mean\n",
	       r->cycles_per_frame_tx, r->cycles_per_frame_rx);
	printf("The core: %.1f %% firmware, %.1f %% waiting for DMA, %.1f %% idle\n",
	       100 * (double)r->cycles_firmware / cycles, 100 * (double)r->cycles_dma_wait / cycles,
	       100 * (double)r->cycles_idle / cycles);
	printf("%.2f ms of the NIC's time at %.0f MHz; %.2f M of %.2f M cycles simulated in %.1f "
	       "s: %.2f M cycles/s\n",
	       1e3 * (double)r->cycles / r->clock_hz, r->clock_hz / 1e6,
	       (double)r->simulated_cycles / 1e6, (double)r->cycles / 1e6, r->wall_seconds,
	       (double)r->simulated_cycles / r->wall_seconds / 1e6);
}

static json_t *latency_json(struct percentiles p)
{
	return json_pack("{s:f, s:f, s:f}", "p50", p.p50, "p99", p.p99, "max", p.max);
}

static json_t *context_json(struct report *r, unsigned i)
{
	struct report_context *c = &r->context[i];
	char mac[18];
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", c->mac[0], c->mac[1], c->mac[2],
		 c->mac[3], c->mac[4], c->mac[5]);
	json_t *counters = json_object();
#define COUNTER(name, value, text) \
	json_object_set_new(counters, #name, json_integer((json_int_t)c->counter[value]));
	GL_CSTAT_LIST(COUNTER)
#undef COUNTER
	return json_pack("{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "context", (int)i, "mac",
			 mac, "frames_sent", (json_int_t)c->frames_sent, "bytes_sent",
			 (json_int_t)c->bytes_sent, "frames_received",
			 (json_int_t)c->frames_received, "bytes_received",
			 (json_int_t)c->bytes_received, "drops", (json_int_t)drops(c), "latency_ns",
			 latency_json(percentiles(r, c->latency, c->latency_count)), "counters",
			 counters);
}

static int write_json(struct report *r, const char *path, const char *capture)
{
	json_t *contexts = json_array();
	for (unsigned i = 0; i < r->contexts; i++)
		json_array_append_new(contexts, context_json(r, i));
	struct report_context *w = &r->context[r->contexts];
	json_t *wire =
		json_pack("{s:I, s:I, s:I, s:I, s:o}", "frames_to_nic", (json_int_t)w->frames_sent,
			  "bytes_to_nic", (json_int_t)w->bytes_sent, "frames_from_nic",
			  (json_int_t)w->frames_received, "bytes_from_nic",
			  (json_int_t)w->bytes_received, "latency_ns",
			  latency_json(percentiles(r, w->latency, w->latency_count)));
	json_t *root =
		json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:o, "
			  "s:{s:I, s:I, s:I}, s:o, s:o, s:f, s:f}",
			  "capture", capture, "contexts", (int)r->contexts, "clock_hz",
			  (int)r->clock_hz, "cycles", (json_int_t)r->cycles, "cycles_simulated",
			  (json_int_t)r->simulated_cycles, "frames_in", (json_int_t)r->frames_in,
			  "frames_out", (json_int_t)r->frames_out, "lost", (json_int_t)r->lost,
			  "corrupted", (json_int_t)r->corrupted, "reordered",
			  (json_int_t)r->reordered, "virtio_violations", (json_int_t)r->violations,
			  "cycles_per_frame_tx", r->cycles_per_frame_tx, "cycles_per_frame_rx",
			  r->cycles_per_frame_rx, "latency_ns", latency_json(all_percentiles(r)),
			  "core_cycles", "firmware", (json_int_t)r->cycles_firmware, "dma_wait",
			  (json_int_t)r->cycles_dma_wait, "idle", (json_int_t)r->cycles_idle,
			  "per_context", contexts, "wire", wire, "wall_seconds", r->wall_seconds,
			  "sim_cycles_per_second", (double)r->simulated_cycles / r->wall_seconds);
	int error = root ? json_dump_file(root, path, JSON_INDENT(2)) : -1;
	json_decref(root);
	return error;
}

static int draw(struct report *r, const char *path)
{
	FILE *g = popen("gnuplot", "w");
	if (!g)
		return -1;
	fprintf(g,
		"set terminal pngcairo size 1200,760 font 'sans,11'\nset output '%s'\n"
		"set multiplot layout 2,1 title 'Guestlane: %u guests on one NIC, %llu frames, "
		"%llu lost'\n"
		"set style data histograms\nset style histogram clustered gap 1\nset style fill "
		"solid 0.85 noborder\n"
		"set grid ytics lc rgb '#dddddd'\nset xtics nomirror\nset key above right "
		"horizontal\nset boxwidth 0.9\n"
		"set ylabel 'frames'\nset yrange [0:*]\nset xlabel 'guest'\n"
		"plot '-' using 2:xtic(1) title 'sent' lc rgb '#2b6ca3', '' using 2:xtic(1) title "
		"'received' lc rgb '#e08a2e'\n",
		path, r->contexts, (unsigned long long)r->frames_in, (unsigned long long)r->lost);
	for (int series = 0; series < 2; series++) {
		for (unsigned i = 0; i <= r->contexts; i++) {
			const struct report_context *c = &r->context[i];
			fprintf(g, i < r->contexts ? "%u" : "wire", i);
			fprintf(g, " %llu\n",
				(unsigned long long)(series ? c->frames_received : c->frames_sent));
		}
		fputs("e\n", g);
	}
	fputs("set ylabel 'latency, microseconds'\nset logscale y\nset yrange [1:*]\n"
	      "plot '-' using 2:xtic(1) title 'p50' lc rgb '#2b6ca3', '' using 2:xtic(1) title "
	      "'p99' lc rgb '#e08a2e', "
	      "'' using 2:xtic(1) title 'max' lc rgb '#a33b2b'\n",
	      g);
	for (int series = 0; series < 3; series++) {
		for (unsigned i = 0; i <= r->contexts; i++) {
			struct report_context *c = &r->context[i];
			struct percentiles p = percentiles(r, c->latency, c->latency_count);
			fprintf(g, i < r->contexts ? "%u" : "wire", i);
			fprintf(g, " %.3f\n",
				(series == 0   ? p.p50
				 : series == 1 ? p.p99
					       : p.max) /
					1e3);
		}
		fputs("e\n", g);
	}
	fputs("unset multiplot\n", g);
	return pclose(g);
}

int report_write(struct report *r, const char *folder, const char *capture, char *error,
		 size_t room)
{
	char path[4096];
	snprintf(path, sizeof(path), "%s/report.json", folder);
	if (write_json(r, path, capture)) {
		snprintf(error, room, "cannot write %s: %s", path,
			 errno ? strerror(errno) : "is the disk full?");
		return -1;
	}
	snprintf(path, sizeof(path), "%s/report.png", folder);
	if (draw(r, path)) {
		snprintf(error, room, "gnuplot could not draw %s; `make deps` installs it", path);
		return -1;
	}
	return 0;
}

void report_free(struct report *r)
{
	for (unsigned i = 0; i < REPORT_CONTEXTS; i++)
		free(r->context[i].latency);
}
