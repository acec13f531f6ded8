// SPDX-License-Identifier: Apache-2.0
/*
 * insn-report: instructions per frame of the folders that sim/bench-xen/measure left, as a table, as JSON, and as a profile of one workload.
 */
#include "analyse.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FOLDERS_MAX 64

static const char help[] = "Usage: insn-report [OPTION]... DIRECTORY...\n"
			   "Instructions per frame, from what sim/bench-xen/measure left there; "
			   "folders are repeats of the same.\n"
			   "\n"
			   "  -j, --json FILE     write them as JSON too\n"
			   "  -p, --profile NAME  functions of this workload instead, per frame\n"
			   "  -n, --top N         so many of them (40)\n"
			   "  -r, --runs          runs instead, each on its own\n"
			   "  -h, --help          show this\n";

static void print_runs(const struct runs *r)
{
	printf("%-24s %7s %12s %12s %12s %12s %8s %8s %8s\n", "run", "frames", "total", "xen",
	       "dom0", "guest", "irqs", "to nic", "to wire");
	for (size_t i = 0; i < r->count; i++) {
		const struct run *a = &r->run[i];
		printf("%-24s %7u %12llu %12.0f %12.0f %12.0f %8llu %8llu %8llu%s\n", a->name,
		       a->frames, (unsigned long long)a->header.instructions, a->owner[OWNER_XEN],
		       a->owner[OWNER_DOM0], a->owner[OWNER_GUEST],
		       (unsigned long long)a->header.interrupts,
		       (unsigned long long)a->header.from_wire,
		       (unsigned long long)a->header.to_wire, a->recorded ? "" : "  not recorded");
	}
}

static void print_slopes(const struct slopes *s)
{
	printf("%-22s %8s %8s %8s %8s %8s %7s  %-17s  %s\n", "instructions per frame", "total",
	       "xen", "dom0", "guest", "programs", "string", "range of total", "interrupts");
	for (size_t i = 0; i < s->count; i++) {
		const struct slope *a = &s->slope[i];
		printf("%-22s %8.0f %8.0f %8.0f %8.0f %8.0f %7.0f  %8.0f-%-8.0f  %.3f\n", a->name,
		       a->total, a->owner[OWNER_XEN], a->owner[OWNER_DOM0], a->owner[OWNER_GUEST],
		       a->user[OWNER_DOM0] + a->user[OWNER_GUEST], a->repeat, a->least, a->most,
		       a->interrupts);
	}
}

static int print_profile(const struct slopes *s, const char *name, unsigned top)
{
	const struct slope *a = slopes_find(s, name);
	if (!a) {
		fprintf(stderr, "insn-report: there is no workload '%s'\n", name);
		return 1;
	}
	printf("%s: %.0f instructions per frame\n", name, a->total);
	for (size_t i = 0; i < a->functions && i < top; i++)
		printf("%10.1f  %s\n", a->profile[i].instructions, a->profile[i].name);
	return 0;
}

static json_t *slope_json(const struct slope *a)
{
	return json_pack("{s:s,s:i,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}",
			 "name", a->name, "few", (int)a->few, "many", (int)a->many, "repeats",
			 (int)a->pairs, "total", a->total, "xen", a->owner[OWNER_XEN], "dom0",
			 a->owner[OWNER_DOM0], "guest", a->owner[OWNER_GUEST], "programs",
			 a->user[OWNER_DOM0] + a->user[OWNER_GUEST], "string", a->repeat, "least",
			 a->least, "most", a->most, "xen_dom0_least", a->offload_least,
			 "xen_dom0_most", a->offload_most, "interrupts", a->interrupts, "from_wire",
			 a->from_wire, "to_wire", a->to_wire);
}

static int write_json(const struct slopes *s, const char *path)
{
	json_t *all = json_array();
	for (size_t i = 0; i < s->count; i++)
		json_array_append_new(all, slope_json(&s->slope[i]));
	int status = json_dump_file(all, path, JSON_INDENT(2) | JSON_REAL_PRECISION(8));
	if (status)
		fprintf(stderr, "insn-report: cannot write '%s': %s\n", path, strerror(errno));
	json_decref(all);
	return status ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "profile", required_argument, NULL, 'p' },
		{ "top", required_argument, NULL, 'n' },
		{ "runs", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *json = NULL, *profile = NULL;
	struct runs *runs[FOLDERS_MAX] = { 0 };
	struct slopes slopes = { 0 };
	unsigned top = 40;
	bool each = false;
	int c, status = 1;
	char error[512] = "";
	while ((c = getopt_long(argc, argv, "j:p:n:rh", names, NULL)) != -1) {
		switch (c) {
		case 'j':
			json = optarg;
			break;
		case 'p':
			profile = optarg;
			break;
		case 'n':
			top = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			each = true;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			return 2;
		}
	}
	size_t folders = (size_t)(argc - optind);
	if (!folders || folders > FOLDERS_MAX) {
		fprintf(stderr, "insn-report: give 1 to %d folders; see --help\n", FOLDERS_MAX);
		return 2;
	}
	for (size_t i = 0; i < folders; i++) {
		runs[i] = runs_load(argv[optind + (int)i], error, sizeof(error));
		if (!runs[i]) {
			fprintf(stderr, "insn-report: %s\n", error);
			goto out;
		}
		if (each)
			print_runs(runs[i]);
	}
	if (!slopes_make(&slopes, (const struct runs *const *)runs, folders) ||
	    !slopes_subtract(&slopes)) {
		fprintf(stderr, "insn-report: not enough memory\n");
		goto out;
	}
	status = 0;
	if (profile)
		status = print_profile(&slopes, profile, top);
	else if (!each)
		print_slopes(&slopes);
	if (json)
		status |= write_json(&slopes, json);
out:
	slopes_free(&slopes);
	for (size_t i = 0; i < folders && i < FOLDERS_MAX; i++)
		runs_free(runs[i]);
	return status;
}
