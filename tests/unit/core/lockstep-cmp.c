/* SPDX-License-Identifier: Apache-2.0
 * Compares a run of core-sim (its --rvfi file) with QEMU's log of the same program (-d cpu, one instruction at a time):
 * before every instruction the pc and all registers that have been written must be equal.
 *
 *   lockstep-cmp RVFI_FILE QEMU_LOG
 *
 * Prints what was compared, exit status 0; or the first difference with its instruction, exit status 1.
 *
 * Some differences are allowed, because the machines are allowed to differ: QEMU does not log an instruction that cannot be
 * fetched; and it carries out misaligned accesses itself, where the core traps and the program's handler does the work (the
 * handler's instructions are left out then). mstatus is not
 * compared before the program has masked it, nor mtval after ebreak (the pc here and in newer versions of QEMU, 0 in older).
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MRET   0x30200073u
#define EBREAK 0x00100073u

struct step { /* one line of the RVFI file */
	uint64_t order;
	uint32_t pc, insn, next;
	bool trap, intr;
	unsigned rd;
	uint32_t value;
};

struct state { /* one register dump of QEMU */
	uint32_t pc;
	uint32_t x[32];
};

static bool read_step(FILE *f, struct step *s)
{
	char line[256], flags[3];

	if (!fgets(line, sizeof(line), f))
		return false;
	if (sscanf(line, "%" SCNu64 " %" SCNx32 " %" SCNx32 " %" SCNx32 " %2s x%u %" SCNx32,
		   &s->order, &s->pc, &s->insn, &s->next, flags, &s->rd, &s->value) != 7 ||
	    s->rd > 31) {
		fprintf(stderr, "lockstep-cmp: bad RVFI line: %s", line);
		exit(2);
	}
	s->trap = flags[0] == 'T';
	s->intr = flags[1] == 'I';
	return true;
}

/* Versions of QEMU print different CSRs around them, but always "pc VALUE" first and then pairs "xN/name VALUE". */
static bool read_state(FILE *f, struct state *s)
{
	char line[512];
	bool have_pc = false;

	while (fgets(line, sizeof(line), f)) {
		char *word = strtok(line, " \t\n");

		if (word && strcmp(word, "pc") == 0) {
			word = strtok(NULL, " \t\n");
			s->pc = word ? (uint32_t)strtoull(word, NULL, 16) : 0;
			have_pc = true;
			continue;
		}
		while (have_pc && word) {
			unsigned long n = 32;
			char *end = word;

			if (word[0] == 'x')
				n = strtoul(word + 1, &end, 10);
			word = strtok(NULL, " \t\n");
			if (n > 31 || *end != '/' || !word)
				break;
			s->x[n] = (uint32_t)strtoull(word, NULL, 16);
			if (n == 31)
				return true;
			word = strtok(NULL, " \t\n");
		}
	}
	return false;
}

static uint32_t x[32];
static bool known[32];

static void apply(const struct step *s)
{
	static bool after_ebreak;
	bool csr = (s->insn & 0x7f) == 0x73 && (s->insn >> 12 & 3);
	bool may_differ =
		csr && (s->insn >> 20 == 0x300 || (s->insn >> 20 == 0x343 && after_ebreak));

	if (s->trap)
		after_ebreak = s->insn == EBREAK;
	if (s->rd) {
		x[s->rd] = s->value;
		known[s->rd] = !may_differ;
	}
}

static void complain(const struct step *s, const struct step *last, const char *what, uint32_t core,
		     uint32_t qemu)
{
	printf("# difference before instruction %" PRIu64 " (pc %08" PRIx32 " insn %08" PRIx32
	       ")\n",
	       s->order, s->pc, s->insn);
	printf("#   %s: core %08" PRIx32 ", QEMU %08" PRIx32 "\n", what, core, qemu);
	printf("#   after pc %08" PRIx32 " insn %08" PRIx32 "%s\n", last->pc, last->insn,
	       last->trap ? " (trapped)" : "");
	exit(1);
}

int main(int argc, char **argv)
{
	struct step s, last = { 0 };
	struct state q, before;
	uint64_t compared = 0, traps = 0, handled = 0, interrupts = 0;
	FILE *rvfi, *log;

	if (argc != 3 || !(rvfi = fopen(argv[1], "r")) || !(log = fopen(argv[2], "r"))) {
		fprintf(stderr, "usage: lockstep-cmp RVFI_FILE QEMU_LOG (two readable files)\n");
		return 2;
	}
	if (!read_step(rvfi, &s)) {
		printf("# the core executed nothing\n");
		return 1;
	}
	do { /* QEMU starts in its boot ROM */
		if (!read_state(log, &q)) {
			printf("# QEMU never came to %08" PRIx32 "\n", s.pc);
			return 1;
		}
	} while (q.pc != s.pc);

	known[0] = true;
	for (bool more = true; more; last = s, more = read_step(rvfi, &s)) {
		if (compared == 0)
			last = s;
		if (s.intr && !last.trap)
			interrupts++;
		/* QEMU logs an instruction twice if an exit was requested just before it. */
		while (compared > 0 && q.pc != s.pc && memcmp(&q, &before, sizeof(q)) == 0) {
			if (!read_state(log, &q))
				break;
		}
		if (q.pc != s.pc && s.trap && q.pc == s.next) { /* not fetched */
			traps++;
			continue;
		}
		if (q.pc != s.pc)
			complain(&s, &last, "pc", s.pc, q.pc);
		for (unsigned i = 0; i < 32; i++) {
			char name[8];

			snprintf(name, sizeof(name), "x%u", i);
			if (known[i] && q.x[i] != x[i])
				complain(&s, &last, name, x[i], q.x[i]);
		}
		compared++;
		apply(&s);
		before = q;
		if (!read_state(log, &q))
			break;
		traps += s.trap;
		if (s.trap && q.pc != s.next) { /* a misaligned access that QEMU did itself */
			uint32_t pc = s.pc;

			if (q.pc != pc + 4)
				complain(&s, &last, "pc after a trap", s.next, q.pc);
			do {
				last = s;
				if (!read_step(rvfi, &s) || s.trap)
					complain(&s, &last, "no return from the handler", s.pc,
						 q.pc);
				apply(&s);
			} while (s.insn != MRET);
			handled++;
			if (s.next != pc + 4)
				complain(&s, &last, "return from the handler", s.next, pc + 4);
		}
	}
	if (read_step(rvfi, &s)) {
		printf("# QEMU's log ends early, at instruction %" PRIu64 "\n", s.order);
		return 1;
	}
	printf("# %" PRIu64 " instructions equal, %" PRIu64 " traps (%" PRIu64
	       " misaligned), %" PRIu64 " interrupts\n",
	       compared, traps, handled, interrupts);
	return compared == 0;
}
