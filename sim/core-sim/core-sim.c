/* SPDX-License-Identifier: Apache-2.0
 * core-sim: runs a bare-metal RV32 ELF program on the soft core alone. The machine around the core is modelled here:
 * memory, a console, a CLINT (software interrupt and timer) and the tohost convention of ending a program.
 */
#define _GNU_SOURCE /* getopt_long */

#include "elf32.h"
#include "memory.h"
#include "model.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BASE  0x80000000u
#define RAM_SIZE  (16u << 20)
#define CONSOLE	  0x10000000u
#define EXTERNAL  0x10000004u
#define CLINT	  0x02000000u
#define MSIP	  (CLINT + 0x0)
#define MTIMECMP  (CLINT + 0x4000)
#define MTIME	  (CLINT + 0xbff8)
#define CLINT_END (CLINT + 0x10000)

/* An ELF file may ask for more zeros than any test needs; refuse before the host swaps. */
#define MAX_LOAD (1u << 30)

enum {
	EXIT_USAGE = 2,
	EXIT_CYCLES = 124, /* as timeout(1) */
};

static const char help_text[] =
	"usage: core-sim [OPTIONS] ELF\n"
	"Runs a bare-metal RV32 program on Guestlane's soft core, cycle by cycle.\n"
	"\n"
	"  --max-cycles N  give up after N clock cycles (default 100000000; 0: never)\n"
	"  --trace FILE    write all signals of the core to FILE (FST, for GTKWave)\n"
	"  --rvfi FILE     write one line per instruction to FILE: order pc insn next_pc flags rd "
	"value\n"
	"                  memory address, masks and data (flags: T trapped, I first of a "
	"handler)\n"
	"  --stall SEED    data memory with random wait states and latencies from that seed\n"
	"  --json          print the summary as one JSON object\n"
	"  --help          print this text\n"
	"\n"
	"Machine: memory at 0x80000000 (16 MiB) and wherever the ELF's segments lie (physical\n"
	"addresses); it answers one cycle after a request. Console: a byte stored to 0x10000000 "
	"goes to\n"
	"stdout. External interrupt line: bit 0 stored to 0x10000004. CLINT at 0x02000000: msip "
	"+0,\n"
	"mtimecmp +0x4000, mtime +0xbff8 (counts clock cycles). All else is an access fault. The "
	"program\n"
	"starts at the ELF's entry and ends when it stores an odd value v to the symbol `tohost`.\n"
	"\n"
	"Cycles, instructions and cycles per instruction go to stderr at the end.\n"
	"Exit status: 0 if v is 1, else v >> 1 (255 if that is more than 255); 2 for a wrong "
	"command line\n"
	"or ELF file; 124 if the cycle limit was reached.\n";

struct machine {
	struct memory mem;
	bool has_tohost;
	uint32_t tohost;
	bool ending; /* tohost was written; runs on until that store has retired */
	uint32_t status;
	bool msip, external;
	uint64_t mtime, mtimecmp;
};

struct options {
	const char *elf, *trace, *rvfi;
	uint64_t max_cycles;
	bool json, stall;
	uint64_t seed;
};

static uint64_t random_state;

static unsigned random_below(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state * 0x2545f4914f6cdd1dull) >> 32) % n;
}

static uint32_t merge(uint32_t old, uint32_t new, unsigned be)
{
	uint32_t mask = (be & 1 ? 0xffu : 0) | (be & 2 ? 0xff00u : 0) | (be & 4 ? 0xff0000u : 0) |
			(be & 8 ? 0xff000000u : 0);

	return (old & ~mask) | (new &mask);
}

static void merge64(uint64_t *reg, bool high, uint32_t data, unsigned be)
{
	unsigned shift = high ? 32 : 0;
	uint32_t word = merge((uint32_t)(*reg >> shift), data, be);

	*reg = (*reg & ~((uint64_t)0xffffffff << shift)) | (uint64_t)word << shift;
}

/* One access of the core; false is an access fault. */
static bool clint_access(struct machine *m, uint32_t addr, bool we, unsigned be, uint32_t wdata,
			 uint32_t *rdata)
{
	bool high = addr & 4;

	*rdata = 0;
	switch (addr & ~7u) {
	case MSIP:
		if (high)
			return true;
		if (we && be & 1)
			m->msip = wdata & 1;
		*rdata = m->msip;
		return true;
	case MTIMECMP:
		if (we)
			merge64(&m->mtimecmp, high, wdata, be);
		*rdata = (uint32_t)(m->mtimecmp >> (high ? 32 : 0));
		return true;
	case MTIME:
		if (we)
			merge64(&m->mtime, high, wdata, be);
		*rdata = (uint32_t)(m->mtime >> (high ? 32 : 0));
		return true;
	default:
		return true; /* other harts' registers: read zero */
	}
}

static bool access_data(struct machine *m, uint32_t addr, bool we, unsigned be, uint32_t wdata,
			uint32_t *rdata)
{
	*rdata = 0;
	if (addr - CLINT < CLINT_END - CLINT)
		return clint_access(m, addr & ~3u, we, be, wdata, rdata);
	if (addr >> 12 == CONSOLE >> 12) {
		if (we && (addr & ~3u) == CONSOLE && be & 1)
			putchar((int)(wdata & 0xff));
		if (we && (addr & ~3u) == EXTERNAL && be & 1)
			m->external = wdata & 1;
		return true;
	}
	if (!we)
		return memory_load(&m->mem, addr, rdata);
	if (!memory_store(&m->mem, addr, wdata, be))
		return false;
	if (m->has_tohost && (addr & ~3u) == (m->tohost & ~3u)) {
		uint32_t v = 0;

		memory_load(&m->mem, addr, &v);
		if (v & 1) {
			m->ending = true;
			m->status = v >> 1 > 255 ? 255 : v >> 1;
		}
	}
	return true;
}

static int load(struct machine *m, const struct elf32 *elf, const char *path)
{
	struct elf32_segment seg;
	uint64_t total = 0;
	bool any = false;

	for (uint32_t i = 0; i < elf->phnum; i++) {
		int kind = elf32_segment(elf, i, &seg);

		if (kind == 0)
			continue;
		if (kind < 0) {
			fprintf(stderr, "core-sim: %s: program header %" PRIu32 " is malformed.\n",
				path, i);
			return EXIT_USAGE;
		}
		total += seg.memsz;
		if (total > MAX_LOAD) {
			fprintf(stderr, "core-sim: %s needs more than 1 GiB of memory.\n", path);
			return EXIT_USAGE;
		}
		if (!memory_map(&m->mem, seg.paddr, seg.memsz)) {
			fprintf(stderr, "core-sim: no memory left to load %s.\n", path);
			return EXIT_USAGE;
		}
		memory_write(&m->mem, seg.paddr, seg.data, seg.filesz);
		any = true;
	}
	if (!any) {
		fprintf(stderr, "core-sim: %s has no loadable segments.\n", path);
		return EXIT_USAGE;
	}
	return 0;
}

static void rvfi_line(FILE *f, uint64_t order, const struct model_out *o)
{
	fprintf(f, "%" PRIu64 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32 " %c%c x%u %08" PRIx32,
		order, o->pc, o->insn, o->next_pc, o->trap ? 'T' : '-', o->intr ? 'I' : '-', o->rd,
		o->rd_data);
	if (o->mem_rmask || o->mem_wmask)
		fprintf(f, " mem %08" PRIx32 " r%x w%x %08" PRIx32, o->mem_addr, o->mem_rmask,
			o->mem_wmask, o->mem_wmask ? o->mem_wdata : o->mem_rdata);
	fputc('\n', f);
}

struct counts {
	uint64_t cycles, instructions, sleep_cycles;
};

/* Runs until the program ends (true) or the cycle limit is reached. */
static bool run(struct machine *m, struct model *core, const struct options *opt, FILE *rvfi,
		struct counts *n)
{
	struct model_in in = { .dmem_ready = true };
	struct model_out out;
	bool outstanding = false, err = false;
	unsigned delay = 0;
	uint32_t rdata = 0;
	unsigned ending = 0;
	uint64_t order = 0;

	while (opt->max_cycles == 0 || n->cycles < opt->max_cycles) {
		/* This cycle's inputs. */
		in.dmem_rvalid = outstanding && delay == 0;
		in.dmem_rdata = in.dmem_rvalid ? rdata : 0;
		in.dmem_err = in.dmem_rvalid && err;
		in.dmem_ready =
			(!outstanding || in.dmem_rvalid) && (!opt->stall || random_below(3) != 0);
		in.irq_software = m->msip;
		in.irq_external = m->external;
		in.irq_timer = m->mtime >= m->mtimecmp;
		in.time = m->mtime;
		model_settle(core, &in, &out);

		if (out.valid) {
			if (!out.trap)
				n->instructions++;
			if (rvfi)
				rvfi_line(rvfi, order, &out);
			order++;
		}
		n->sleep_cycles += out.sleep;
		n->cycles++;

		/* What the clock edge does to the machine around the core. */
		if (in.dmem_rvalid)
			outstanding = false;
		else if (outstanding)
			delay--;
		m->mtime++;
		if (out.dmem_valid && in.dmem_ready && !m->ending) {
			outstanding = true;
			delay = opt->stall && random_below(3) == 0 ? random_below(6) : 0;
			err = !access_data(m, out.dmem_addr, out.dmem_we, out.dmem_be,
					   out.dmem_wdata, &rdata);
		}
		model_clock(core);
		if (out.imem_en) {
			in.imem_rdata = 0;
			in.imem_err = !memory_load(&m->mem, out.imem_addr, &in.imem_rdata);
		}
		/* The store to tohost retires at most latency + 3 cycles later, and nothing after it counts. */
		if (m->ending &&
		    ((out.valid && out.mem_wmask && (out.mem_addr & ~3u) == (m->tohost & ~3u)) ||
		     ending++ > 20))
			return true;
	}
	return false;
}

static void summary(const struct options *opt, const struct counts *n, bool ended, uint32_t status)
{
	double cpi = n->instructions ? (double)n->cycles / (double)n->instructions : 0;

	if (opt->json)
		fprintf(stderr,
			"{\"ended\": %s, \"exit_status\": %" PRIu32 ", \"cycles\": %" PRIu64
			", \"instructions\": %" PRIu64 ", \"sleep_cycles\": %" PRIu64
			", \"cpi\": %.3f}\n",
			ended ? "true" : "false", ended ? status : EXIT_CYCLES, n->cycles,
			n->instructions, n->sleep_cycles, cpi);
	else
		fprintf(stderr,
			"core-sim: %" PRIu64 " cycles, %" PRIu64 " instructions, CPI %.3f\n",
			n->cycles, n->instructions, cpi);
}

static int simulate(const struct options *opt)
{
	struct machine m = {
		.mem = { .ram_base = RAM_BASE, .ram_size = RAM_SIZE },
		.mtimecmp = UINT64_MAX,
	};
	struct counts n = { 0 };
	struct model *core = NULL;
	struct elf32 elf;
	FILE *rvfi = NULL;
	int status = EXIT_USAGE;
	const char *error = elf32_open(&elf, opt->elf);

	if (error) {
		fprintf(stderr, "core-sim: %s %s.\n", opt->elf, error);
		return EXIT_USAGE;
	}
	if (elf.entry & 3) {
		fprintf(stderr, "core-sim: %s: entry 0x%08" PRIx32 " is not a multiple of 4.\n",
			opt->elf, elf.entry);
		goto out;
	}
	if (load(&m, &elf, opt->elf) != 0)
		goto out;
	m.has_tohost = elf32_symbol(&elf, "tohost", &m.tohost);
	if (!m.has_tohost)
		fprintf(stderr,
			"core-sim: warning: %s has no symbol tohost, so it can only end at the "
			"cycle limit.\n",
			opt->elf);
	if (opt->rvfi) {
		rvfi = fopen(opt->rvfi, "w");
		if (!rvfi) {
			fprintf(stderr, "core-sim: cannot write %s: %s.\n", opt->rvfi,
				strerror(errno));
			goto out;
		}
	}
	core = model_new(elf.entry, opt->trace);
	if (!core) {
		fprintf(stderr, "core-sim: cannot write %s: %s.\n", opt->trace, strerror(errno));
		goto out;
	}

	random_state = opt->seed * 0x9e3779b97f4a7c15ull + 0x1234567;
	bool ended = run(&m, core, opt, rvfi, &n);

	fflush(stdout);
	if (!ended && !opt->json)
		fprintf(stderr,
			"core-sim: %s did not end within %" PRIu64 " cycles; see --max-cycles.\n",
			opt->elf, opt->max_cycles);
	summary(opt, &n, ended, m.status);
	status = ended ? (int)m.status : EXIT_CYCLES;
out:
	if (core)
		model_free(core);
	if (rvfi && fclose(rvfi) != 0) {
		fprintf(stderr, "core-sim: cannot write %s: %s.\n", opt->rvfi, strerror(errno));
		status = EXIT_USAGE;
	}
	memory_free(&m.mem);
	elf32_close(&elf);
	return status;
}

static bool parse_number(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 0);
	return errno == 0 && *text >= '0' && *text <= '9' && *end == '\0';
}

static int bad_usage(const char *what, const char *which)
{
	fprintf(stderr, "core-sim: %s%s; see core-sim --help.\n", what, which);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "max-cycles", required_argument, NULL, 'm' },
		{ "trace", required_argument, NULL, 't' },
		{ "rvfi", required_argument, NULL, 'r' },
		{ "stall", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct options opt = { .max_cycles = 100000000 };
	int c;

	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		switch (c) {
		case 'm':
			if (!parse_number(optarg, &opt.max_cycles))
				return bad_usage("--max-cycles needs a number, not ", optarg);
			break;
		case 't':
			opt.trace = optarg;
			break;
		case 'r':
			opt.rvfi = optarg;
			break;
		case 's':
			opt.stall = true;
			if (!parse_number(optarg, &opt.seed))
				return bad_usage("--stall needs a number, not ", optarg);
			break;
		case 'j':
			opt.json = true;
			break;
		case 'h':
			fputs(help_text, stdout);
			return 0;
		case ':':
			return bad_usage("missing value after ", argv[optind - 1]);
		default:
			return bad_usage("unknown option ", argv[optind - 1]);
		}
	}
	if (optind >= argc)
		return bad_usage("no ELF file given", "");
	if (optind + 1 < argc)
		return bad_usage("only one ELF file can be run, so what is ", argv[optind + 1]);
	opt.elf = argv[optind];
	return simulate(&opt);
}
