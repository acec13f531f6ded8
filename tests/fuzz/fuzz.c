// SPDX-License-Identifier: Apache-2.0
// The fuzzer: hostile guests do random and coverage-guided things to a co-simulated NIC, dom0 revokes and remaps under their hands, and innocent
// guests' byte-checked traffic must go on, while the monitor looks at every TLP. docs/man/glane-fuzz.1 describes options and report.
#include "fuzz.h"

#include <getopt.h>
#include <jansson.h>
#include <time.h>

#include "option.h"

#define CORPUS_MOST 4096u
#define SHOWN	    12u	  /* escapes that are printed */
#define THOROUGH    16u	  /* rounds between two checks of all guests' memory */
#define PROGRESS    5.0	  /* seconds between two lines */
#define HANG_EVERY  150u  /* operations at least between two hangs of the firmware */
#define CPL_TIMEOUT 8000u /* cycles: reads that the link swallows fail soon */

struct fuzz fuzz;

const char *const op_names[OP_KINDS] = {
	[OP_REGISTER] = "register",
	[OP_REGISTER_BURST] = "register-burst",
	[OP_DOORBELLS] = "doorbells",
	[OP_RESET] = "reset",
	[OP_NEGOTIATE] = "negotiate",
	[OP_SET_UP] = "set-up",
	[OP_RESTART] = "restart",
	[OP_NOISE] = "noise",
	[OP_CHAIN] = "chain",
	[OP_SPOIL] = "spoil",
	[OP_INDEX] = "index",
	[OP_EVENTS] = "events",
	[OP_FRAME] = "frame",
	[OP_FLOOD] = "flood",
	[OP_RACE] = "race",
	[OP_STORM] = "storm",
	[OP_LOOK] = "dom0-look",
	[OP_PROTECT] = "dom0-protect",
	[OP_UNMAP] = "dom0-unmap",
	[OP_BREAK_TABLE] = "dom0-break-table",
	[OP_INVALIDATE] = "dom0-invalidate",
	[OP_REVOKE] = "dom0-revoke",
	[OP_REPLACE] = "dom0-replace",
	[OP_ENABLE] = "dom0-enable",
	[OP_LIMIT] = "dom0-limit",
	[OP_PORT] = "dom0-port",
	[OP_LINK_FAULT] = "link-fault",
	[OP_WIRE] = "wire",
	[OP_HANG] = "firmware-hang",
	[OP_FIRMWARE_BUG] = "firmware-bug",
};

/* How often a kind is chosen; 0: not at random. */
static uint8_t weights[OP_KINDS] = {
	[OP_REGISTER] = 6,   [OP_REGISTER_BURST] = 4, [OP_DOORBELLS] = 4,  [OP_RESET] = 4,
	[OP_NEGOTIATE] = 3,  [OP_SET_UP] = 4,	      [OP_RESTART] = 3,	   [OP_NOISE] = 5,
	[OP_CHAIN] = 14,     [OP_SPOIL] = 8,	      [OP_INDEX] = 5,	   [OP_EVENTS] = 3,
	[OP_FRAME] = 10,     [OP_FLOOD] = 4,	      [OP_RACE] = 8,	   [OP_STORM] = 5,
	[OP_LOOK] = 2,	     [OP_PROTECT] = 3,	      [OP_UNMAP] = 3,	   [OP_BREAK_TABLE] = 3,
	[OP_INVALIDATE] = 3, [OP_REVOKE] = 2,	      [OP_REPLACE] = 2,	   [OP_ENABLE] = 1,
	[OP_LIMIT] = 2,	     [OP_PORT] = 2,	      [OP_LINK_FAULT] = 2, [OP_WIRE] = 4,
	[OP_HANG] = 1,
};

struct program {
	unsigned ops;
	struct op op[OPS_MOST];
};

static struct options {
	double duration;
	uint64_t seed, ops;
	unsigned guests, hostile, period, alone;
	int stall; /* per cent; -1: at random */
	const char *json, *firmware, *without;
	bool trace_ops, broken_firmware;
} options = { .duration = 600,
	      .ops = UINT64_MAX,
	      .guests = 8,
	      .hostile = 3,
	      .period = 20000,
	      .alone = 1050000,
	      .stall = -1 };

static struct program corpus[CORPUS_MOST];
static unsigned corpus_count;
static struct rng chance;
static uint64_t ops_done, ops_of[OP_KINDS], rounds, corpus_added;
static unsigned escapes_shown;
static double began, told;
static bool finished;
static uint64_t hang_from; /* operation before which firmware does not hang again */
static enum op_kind last_kind;

static double wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- Report ---------------------------------------------------------------------------------------------------------------- */

static void repeat_line(void)
{
	char stall[24] = "";
	if (options.stall >= 0)
		snprintf(stall, sizeof(stall), " --stall %d", options.stall);
	printf("# repeat: build/tests/fuzz/glane-fuzz --seed 0x%llx --guests %u --hostile %u "
	       "--period %u --alone %u%s%s%s%s --ops %llu --duration 100000\n",
	       (unsigned long long)options.seed, options.guests, options.hostile, options.period,
	       options.alone, stall, options.without ? " --without " : "",
	       options.without ? options.without : "",
	       options.broken_firmware ? " --broken-firmware" : "", (unsigned long long)ops_done);
}

static void escaped(void *arg, unsigned context, const char *text)
{
	(void)arg;
	if (escapes_shown++ >= SHOWN)
		return;
	if (context < PORTS)
		printf("# ESCAPE of context %u after operation %llu (%s): %s\n", context,
		       (unsigned long long)ops_done, op_names[last_kind], text);
	else
		printf("# ESCAPE after operation %llu (%s): %s\n", (unsigned long long)ops_done,
		       op_names[last_kind], text);
}

static void progress(bool now)
{
	double t = wall();
	if (!now && t - told < PROGRESS)
		return;
	told = t;
	const struct monitor_counts *m = monitor_counts(fuzz.monitor);
	printf("# %5.0f s  %7.1f M cycles  %llu ops  %u coverage points  %u programs  %llu TLPs  "
	       "%llu escapes  %llu innocent frames, %u lost\n",
	       t - began, (double)gls_now(nic) / 1e6, (unsigned long long)ops_done,
	       coverage_points(), corpus_count, (unsigned long long)m->upstream,
	       (unsigned long long)m->escapes, (unsigned long long)innocents.received, net.lost);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static void report(bool passed)
{
	const struct monitor_counts *m = monitor_counts(fuzz.monitor);
	const struct innocent_report *i = &innocents;
	printf("# %s; seed 0x%llx, %u hostile of %u guests, %.0f s\n", passed ? "passed" : "FAILED",
	       (unsigned long long)options.seed, options.hostile, options.guests, wall() - began);
	printf("# cycles            %llu (%llu simulated)\n", (unsigned long long)gls_now(nic),
	       (unsigned long long)gls_simulated(nic));
	printf("# operations        %llu in %llu programs; %u points of coverage, %llu programs "
	       "kept\n",
	       (unsigned long long)ops_done, (unsigned long long)rounds, coverage_points(),
	       (unsigned long long)corpus_added);
	for (unsigned k = 0; k < OP_KINDS; k++)
		if (ops_of[k])
			printf("#   %-17s %llu\n", op_names[k], (unsigned long long)ops_of[k]);
	printf("# TLPs checked      %llu (%llu reads, %llu writes, %llu table reads, %llu "
	       "interrupts)\n",
	       (unsigned long long)m->upstream, (unsigned long long)m->reads,
	       (unsigned long long)m->writes, (unsigned long long)m->table_reads,
	       (unsigned long long)m->messages);
	printf("# escapes           %llu\n", (unsigned long long)m->escapes);
	printf("# innocent frames   %llu sent, %llu received, %u lost, %u wrong, %u strange; %llu "
	       "dropped by name\n",
	       (unsigned long long)i->sent, (unsigned long long)i->received, net.lost, net.wrong,
	       net.strange, (unsigned long long)i->named_drops);
	if (i->windows && i->latency_worst > 0)
		printf("# slow-down         latency %.0f -> %.0f cycles (x %.2f, guest %u), "
		       "frames in a window %.1f -> %.0f (%.0f %%, guest %u); worst of %u windows\n",
		       i->latency_alone, i->latency_worst,
		       ratio(i->latency_worst, i->latency_alone), i->slow_latency,
		       i->delivered_alone, i->delivered_worst,
		       100 * ratio(i->delivered_worst, i->delivered_alone), i->slow_delivered,
		       i->windows);
	else
		printf("# slow-down         not measured: too few windows\n");
	printf("# firmware          hung %llu times: %u frames of innocent guests lost, %u twice, "
	       "%u "
	       "drivers started anew\n",
	       (unsigned long long)ops_of[OP_HANG], fuzz.forgiven, fuzz.repeated,
	       fuzz.restarted_innocents);
	printf("# invalidations     %llu\n", (unsigned long long)m->invalidations);
	printf("# revocations       %llu, at most %llu cycles (%llu as the host saw it)\n",
	       (unsigned long long)m->revocations, (unsigned long long)fuzz.revocation_most,
	       (unsigned long long)m->revocation_most);
	if (!options.json)
		return;
	json_t *kinds = json_object();
	for (unsigned k = 0; k < OP_KINDS; k++)
		if (ops_of[k])
			json_object_set_new(kinds, op_names[k],
					    json_integer((json_int_t)ops_of[k]));
	json_t *all = json_pack(
		"{s:b s:s s:I s:I s:i s:i s:f s:I s:I s:I s:o s:i s:I s:I s:I s:I s:I s:I s:I s:i "
		"s:i s:i s:I s:f s:f s:f s:f s:i s:I s:I s:I s:i s:i}",
		"passed", passed, "program", "glane-fuzz", "seed", (json_int_t)options.seed,
		"duration_ms", (json_int_t)((wall() - began) * 1000), "guests", options.guests,
		"hostile", options.hostile, "seconds", wall() - began, "cycles",
		(json_int_t)gls_now(nic), "cycles_simulated", (json_int_t)gls_simulated(nic),
		"operations", (json_int_t)ops_done, "operations_by_kind", kinds, "coverage_points",
		coverage_points(), "programs", (json_int_t)rounds, "tlps", (json_int_t)m->upstream,
		"tlp_reads", (json_int_t)m->reads, "tlp_writes", (json_int_t)m->writes,
		"table_reads", (json_int_t)m->table_reads, "interrupts", (json_int_t)m->messages,
		"escapes", (json_int_t)m->escapes, "innocent_lost", (int)net.lost, "innocent_wrong",
		(int)net.wrong, "innocent_strange", (int)net.strange, "innocent_received",
		(json_int_t)i->received, "latency_alone_cycles", i->latency_alone,
		"latency_worst_cycles", i->latency_worst, "delivered_alone", i->delivered_alone,
		"delivered_worst", i->delivered_worst, "windows", (int)i->windows, "revocations",
		(json_int_t)m->revocations, "revocation_cycles_most",
		(json_int_t)fuzz.revocation_most, "innocent_named_drops",
		(json_int_t)i->named_drops, "frames_in_hung_firmware", (int)fuzz.forgiven,
		"drivers_restarted", (int)fuzz.restarted_innocents);
	if (!all || json_dump_file(all, options.json, JSON_INDENT(2)))
		printf("# cannot write %s\n", options.json);
	json_decref(all);
}

static void failed(const char *why)
{
	progress(true);
	finished = true;
	printf("# %s\n", why);
	report(false);
	repeat_line();
	fail_msg("%s", why);
}

/* Something else failed, in the frame of the tests: say at least how to repeat it. */
static int fuzz_teardown(void **state)
{
	if (!finished && nic && fuzz.monitor) {
		report(false);
		repeat_line();
	}
	int error = net_teardown(state);
	monitor_free(fuzz.monitor);
	fuzz.monitor = NULL;
	free(fuzz.hostile);
	return error;
}

/* --- Programs of operations ------------------------------------------------------------------------------------------------ */

static enum op_kind random_kind(void)
{
	unsigned all = 0;
	for (unsigned k = 0; k < OP_KINDS; k++)
		all += weights[k];
	unsigned at = below(&chance, all), k = 0;
	while (at >= weights[k])
		at -= weights[k++];
	return (enum op_kind)k;
}

static struct op random_op(void)
{
	/* Now and then at once, mostly within a frame's time, seldom long. */
	unsigned scale = below(&chance, 8);
	uint32_t wait = scale == 0 ? 0 : below(&chance, 32u << scale);
	return (struct op){ .kind = (uint8_t)random_kind(),
			    .who = (uint8_t)any64(&chance),
			    .wait = (uint16_t)wait,
			    .seed = (uint32_t)any64(&chance) };
}

static void random_program(struct program *p)
{
	p->ops = 1 + below(&chance, OPS_MOST / 2);
	uint8_t who = (uint8_t)any64(&chance);
	bool alone = below(&chance, 2);
	for (unsigned i = 0; i < p->ops; i++) {
		p->op[i] = random_op();
		if (alone)
			p->op[i].who = who;
	}
}

static void mutate(struct program *p)
{
	for (unsigned n = 1 + below(&chance, 5); n--;) {
		unsigned at = below(&chance, p->ops);
		const struct program *other = &corpus[below(&chance, corpus_count)];
		switch (below(&chance, 8)) {
		case 0: /* the same again with other luck */
			p->op[at].seed = (uint32_t)any64(&chance);
			break;
		case 1:
			p->op[at].seed ^= 1u << below(&chance, 32);
			break;
		case 2:
			p->op[at].wait = (uint16_t)below(&chance, 4096);
			break;
		case 3:
			p->op[at] = random_op();
			break;
		case 4: /* one more */
			if (p->ops < OPS_MOST) {
				memmove(&p->op[at + 1], &p->op[at],
					(p->ops - at) * sizeof(p->op[0]));
				p->op[at] = random_op();
				p->ops++;
			}
			break;
		case 5: /* one less */
			if (p->ops > 1) {
				p->ops--;
				memmove(&p->op[at], &p->op[at + 1],
					(p->ops - at) * sizeof(p->op[0]));
			}
			break;
		case 6: /* goes on as another one does */
			for (unsigned i = at; i < other->ops; i++)
				p->op[i] = other->op[i];
			if (other->ops > at)
				p->ops = other->ops;
			break;
		default: /* against another guest */
			p->op[at].who = (uint8_t)any64(&chance);
			break;
		}
	}
}

static bool over(void)
{
	return ops_done >= options.ops || wall() - began >= options.duration;
}

static void mend_firmware(void)
{
	if (fuzz.firmware_broken && !dom0_mend_firmware())
		failed("DMA of broken firmware does not stop");
}

static void run_op(const struct op *op)
{
	struct hostile *h = &fuzz.hostile[op->who % fuzz.hostiles];
	struct rng r = { op->seed * 0x9e3779b97f4a7c15ull + op->kind };
	last_kind = (enum op_kind)op->kind;
	if (options.trace_ops)
		printf("# op %llu cycle %llu: %s context %u seed 0x%x wait %u\n",
		       (unsigned long long)ops_done, (unsigned long long)gls_now(nic),
		       op_names[op->kind], h->context, op->seed, op->wait);
	if (fuzz.firmware_broken && (op->kind == OP_RESTART || op->kind == OP_REVOKE ||
				     op->kind == OP_REPLACE || op->kind == OP_HANG))
		mend_firmware();
	/* A hang takes long; programs that have one are not to fill the run. */
	if (op->kind == OP_HANG && ops_done < hang_from)
		return;
	if (op->kind == OP_HANG)
		hang_from = ops_done + HANG_EVERY;
	ops_of[op->kind]++;
	ops_done++;
	if (op->kind == OP_RESTART) {
		if (!dom0_revive(h))
			failed("the device of a hostile guest does not come back after a reset");
	} else if (op->kind < OP_LOOK) {
		attack(h, last_kind, &r);
	} else {
		dom0(h, last_kind, &r);
	}
	gls_run(nic, op->wait);
}

static void check(bool thorough)
{
	const char *why = innocent_check(thorough);
	if (monitor_counts(fuzz.monitor)->escapes)
		failed("the NIC sent TLPs that it must not send");
	if (*why)
		failed(why);
}

/* Most of those whose device is dead or broken, few of the others. */
static bool wants_revival(const struct hostile *h)
{
	if (!h->dirty && !h->absent)
		return false;
	bool broken = h->absent || (net_status(h->context) & 0x44) != 4;
	return broken ? below(&chance, 4) : !below(&chance, 8);
}

static void round_of_ops(void)
{
	static struct program p;
	if (!corpus_count || !below(&chance, 3)) {
		random_program(&p);
	} else {
		p = corpus[below(&chance, corpus_count)];
		mutate(&p);
	}
	for (unsigned i = 0; i < p.ops && ops_done < options.ops; i++) {
		run_op(&p.op[i]);
		check(false);
	}
	gls_run(nic, below(&chance, 4000));
	if (coverage_take(last_kind)) {
		corpus_added++;
		corpus[corpus_count < CORPUS_MOST ? corpus_count++ : below(&chance, CORPUS_MOST)] =
			p;
	}
	check(++rounds % THOROUGH == 0);
	mend_firmware();
	for (unsigned n = 0; n < fuzz.hostiles; n++)
		if (wants_revival(&fuzz.hostile[n]) && !dom0_revive(&fuzz.hostile[n]))
			failed("the device of a hostile guest does not come back after a reset");
}

/* --- The run --------------------------------------------------------------------------------------------------------------- */

static void choose_contexts(void)
{
	bool hostile[32] = { false };
	fuzz.hostiles = options.hostile;
	fuzz.innocents = 0;
	fuzz.hostile = calloc(fuzz.hostiles, sizeof(*fuzz.hostile));
	if (!fuzz.hostile)
		abort();
	for (unsigned n = 0; n < fuzz.hostiles; n++) {
		unsigned c;
		do
			c = below(&chance, options.guests);
		while (hostile[c]);
		hostile[c] = true;
		fuzz.hostile[n].context = c;
	}
	for (unsigned c = 0; c < options.guests; c++)
		if (!hostile[c])
			fuzz.innocent[fuzz.innocents++] = c;
}

static void open_nic(void)
{
	static const uint32_t stalls[] = { 0, 0, 10, 40 };
	struct gls_config c = { .seed = any64(&chance),
				.latency = 40 + below(&chance, 160),
				.latency_jitter = below(&chance, 2) ? below(&chance, 100) : 0,
				.out_of_order = below(&chance, 2),
				.split = below(&chance, 2),
				.tx_stall_percent = stalls[below(&chance, 4)],
				.max_payload = 128u << below(&chance, 2),
				.max_read_request = 128u << below(&chance, 4),
				.firmware = options.firmware };
	if (options.stall >= 0)
		c.tx_stall_percent = (uint32_t)options.stall;
	printf("# latency %u + %u, %sin order, completions %s, %u %% stalls, MPS %u, MRRS %u\n",
	       c.latency, c.latency_jitter, c.out_of_order ? "not " : "",
	       c.split ? "split" : "whole", c.tx_stall_percent, c.max_payload, c.max_read_request);
	fuzz.link = c;
	fuzz.swallowed_reads = below(&chance, 2);
	/*
	 * docs/isolation.md: 2048 cycles; the time in which the host answers what is outstanding, 32 reads at most; that of
	 * beats which the link refuses; and a read that is never answered ends by CPL_TIMEOUT.
	 */
	fuzz.revocation_bound =
		(2048 + 32 * c.max_read_request / 8) * 100 / (100 - c.tx_stall_percent) +
		c.latency + c.latency_jitter + (fuzz.swallowed_reads ? 2 * CPL_TIMEOUT : 0);
	net_open(&c);
	net_reg_write(GL_BAR0_CPL_TIMEOUT, CPL_TIMEOUT);
}

/* Counted at innocent guests: copies that they had no room for. */
static uint64_t named_drops(void)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < fuzz.innocents; i++)
		n += gls_context_stat(nic, fuzz.innocent[i], GL_CSTAT_RX_DROP_NODESC) +
		     gls_context_stat(nic, fuzz.innocent[i], GL_CSTAT_RX_DROP_LIMIT);
	return n + gls_stat(nic, GL_STAT_RX_DROP_FULL);
}

static void hostile_guests_escape_nothing(void **state)
{
	(void)state;
	began = told = wall();
	chance.state = options.seed;
	choose_contexts();
	open_nic();
	net_may_repeat(); /* only after hung firmware, which innocent_check() looks at */
	dom0_monitor(escaped);
	/* Hostile guests together may hold a third of the slots. */
	fuzz.share = 21 / options.hostile ? 21 / options.hostile : 1;
	fuzz.innocent_share = 32;
	for (unsigned i = 0; i < fuzz.innocents; i++)
		innocent_new(fuzz.innocent[i], &chance);
	for (unsigned i = 0; i < fuzz.hostiles; i++)
		dom0_new_hostile(&fuzz.hostile[i], &chance);
	innocent_start(any64(&chance), options.period);
	gls_run(nic, options.alone);
	check(true);
	innocent_baseline_ends();
	coverage_new();
	progress(true);
	while (!over()) {
		round_of_ops();
		progress(false);
	}
	innocent_stop();
	if (!innocent_drain())
		failed("not all frames of innocent guests arrived in the end");
	innocents.named_drops = named_drops();
	check(true);
	finished = true;
	report(true);
}

/* Kinds of operations that are left out: names with commas between them. */
static void leave_out(const char *names)
{
	for (size_t n; *names; names += n + (names[n] == ',')) {
		unsigned k = 0;
		n = strcspn(names, ",");
		while (k < OP_KINDS && (strlen(op_names[k]) != n || strncmp(op_names[k], names, n)))
			k++;
		if (k == OP_KINDS) {
			fprintf(stderr, "glane-fuzz: --without: there is no operation '%.*s'\n",
				(int)n, names);
			exit(2);
		}
		weights[k] = 0;
	}
}

static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: glane-fuzz [--duration SECONDS] [--seed N] [--ops N] [--guests N] "
		"[--hostile N]\n"
		"                  [--period CYCLES] [--alone CYCLES] [--stall PERCENT] [--without "
		"KINDS]\n"
		"                  [--json FILE] [--firmware ELF] [--broken-firmware] "
		"[--show-ops]\n"
		"Hostile guests attack the simulated NIC while innocent guests' traffic is "
		"checked.\n"
		"  --duration  seconds to run (600)\n"
		"  --seed      of everything (random); the same seed repeats the run\n"
		"  --ops       stop after that many operations\n"
		"  --guests    contexts with guests, 2 to 32 (8)\n"
		"  --hostile   how many of them are hostile (3)\n"
		"  --period    mean cycles between two frames of an innocent guest (20000)\n"
		"  --alone     cycles before the first operation (1050000)\n"
		"  --stall     beats that the link refuses, 0 to 90 per cent (at random 0, 10 or "
		"40)\n"
		"  --without   kinds of operations to leave out, with commas between\n"
		"  --json      file for the report\n"
		"  --firmware  firmware (build/firmware/guestlane.elf)\n"
		"  --broken-firmware  all guests are hostile, and bits of the firmware turn over\n"
		"  --show-ops  print each operation\n"
		"  --help      this text\n");
	exit(status);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "duration", 1, NULL, 'd' }, { "seed", 1, NULL, 's' },
		{ "ops", 1, NULL, 'o' },      { "guests", 1, NULL, 'g' },
		{ "hostile", 1, NULL, 'x' },  { "period", 1, NULL, 'p' },
		{ "alone", 1, NULL, 'a' },    { "stall", 1, NULL, 't' },
		{ "without", 1, NULL, 'w' },  { "json", 1, NULL, 'j' },
		{ "firmware", 1, NULL, 'f' }, { "broken-firmware", 0, NULL, 'b' },
		{ "show-ops", 0, NULL, 'v' }, { "help", 0, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	const char *me = "glane-fuzz", *seed = getenv("SEED");
	FILE *f = fopen("/dev/urandom", "r");
	uint32_t random = (uint32_t)time(NULL);
	if (!f || fread(&random, sizeof(random), 1, f) != 1)
		random ^= (uint32_t)clock();
	if (f)
		fclose(f);
	options.seed = random;
	if (seed && *seed && strcmp(seed, "random"))
		options.seed = option_number(me, "seed", seed, 0, UINT64_MAX);
	for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;)
		switch (o) {
		case 'd':
			options.duration =
				(double)option_number(me, "duration", optarg, 1, 10000000);
			break;
		case 's':
			options.seed = option_number(me, "seed", optarg, 0, UINT64_MAX);
			break;
		case 'o':
			options.ops = option_number(me, "ops", optarg, 1, UINT64_MAX);
			break;
		case 'g':
			options.guests = (unsigned)option_number(me, "guests", optarg, 2, 32);
			break;
		case 'x':
			options.hostile = (unsigned)option_number(me, "hostile", optarg, 1, 31);
			break;
		case 'p':
			options.period =
				(unsigned)option_number(me, "period", optarg, 200, 1000000);
			break;
		case 'a':
			options.alone = (unsigned)option_number(me, "alone", optarg, 0, 1000000000);
			break;
		case 't':
			options.stall = (int)option_number(me, "stall", optarg, 0, 90);
			break;
		case 'w':
			options.without = optarg;
			leave_out(optarg);
			break;
		case 'j':
			options.json = optarg;
			break;
		case 'f':
			options.firmware = optarg;
			break;
		case 'b':
			options.broken_firmware = true;
			weights[OP_FIRMWARE_BUG] = 12;
			break;
		case 'v':
			options.trace_ops = true;
			break;
		case 'h':
			usage(0);
			break;
		default:
			usage(2);
		}
	/* Innocent guests cannot expect much of broken firmware. */
	if (options.broken_firmware)
		options.hostile = options.guests;
	if (optind < argc || options.hostile + !options.broken_firmware > options.guests)
		usage(2);
	net_seed = options.seed;
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(
		hostile_guests_escape_nothing, net_setup, fuzz_teardown) };
	unsetenv("SEED");
	return NET_RUN(tests);
}
