// SPDX-License-Identifier: Apache-2.0
// trace and capture: what comes until Ctrl-C.
#include "glanectl.h"
#include "text.h"

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --- trace --- */

static enum style kind_style(const char *kind)
{
	if (!strcmp(kind, "fault") || !strcmp(kind, "needs_reset") || !strcmp(kind, "lost"))
		return BAD;
	return !strcmp(kind, "firmware") ? WARN : PLAIN;
}

static bool wanted(const struct ctl *ctl, int context, const json_t *event)
{
	const json_t *kinds = json_object_get(ctl->given, "kind"),
		     *k = json_object_get(event, "context");
	json_t *kind;
	size_t i;
	if (!strcmp(json_text(event, "kind"), "lost"))
		return true;
	if (context >= 0 && (!json_is_integer(k) || json_integer_value(k) != context))
		return false;
	if (!kinds)
		return true;
	json_array_foreach(kinds, i, kind)
	{
		if (json_equal(kind, json_object_get(event, "kind")))
			return true;
	}
	return false;
}

static void print_event(const struct ctl *ctl, json_t *event)
{
	if (ctl->json) {
		print_json(json_incref(event), true);
		return;
	}
	const char *kind = json_text(event, "kind");
	printf("%s  %s%-11s%s  ", text_clock(json_number_value(json_object_get(event, "time"))),
	       style_on(stdout, kind_style(kind)), kind, kind_style(kind) ? style_off(stdout) : "");
	if (json_is_integer(json_object_get(event, "context")))
		printf("%3lld  ", (long long)json_number(event, "context"));
	else
		printf("  -  ");
	printf("%s\n", json_text(event, "text"));
	fflush(stdout);
}

int run_trace(struct ctl *ctl)
{
	int context, status = ctl_context(ctl, &context);
	int64_t most = given_number(ctl, "count", 0), count = 0;
	if (status)
		return status;
	json_t *result = ctl_call(ctl, &status, "events.subscribe", NULL);
	if (!result)
		return status;
	json_decref(result);
	stop_signals();
	while (!stop_asked && (!most || count < most)) {
		json_t *notification = NULL;
		int n = glc_event(ctl->client, 0, &notification);
		if (n < 0) {
			status = ctl_refused(ctl, n);
			break;
		}
		if (!n) {
			ctl_wait(ctl, -1, -1);
			continue;
		}
		json_t *event = json_object_get(notification, "params");
		const char *method = json_string_value(json_object_get(notification, "method"));
		if (method && !strcmp(method, "event") && wanted(ctl, context, event)) {
			print_event(ctl, event);
			count++;
		}
		json_decref(notification);
	}
	return status;
}

/* --- capture --- */

/* pcapng blocks (draft-ietf-opsawg-pcapng): type, total length, body, total length. */
#define SECTION_HEADER	0x0a0d0d0au
#define ENHANCED_PACKET 6u
#define BLOCK_MIN	12u
#define BLOCK_MAX	(1u << 20)

struct capture {
	struct ctl *ctl;
	int in, out; /* the daemon's pipe; the file or standard output, -1: a line for each frame */
	const char *name;
	uint8_t *data; /* what has come and is not a whole block yet */
	size_t used;
	int64_t frames, octets, most;
};

static uint16_t big16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static const char *mac_text(const uint8_t *p)
{
	return text_format("%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
}

static const char *type_text(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{ 0x0800, "IPv4" }, { 0x0806, "ARP" }, { 0x86dd, "IPv6" }, { 0x88cc, "LLDP" }
	};
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	return type < 0x600 ? "802.3" : text_format("0x%04x", type);
}

/* A line for a frame: time, addresses, VLAN, type, length. */
static void print_frame(const struct capture *c, double time, const uint8_t *frame, size_t kept,
			size_t bytes)
{
	int vlan = -1;
	if (kept < 14)
		return;
	uint16_t type = big16(frame + 12);
	if (type == 0x8100 && kept >= 18) {
		vlan = big16(frame + 14) & 0xfff;
		type = big16(frame + 16);
	}
	if (c->ctl->json) {
		json_t *line = json_pack("{s:f, s:s, s:s, s:i, s:I}", "time", time, "source",
					 mac_text(frame + 6), "destination", mac_text(frame),
					 "type", type, "octets", (json_int_t)bytes);
		if (vlan >= 0)
			json_object_set_new(line, "vlan", json_integer(vlan));
		print_json(line, true);
		return;
	}
	printf("%s  %s > %s  ", text_clock(time), mac_text(frame + 6), mac_text(frame));
	if (vlan >= 0)
		printf("VLAN %d ", vlan);
	printf("%s, %zu octets\n", type_text(type), bytes);
	fflush(stdout);
}

static int write_all(const struct capture *c, const uint8_t *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(c->out, data, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static uint32_t word(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

/* Passes whole blocks on. 0, 1: enough frames, or a negative errno of the output; -EBADMSG: what comes is no pcapng. */
static int pass_blocks(struct capture *c)
{
	size_t done = 0;
	int error = 0;
	while (!error && c->used - done >= BLOCK_MIN) {
		const uint8_t *b = c->data + done;
		uint32_t type = word(b), total = word(b + 4);
		if (total < BLOCK_MIN || total > BLOCK_MAX || total % 4 ||
		    (!c->frames && !done && !c->octets && type != SECTION_HEADER && type != 1 &&
		     type != ENHANCED_PACKET)) {
			error = -EBADMSG;
			break;
		}
		if (c->used - done < total)
			break;
		if (type == ENHANCED_PACKET && total >= 32) {
			uint64_t ns = (uint64_t)word(b + 12) << 32 | word(b + 16);
			uint32_t kept = word(b + 20), bytes = word(b + 24);
			if (kept > total - 32) {
				error = -EBADMSG;
				break;
			}
			c->frames++;
			c->octets += bytes;
			if (c->out < 0)
				print_frame(c, (double)ns / 1e9, b + 28, kept, bytes);
		}
		if (c->out >= 0)
			error = write_all(c, b, total);
		done += total;
		if (!error && c->most && c->frames >= c->most)
			error = 1;
	}
	memmove(c->data, c->data + done, c->used - done);
	c->used -= done;
	return error;
}

/* Reads what is in the pipe: 0, 1 at its end or when there are enough frames, or a negative errno. */
static int pump(struct capture *c)
{
	for (;;) {
		ssize_t n = read(c->in, c->data + c->used, BLOCK_MAX + BLOCK_MIN - c->used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (!n)
			return 1;
		c->used += (size_t)n;
		int error = pass_blocks(c);
		if (error)
			return error;
	}
}

static int report_capture(const struct capture *c, int context)
{
	if (c->ctl->json) {
		json_t *line = json_pack("{s:I, s:I}", "frames", (json_int_t)c->frames, "octets",
					 (json_int_t)c->octets);
		if (c->out == STDOUT_FILENO) {
			json_dumpf(line, stderr, JSON_COMPACT);
			fputc('\n', stderr);
			json_decref(line);
		} else {
			print_json(line, true);
		}
		return CTL_OK;
	}
	fflush(stdout);
	fprintf(stderr, "%lld %s of context %d%s%s\n", (long long)c->frames,
		c->frames == 1 ? "frame" : "frames", context,
		c->name && c->out != STDOUT_FILENO ? " in " : "",
		c->name && c->out != STDOUT_FILENO ? c->name : "");
	return CTL_OK;
}

int run_capture(struct ctl *ctl)
{
	struct capture c = {
		.ctl = ctl, .in = -1, .out = -1, .most = given_number(ctl, "count", 0)
	};
	int pipe_fd[2] = { -1, -1 }, context, status, error = 0;
	c.name = given_text(ctl, "write", NULL);
	status = ctl_context(ctl, &context);
	if (status)
		return status;
	if (c.name && !strcmp(c.name, "-")) {
		if (isatty(STDOUT_FILENO))
			return fail(ctl, CTL_USAGE,
				    "pcapng is not for a terminal: pipe it, as `glanectl capture "
				    "%d -w - | wireshark -k -i -`, or give a file",
				    context);
		c.out = STDOUT_FILENO;
	} else if (c.name) {
		c.out = open(c.name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (c.out < 0)
			return fail(ctl, CTL_REFUSED, "cannot write '%s': %s", c.name,
				    strerror(errno));
	}
	c.data = malloc(BLOCK_MAX + BLOCK_MIN);
	if (!c.data || pipe2(pipe_fd, O_CLOEXEC)) {
		status = fail(ctl, CTL_REFUSED, "cannot make a pipe: %s", strerror(errno));
		goto out;
	}
	c.in = pipe_fd[0];
	fcntl(c.in, F_SETFL, O_NONBLOCK);
	fcntl(c.in, F_SETPIPE_SZ,
	      1 << 20); /* a larger one loses less; the daemon drops what does not fit */
	stop_signals();
	signal(SIGPIPE, SIG_IGN);
	json_t *params = json_pack("{s:i}", "context", context);
	if (json_object_get(ctl->given, "snaplen"))
		json_object_set(params, "snaplen", json_object_get(ctl->given, "snaplen"));
	json_t *result = ctl_call_fd(ctl, &status, "capture.start", params, pipe_fd[1]);
	close(pipe_fd[1]);
	pipe_fd[1] = -1;
	if (!result)
		goto out;
	if (!ctl->json && c.out != STDOUT_FILENO)
		fprintf(stderr, "capturing context %d through context %lld; Ctrl-C ends\n", context,
			(long long)json_number(result, "via"));
	json_decref(result);
	bool ended = false;
	while (!stop_asked && !error && !ended) {
		ctl_wait(ctl, c.in, -1);
		int n = pump(&c);
		if (n < 0)
			error = n;
		ended = n == 1;
		if (n)
			break;
		/* The daemon may go away without closing the pipe's last copy; notifications are not for us. */
		json_t *event = NULL;
		n = glc_event(ctl->client, 0, &event);
		json_decref(event);
		if (n < 0) {
			error = pump(&c);
			status = ctl_refused(ctl, n);
			break;
		}
	}
	if (stop_asked && !error)
		pump(&c);
	if (ended && !(c.most && c.frames >= c.most) && !status)
		status = fail(ctl, CTL_REFUSED, "the daemon ended the capture");
	/* Wireshark was closed: a clean end. */
	if (error == -EPIPE)
		error = 0;
	if (error == -EBADMSG)
		status = fail(ctl, CTL_REFUSED, "what the daemon sends is not pcapng");
	else if (error < 0)
		status = fail(ctl, CTL_REFUSED, "cannot write '%s': %s", c.name, strerror(-error));
	report_capture(&c, context);
out:
	if (c.in >= 0)
		close(c.in);
	if (pipe_fd[1] >= 0)
		close(pipe_fd[1]);
	if (c.out > STDOUT_FILENO && close(c.out) && !status)
		status = fail(ctl, CTL_REFUSED, "cannot write '%s': %s", c.name, strerror(errno));
	free(c.data);
	return status;
}
