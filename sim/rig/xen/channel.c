// SPDX-License-Identifier: Apache-2.0
// Runs commands in another machine over a byte stream: from the host in dom0 (a virtio-serial port, a UNIX socket on the host's side), and
// from dom0 in a guest (the guest's console). One program for both sides:
//
//   rig-channel agent DEVICE                                       serves commands, one at a time; does not return
//   rig-channel run [-i] [-p] [-t SECONDS] TARGET... -- SCRIPT [ARGUMENT...]
//                    runs `sh -c SCRIPT sh ARGUMENT...` by the agent behind the first TARGET that nobody uses (socket or terminal), copies its
//                    output and error output, and ends with its status (124: time is up; 125: no agent). -i sends standard input, -p gives
//                    the command a terminal
//   rig-channel qmp SOCKET COMMAND...                              sends QMP commands (JSON) to QEMU and prints what it returns
//
// Both sides exchange frames: 'G' 'L' type 0, length (32 bits, little-endian), payload. A new client begins with HELLO and a nonce; the agent
// then kills what its predecessor left and echoes it. Text between frames (a kernel's message on the console) is skipped by the agent and
// goes to the client's error output. On the stream, 0x0f (which a Linux console takes for SysRq) and 0x10 are sent as 0x10 and the byte
// with bit 6 changed.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_HEAD = 8, FRAME_MAX = 16384, NONCE = 16, SYSRQ = 0x0f, ESCAPE = 0x10, CHANGED = 0x40 };

// Types of frames: to the agent HELLO, COMMAND (script and arguments, each ended by 0), TERMINAL (the same, with a terminal), INPUT (length
// 0: its end), from the agent HELLO, OUTPUT, ERRORS, STATUS (32 bits).
enum {
	HELLO = 'H',
	COMMAND = 'C',
	TERMINAL = 'T',
	INPUT = 'I',
	OUTPUT = 'O',
	ERRORS = 'E',
	STATUS = 'X'
};

struct frame {
	unsigned type, length;
	uint8_t data[FRAME_MAX];
};

// Received bytes that are not yet a whole frame.
struct parser {
	uint8_t data[FRAME_HEAD + FRAME_MAX];
	size_t filled;
	bool escaped;					  // the byte after this is changed
	void (*text)(const uint8_t *data, size_t length); // takes what is in no frame
};

static const char *program = "rig-channel";

static _Noreturn void die(int status, const char *what, const char *name)
{
	fprintf(stderr, "%s: %s %s%s%s\n", program, what, name, errno ? ": " : "",
		errno ? strerror(errno) : "");
	exit(status);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void put32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// Writes all to the peer's non-blocking descriptor. -EPIPE: nobody is there any more.
static int write_all(int fd, const uint8_t *data, size_t length)
{
	while (length) {
		ssize_t n = write(fd, data, length);
		if (n > 0) {
			data += n;
			length -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -EPIPE;
		struct pollfd p = { .fd = fd, .events = POLLOUT };
		poll(&p, 1, 1000);
		if (p.revents & (POLLHUP | POLLERR))
			return -EPIPE;
	}
	return 0;
}

// Makes of a frame what goes over the stream, at most twice as long.
static size_t encode(uint8_t *to, const uint8_t *frame, size_t length)
{
	size_t n = 0;
	for (size_t i = 0; i < length; i++) {
		bool escape = frame[i] == SYSRQ || frame[i] == ESCAPE;
		if (escape)
			to[n++] = ESCAPE;
		to[n++] = escape ? frame[i] ^ CHANGED : frame[i];
	}
	return n;
}

static int send_frame(int fd, unsigned type, const void *payload, size_t length)
{
	uint8_t frame[FRAME_HEAD + FRAME_MAX] = { 'G', 'L', (uint8_t)type, 0 };
	uint8_t stream[2 * sizeof frame];
	put32(frame + 4, (uint32_t)length);
	if (length)
		memcpy(frame + FRAME_HEAD, payload, length);
	return write_all(fd, stream, encode(stream, frame, FRAME_HEAD + length));
}

// Reads what fits into the parser; as read(2). There is room, since a whole frame has been taken out before.
static ssize_t receive(int fd, struct parser *s)
{
	uint8_t *to = s->data + s->filled;
	ssize_t n = read(fd, to, sizeof s->data - s->filled);
	size_t kept = 0;
	for (ssize_t i = 0; i < n; i++) {
		if (!s->escaped && to[i] == ESCAPE) {
			s->escaped = true;
			continue;
		}
		to[kept++] = s->escaped ? to[i] ^ CHANGED : to[i];
		s->escaped = false;
	}
	s->filled += kept;
	return n;
}

static bool is_head(const uint8_t *p)
{
	return p[0] == 'G' && p[1] == 'L' && p[2] && strchr("HCTIOEX", p[2]) && p[3] == 0 &&
	       get32(p + 4) <= FRAME_MAX;
}

// Takes the next whole frame out of the parser; false if there is none yet.
static bool next_frame(struct parser *s, struct frame *f)
{
	for (;;) {
		size_t skip = 0;
		while (skip + FRAME_HEAD <= s->filled && !is_head(s->data + skip))
			skip++;
		// What can still become a head stays.
		if (skip + FRAME_HEAD > s->filled)
			while (skip < s->filled && s->data[skip] != 'G')
				skip++;
		if (skip) {
			if (s->text)
				s->text(s->data, skip);
			s->filled -= skip;
			memmove(s->data, s->data + skip, s->filled);
			continue;
		}
		if (s->filled < FRAME_HEAD)
			return false;
		unsigned length = get32(s->data + 4);
		if (s->filled < FRAME_HEAD + length)
			return false;
		f->type = s->data[2];
		f->length = length;
		memcpy(f->data, s->data + FRAME_HEAD, length);
		s->filled -= FRAME_HEAD + length;
		memmove(s->data, s->data + FRAME_HEAD + length, s->filled);
		return true;
	}
}

// --- The agent ---

struct agent {
	const char *path;
	int fd;	     // the channel
	int signals; // SIGCHLD and SIGIO
	pid_t child; // of the command; 0: none
	int in, out, err;
	uint8_t input[FRAME_MAX]; // for the command, not yet written
	size_t input_left;
	bool input_ends;
	struct parser parser;
};

static void raw(int fd)
{
	struct termios t;
	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

static int agent_open(struct agent *a)
{
	a->fd = open(a->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (a->fd < 0)
		return -errno;
	raw(a->fd);
	// A virtio-serial port tells by SIGIO that its host came or went.
	fcntl(a->fd, F_SETOWN, getpid());
	fcntl(a->fd, F_SETFL, O_NONBLOCK | O_ASYNC);
	a->parser.filled = 0;
	a->parser.escaped = false;
	return 0;
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

// Ends what runs, with everything that it started in its session.
static void agent_kill(struct agent *a)
{
	if (a->child) {
		kill(-a->child, SIGKILL);
		kill(a->child, SIGKILL);
		while (waitpid(a->child, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	a->child = 0;
	close_if_open(&a->in);
	if (a->err != a->out)
		close_if_open(&a->err);
	a->err = -1;
	close_if_open(&a->out);
	a->input_left = 0;
	a->input_ends = false;
}

static void nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void exec_command(const struct frame *f)
{
	const char *arguments[64] = { "/bin/sh", "-c" };
	size_t count = 2;
	for (size_t at = 0; at < f->length && count < 62;
	     at += strlen((const char *)f->data + at) + 1) {
		arguments[count++] = (const char *)f->data + at;
		if (count == 3)
			arguments[count++] = "sh";
	}
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/bin/sh", (char *const *)arguments);
	_exit(127);
}

static void agent_start(struct agent *a, const struct frame *f)
{
	agent_kill(a);
	if (f->length == 0 || f->data[f->length - 1] != 0)
		return;
	if (f->type == TERMINAL) {
		int terminal;
		struct winsize size = { .ws_row = 40, .ws_col = 120 };
		a->child = forkpty(&terminal, NULL, NULL, &size);
		if (a->child == 0) {
			setenv("TERM", "xterm", 1);
			exec_command(f);
		}
		if (a->child < 0) {
			a->child = 0;
			return;
		}
		a->out = a->err = terminal;
		a->in = fcntl(terminal, F_DUPFD_CLOEXEC, 3);
	} else {
		int in[2], out[2], err[2];
		if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
			return;
		a->child = fork();
		if (a->child == 0) {
			setsid();
			dup2(in[0], 0);
			dup2(out[1], 1);
			dup2(err[1], 2);
			exec_command(f);
		}
		close(in[0]);
		close(out[1]);
		close(err[1]);
		a->in = in[1];
		a->out = out[0];
		a->err = err[0];
		if (a->child < 0)
			agent_kill(a);
	}
	nonblocking(a->in);
	nonblocking(a->out);
	nonblocking(a->err);
}

// Passes on what the command has written. 0: more may come; 1: the end of it.
static int agent_forward(struct agent *a, int *fd, unsigned type)
{
	uint8_t data[FRAME_MAX];
	ssize_t n = read(*fd, data, sizeof data);
	if (n > 0)
		return send_frame(a->fd, type, data, (size_t)n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	return 2;
}

// The command has ended: what is still in the pipes, then its status. Processes that it left may keep the pipes.
static int agent_ended(struct agent *a)
{
	int status;
	if (waitpid(a->child, &status, WNOHANG) != a->child)
		return 0;
	int fault = 0;
	while (a->out >= 0 && !(fault = agent_forward(a, &a->out, OUTPUT)))
		continue;
	if (fault >= 0 && a->err != a->out)
		while (a->err >= 0 && !(fault = agent_forward(a, &a->err, ERRORS)))
			continue;
	if (fault < 0)
		return fault;
	a->child = 0;
	agent_kill(a);
	uint8_t code[4];
	put32(code, (uint32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
	return send_frame(a->fd, STATUS, code, sizeof code);
}

// A client has left, or the device has a fault: begin anew. Returns whether a client is there. What the client sent and nobody took goes with the descriptor.
static bool agent_reset(struct agent *a)
{
	agent_kill(a);
	close(a->fd);
	while (agent_open(a))
		sleep(1);
	struct pollfd p = { .fd = a->fd, .events = POLLIN };
	poll(&p, 1, 0);
	return !(p.revents & POLLHUP);
}

static int agent_frame(struct agent *a, const struct frame *f)
{
	switch (f->type) {
	case HELLO:
		agent_kill(a);
		return send_frame(a->fd, HELLO, f->data, f->length);
	case COMMAND:
	case TERMINAL:
		agent_start(a, f);
		if (a->child)
			return 0;
		return send_frame(a->fd, STATUS, (uint8_t[]){ 126, 0, 0, 0 }, 4);
	case INPUT:
		if (f->length == 0)
			a->input_ends = true;
		else if (a->in >= 0) {
			memcpy(a->input, f->data, f->length);
			a->input_left = f->length;
		}
		return 0;
	}
	return 0;
}

// Writes to the command what came for it.
static void agent_feed(struct agent *a)
{
	if (a->input_left && a->in >= 0) {
		ssize_t n = write(a->in, a->input, a->input_left);
		if (n > 0) {
			a->input_left -= (size_t)n;
			memmove(a->input, a->input + n, a->input_left);
		} else if (n < 0 && errno != EAGAIN && errno != EINTR)
			close_if_open(&a->in); // the command reads no more
	}
	if (a->in < 0)
		a->input_left = 0;
	if (a->input_ends && !a->input_left) {
		if (a->out == a->err && a->in >= 0)
			(void)!write(a->in, "\4", 1); // a terminal's end of file
		close_if_open(&a->in);
		a->input_ends = false;
	}
}

static _Noreturn void agent(const char *path)
{
	static struct agent a = { .in = -1, .out = -1, .err = -1 };
	a.path = path;
	signal(SIGPIPE, SIG_IGN);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	a.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (a.signals < 0 || agent_open(&a))
		die(1, "cannot open", path);

	bool connected = true;
	struct frame f;
	for (;;) {
		// No further frame as long as the command has not taken what the last one brought.
		bool full = a.input_left != 0;
		struct pollfd p[] = {
			{ .fd = connected ? a.fd : -1, .events = full ? 0 : POLLIN },
			{ .fd = a.signals, .events = POLLIN },
			{ .fd = a.out, .events = POLLIN },
			{ .fd = a.err == a.out ? -1 : a.err, .events = POLLIN },
			{ .fd = full ? a.in : -1, .events = POLLOUT },
		};
		if (poll(p, sizeof p / sizeof *p, -1) < 0 && errno != EINTR)
			die(1, "cannot wait for", path);
		int fault = 0;
		struct signalfd_siginfo info;
		while (read(a.signals, &info, sizeof info) > 0)
			connected = true; // or look whether it is
		// Before anything of the next client is answered: what he sends after our answer must not go with the descriptor.
		if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
			connected = agent_reset(&a);
			continue;
		}
		if (p[4].revents || full)
			agent_feed(&a);
		if (p[2].revents && a.out >= 0) {
			int r = agent_forward(&a, &a.out, OUTPUT);
			if (r < 0)
				fault = r;
			if (r == 2) {
				if (a.err == a.out)
					a.err = -1;
				close_if_open(&a.out);
			}
		}
		if (!fault && p[3].revents && a.err >= 0) {
			int r = agent_forward(&a, &a.err, ERRORS);
			if (r < 0)
				fault = r;
			if (r == 2)
				close_if_open(&a.err);
		}
		if (!fault && a.child)
			fault = agent_ended(&a);
		if (!fault && connected && (p[0].revents & POLLIN) &&
		    a.parser.filled < sizeof a.parser.data) {
			(void)receive(a.fd, &a.parser);
		}
		while (!fault && !a.input_left && next_frame(&a.parser, &f)) {
			fault = agent_frame(&a, &f);
			agent_feed(&a);
		}
		if (fault)
			connected = agent_reset(&a);
	}
}

// --- The client ---

static struct termios terminal_before;
static bool terminal_changed;

static void terminal_restore(void)
{
	if (terminal_changed)
		tcsetattr(0, TCSANOW, &terminal_before);
}

static void to_errors(const uint8_t *data, size_t length)
{
	(void)!write(2, data, length);
}

// A descriptor of an agent that nobody else uses; the lock ends with this process. -1: somebody uses it; wait: waits for its end.
static int connect_target(const char *target, bool wait)
{
	struct stat st;
	if (stat(target, &st))
		die(125, "there is no", target);
	if (S_ISCHR(st.st_mode)) {
		int fd = open(target, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0)
			die(125, "cannot open", target);
		if (flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) {
			close(fd);
			return -1;
		}
		raw(fd);
		return fd;
	}
	char name[256];
	snprintf(name, sizeof name, "%s.lock", target);
	int lock = open(name, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	if (lock < 0)
		die(125, "cannot open", name);
	if (flock(lock, wait ? LOCK_EX : LOCK_EX | LOCK_NB)) {
		close(lock);
		return -1;
	}
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(target) >= sizeof address.sun_path)
		die(125, "the name is too long for a socket:", target);
	strcpy(address.sun_path, target);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
		die(125, "cannot connect to", target);
	nonblocking(fd);
	return fd;
}

// Greets the agent until it answers. The parser keeps nothing.
static int greet(int fd, struct parser *s, int64_t seconds)
{
	uint8_t nonce[NONCE];
	struct frame f;
	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
		return -EIO;
	int64_t end = now_ms() + 1000 * seconds;
	// The first one may be lost: the port may not know yet that somebody is here.
	for (int patience = 100; now_ms() < end;
	     patience = patience < 4000 ? 2 * patience : patience) {
		int64_t until = now_ms() + patience;
		if (send_frame(fd, HELLO, nonce, sizeof nonce))
			return -EPIPE;
		for (;;) {
			int64_t left = until - now_ms();
			struct pollfd p = { .fd = fd, .events = POLLIN };
			if (left <= 0 || poll(&p, 1, (int)left) <= 0)
				break;
			ssize_t n = receive(fd, s);
			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
				return -EPIPE;
			while (next_frame(s, &f))
				if (f.type == HELLO && f.length == NONCE &&
				    !memcmp(f.data, nonce, NONCE))
					return 0;
		}
	}
	return -ETIMEDOUT;
}

static int run(int argc, char **argv)
{
	bool with_input = false, with_terminal = false;
	long seconds = 0;
	int option;
	while ((option = getopt(argc, argv, "+ipt:")) != -1)
		switch (option) {
		case 'i':
			with_input = true;
			break;
		case 'p':
			with_terminal = with_input = true;
			break;
		case 't':
			seconds = strtol(optarg, NULL, 10);
			break;
		default:
			return 125;
		}
	// getopt takes the first "--" only if it stands before all targets.
	int first = optind, separator = first;
	while (separator < argc && strcmp(argv[separator], "--"))
		separator++;
	if (separator == first || separator + 1 >= argc)
		die(125,
		    "usage: rig-channel run [-i] [-p] [-t SECONDS] TARGET... -- SCRIPT "
		    "[ARGUMENT...]",
		    "");
	int64_t until = seconds ? now_ms() + seconds * 1000 : INT64_MAX;
	signal(SIGPIPE, SIG_IGN);

	int fd = -1;
	for (int i = first; fd < 0 && i < separator; i++)
		fd = connect_target(argv[i], false);
	if (fd < 0)
		fd = connect_target(argv[first + getpid() % (separator - first)], true);

	uint8_t command[FRAME_MAX];
	size_t length = 0;
	for (int i = separator + 1; i < argc; i++) {
		size_t n = strlen(argv[i]) + 1;
		if (length + n > sizeof command) {
			errno = E2BIG;
			die(125, "cannot send", "the command");
		}
		memcpy(command + length, argv[i], n);
		length += n;
	}
	static struct parser parser;
	int fault = greet(fd, &parser, seconds ? seconds : 120);
	if (!fault)
		fault = send_frame(fd, with_terminal ? TERMINAL : COMMAND, command, length);
	if (!fault && !with_input)
		fault = send_frame(fd, INPUT, NULL, 0);
	if (fault) {
		errno = -fault;
		die(125, "the agent does not answer at", argv[first]);
	}
	parser.text = to_errors;

	if (with_terminal && !tcgetattr(0, &terminal_before)) {
		struct termios t = terminal_before;
		cfmakeraw(&t);
		terminal_changed = true;
		atexit(terminal_restore);
		tcsetattr(0, TCSANOW, &t);
	}
	uint8_t input[FRAME_HEAD + FRAME_MAX] = { 'G', 'L', INPUT, 0 };
	uint8_t out[2 * sizeof input];
	size_t out_left = 0;
	struct frame f;
	for (;;) {
		struct pollfd p[] = {
			{ .fd = fd, .events = (short)(POLLIN | (out_left ? POLLOUT : 0)) },
			{ .fd = with_input && !out_left ? 0 : -1, .events = POLLIN },
		};
		int64_t left = until - now_ms();
		if (left <= 0) {
			fprintf(stderr, "%s: time is up (%ld s)\n", program, seconds);
			return 124;
		}
		if (poll(p, 2, left > 1000000 ? -1 : (int)left) < 0 && errno != EINTR)
			die(125, "cannot wait for", "the agent");
		if (p[1].revents) {
			ssize_t n = read(0, input + FRAME_HEAD, FRAME_MAX);
			if (n <= 0) {
				n = 0;
				with_input = false;
			}
			put32(input + 4, (uint32_t)n);
			out_left = encode(out, input, FRAME_HEAD + (size_t)n);
		}
		if (out_left && (p[0].revents & POLLOUT)) {
			// The part that is left begins at the front.
			ssize_t n = write(fd, out, out_left);
			if (n > 0) {
				out_left -= (size_t)n;
				memmove(out, out + n, out_left);
			}
		}
		if (p[0].revents & (POLLIN | POLLHUP)) {
			ssize_t n = receive(fd, &parser);
			if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
				errno = 0;
				die(125, "the machine is gone:", argv[first]);
			}
		}
		while (next_frame(&parser, &f)) {
			const uint8_t *data = f.data;
			int to = f.type == OUTPUT ? 1 : 2;
			if (f.type == STATUS && f.length == 4)
				return (int)get32(f.data);
			if (f.type != OUTPUT && f.type != ERRORS)
				continue;
			while (f.length) {
				ssize_t n = write(to, data, f.length);
				if (n <= 0)
					return 125;
				data += n;
				f.length -= (unsigned)n;
			}
		}
	}
}

// --- QMP ---

static int qmp(int argc, char **argv)
{
	if (argc < 2)
		die(125, "usage: rig-channel qmp SOCKET COMMAND...", "");
	int fd = connect_target(argv[1], true);
	fcntl(fd, F_SETFL, 0);
	FILE *in = fdopen(fd, "r");
	char *line = NULL;
	size_t size = 0;
	int status = 0;
	if (!in || getline(&line, &size, in) < 0)
		die(125, "QEMU does not greet at", argv[1]);
	for (int i = 1; i < argc && !status; i++) {
		const char *command = i == 1 ? "{\"execute\":\"qmp_capabilities\"}" : argv[i];
		dprintf(fd, "%s\n", command);
		for (;;) {
			if (getline(&line, &size, in) < 0) {
				// What ends QEMU may end it before the answer.
				status = strstr(command, "\"quit\"") ? 0 : 1;
				break;
			}
			bool error = !strncmp(line, "{\"error\"", 8);
			if (!error && strncmp(line, "{\"return\"", 9))
				continue;
			status = error;
			if (i > 1)
				fputs(line, error ? stderr : stdout);
			break;
		}
	}
	free(line);
	fclose(in);
	return status;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "agent"))
		agent(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "run"))
		return run(argc - 1, argv + 1);
	if (argc > 2 && !strcmp(argv[1], "qmp"))
		return qmp(argc - 1, argv + 1);
	fprintf(stderr, "usage: rig-channel agent DEVICE | run [-i] [-p] [-t SECONDS] TARGET... -- "
			"SCRIPT [ARGUMENT...] | qmp SOCKET COMMAND...\n");
	return 125;
}
