// SPDX-License-Identifier: Apache-2.0
/*
 * A TCP stream whose every byte is known: `stream serve PORT` takes one connection and compares all that comes until its end, `stream send
 * ADDRESS PORT [KBYTE/S]` sends until SIGTERM. Both print the number of bytes; the server exits 1 at the first wrong byte, and prints for every SIGUSR1
 * the number so far and the longest time without a byte since the last such question. `stream flood ADDRESS PORT` sends UDP datagrams in bursts, for ever.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop, show;

static void on_term(int signal)
{
	(void)signal;
	stop = 1;
}

static void on_usr1(int signal)
{
	(void)signal;
	show = 1;
}

/* Bytes of xorshift64*, from its state on. */
static void fill(uint64_t *state, uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*state ^= *state >> 12;
		*state ^= *state << 25;
		*state ^= *state >> 27;
		words[i] = *state * 0x2545f4914f6cdd1dull;
	}
}

/* A sender with a rate sends PIECE octets at a time. */
enum { WORDS = 2048, PIECE = 1024 };

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int serve(uint16_t port)
{
	static uint64_t expected[WORDS], got[WORDS];
	uint64_t state = 1, total = 0;
	int one = 1, s = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sigaction action = { .sa_handler = on_usr1 };
	sigaction(SIGUSR1, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&a, sizeof(a)) || listen(s, 1)) {
		perror("stream: listen");
		return 2;
	}
	int c;
	while ((c = accept(s, NULL, NULL)) < 0 && errno == EINTR)
		;
	double last = seconds(), pause = 0;
	for (;;) {
		size_t have = 0;
		while (have < sizeof(got)) {
			ssize_t n = read(c, (char *)got + have, sizeof(got) - have);
			int error = errno;
			double now = seconds();
			if (now - last > pause)
				pause = now - last;
			if (show) {
				show = 0;
				printf("%llu bytes so far, pause %.1f s\n",
				       (unsigned long long)(total + have), pause);
				/* A pause that goes on counts as a whole next time. */
				pause = 0;
			}
			if (n > 0)
				last = now;
			errno = error;
			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0) {
				perror("stream: read");
				return 1;
			}
			if (!n)
				break;
			have += (size_t)n;
		}
		fill(&state, expected, WORDS);
		if (memcmp(expected, got, have)) {
			size_t i = 0;
			while (((char *)expected)[i] == ((char *)got)[i])
				i++;
			printf("byte %llu is wrong\n", (unsigned long long)(total + i));
			return 1;
		}
		total += have;
		if (have < sizeof(got)) {
			printf("%llu bytes, all right\n", (unsigned long long)total);
			return 0;
		}
	}
}

/* At most `rate` octets in a second; 0: as fast as it goes. */
static int send_to(const char *address, uint16_t port, double rate)
{
	static uint64_t words[WORDS];
	uint64_t state = 1, total = 0;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sigaction action = { .sa_handler = on_term };
	sigaction(SIGTERM, &action, NULL);
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		fprintf(stderr, "stream: %s is no address\n", address);
		return 2;
	}
	/* The server may not listen yet. */
	int s = -1;
	for (int i = 0; s < 0; i++) {
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(s, (struct sockaddr *)&a, sizeof(a)))
			break;
		if (errno != ECONNREFUSED || i == 100) {
			perror("stream: connect");
			return 2;
		}
		close(s);
		s = -1;
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	double begin = seconds();
	while (!stop) {
		double early = rate > 0 ? begin + (double)total / rate - seconds() : 0;
		/* After a pause it goes on as before, and does not make up for it. */
		if (early < -1) {
			begin -= early;
			early = 0;
		}
		if (early > 0) {
			struct timespec nap = { .tv_sec = (time_t)early,
						.tv_nsec = (long)(1e9 * (early -
									 (double)(time_t)early)) };
			nanosleep(&nap, NULL);
			continue;
		}
		size_t at = total % sizeof(words);
		size_t end = rate > 0 ? at + PIECE : sizeof(words);
		if (!at)
			fill(&state, words, WORDS);
		for (size_t sent = at; sent < end;) {
			ssize_t n = write(s, (char *)words + sent, end - sent);
			if (n < 0 && errno == EINTR && !stop)
				continue;
			if (n < 0 && errno == EINTR)
				break;
			if (n < 0) {
				perror("stream: write");
				return 1;
			}
			sent += (size_t)n;
			total += (size_t)n;
		}
	}
	printf("%llu bytes\n", (unsigned long long)total);
	return 0;
}

static int flood(const char *address, uint16_t port)
{
	static char datagram[1400];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1) {
		fprintf(stderr, "stream: %s is no address\n", address);
		return 2;
	}
	/* What goes wrong, a neighbour that is not there for example, may go right later. */
	for (;;) {
		for (int i = 0; i < 8; i++)
			sendto(s, datagram, sizeof(datagram), MSG_DONTWAIT, (struct sockaddr *)&a,
			       sizeof(a));
		nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve((uint16_t)atoi(argv[2]));
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "send"))
		return send_to(argv[2], (uint16_t)atoi(argv[3]),
			       argc == 5 ? 1000 * atof(argv[4]) : 0);
	if (argc == 4 && !strcmp(argv[1], "flood"))
		return flood(argv[2], (uint16_t)atoi(argv[3]));
	fputs("usage: stream serve PORT | stream send ADDRESS PORT [KBYTE/S] | stream flood "
	      "ADDRESS "
	      "PORT\n",
	      stderr);
	return 2;
}
