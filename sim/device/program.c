// SPDX-License-Identifier: Apache-2.0
// What the programs with wires have in common: sentences, option values, and the signals and descriptors of their loops.
#include "program.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS = 8 };

void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s: ", program_name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

/* --- Command line --------------------------------------------------------------------------------------------------------------- */

int program_option(int argc, char **argv, const char *letters, const struct option *names)
{
	opterr = 0;
	int c = getopt_long(argc, argv, letters, names, NULL);
	switch (c) {
	case 'h':
		fputs(program_help, stdout);
		exit(0);
	case 'V':
		printf("%s (Guestlane) " GLANE_VERSION "\n", program_name);
		exit(0);
	case ':':
		die("%s needs a value; see %s --help", argv[optind - 1], program_name);
	case '?':
		die("'%s' is no option that is known; see %s --help", argv[optind - 1],
		    program_name);
	default:
		return c;
	}
}

uint64_t number_option(const char *option, const char *text, uint64_t low, uint64_t high)
{
	char *end;
	errno = 0;
	unsigned long long v = strtoull(text, &end, 0);
	if (errno || end == text || *end || text[0] == '-' || v < low || v > high)
		die("%s is '%s'; give a whole number from %" PRIu64 " to %" PRIu64, option, text,
		    low, high);
	return v;
}

double real_option(const char *option, const char *text, double high)
{
	char *end;
	double v = strtod(text, &end);
	if (end == text || *end || !(v >= 0 && v <= high))
		die("%s is '%s'; give a number from 0 to %.0f", option, text, high);
	return v;
}

void mac_option(uint8_t mac[6], const char *option, const char *text)
{
	int used = 0;
	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", mac, mac + 1, mac + 2, mac + 3,
		   mac + 4, mac + 5, &used) != 6 ||
	    text[used] || mac[0] & 1)
		die("%s is '%s'; give an address as in 02:47:4c:00:00:01", option, text);
}

/* --- Signals and descriptors ----------------------------------------------------------------------------------------------------- */

void events_begin(struct program_events *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (e->signals < 0 || e->epoll < 0)
		die("cannot wait for signals: %s", strerror(errno));
	events_watch(e, e->signals);
}

void events_watch(struct program_events *e, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	if (fd >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll: %s", strerror(errno));
}

int events_wait(struct program_events *e, int milliseconds)
{
	struct epoll_event events[EVENTS];
	struct signalfd_siginfo info;
	int n = epoll_wait(e->epoll, events, EVENTS, milliseconds);
	for (int i = 0; i < n; i++) {
		if (events[i].data.fd != e->signals ||
		    read(e->signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGUSR1)
			e->report = true;
		else
			e->stop = true;
	}
	return n;
}

bool events_report(struct program_events *e)
{
	bool wanted = e->report;

	e->report = false;
	return wanted;
}

double seconds_since(struct timespec from)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from.tv_sec) + 1e-9 * (double)(now.tv_nsec - from.tv_nsec);
}
