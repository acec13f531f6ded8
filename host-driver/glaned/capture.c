// SPDX-License-Identifier: Apache-2.0
// Captures: a spare context listens as a promiscuous port, and what concerns the captured context goes as pcapng into a descriptor of the peer,
// until that closes. A reader that is too slow loses frames; it slows nobody down.
#include "glaned.h"
#include "gl_mbox.h"
#include "pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUFFER	     (512 * 1024) /* of what the reader has not taken */
#define FRAME_ROOM   (9022 + PCAPNG_FRAME_EXTRA)
#define BUDGET	     64 /* frames for each turn of the loop */
#define CAPTURES_MAX 4

struct capture {
	struct capture *next;
	struct daemon *daemon;
	unsigned context; /* the captured one */
	unsigned snaplen;
	struct port port;
	int fd;
	bool is_socket;
	sd_event_source *irq, *out, *again;
	uint8_t *buffer; /* BUFFER bytes */
	size_t from, to; /* what waits */
	uint64_t frames, lost;
};

static void capture_end(struct capture *c, const char *why)
{
	struct daemon *d = c->daemon;
	for (struct capture **p = &d->captures; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	sd_event_source_disable_unref(c->irq);
	sd_event_source_disable_unref(c->out);
	sd_event_source_disable_unref(c->again);
	close(c->fd);
	port_close(&c->port);
	log_line(LOG_INFO, (int)c->context, "capture",
		 "context %u: capture ends (%s) after %llu frames, %llu lost", c->context, why,
		 (unsigned long long)c->frames, (unsigned long long)c->lost);
	free(c->buffer);
	free(c);
}

/* False: the capture is over. */
static bool write_out(struct capture *c)
{
	while (c->from < c->to) {
		ssize_t n = c->is_socket ? send(c->fd, c->buffer + c->from, c->to - c->from,
						MSG_DONTWAIT | MSG_NOSIGNAL)
					 : write(c->fd, c->buffer + c->from, c->to - c->from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0)
			return false;
		c->from += (size_t)n;
	}
	if (c->from == c->to)
		c->from = c->to = 0;
	sd_event_source_set_io_events(c->out, c->to ? EPOLLOUT : 0);
	return true;
}

/* Whether the captured context sends or gets it. `tagged`: with an 802.1Q tag. */
static bool concerns(const struct capture *c, const uint8_t *frame, size_t bytes,
		     enum pcapng_direction *direction)
{
	const struct gl_context_config *config = &c->daemon->context[c->context].config.gl;
	if (bytes < 14)
		return false;
	if (!memcmp(frame + 6, config->mac, 6)) {
		*direction = PCAPNG_OUTBOUND;
		return true;
	}
	*direction = PCAPNG_INBOUND;
	if (config->promiscuous && config->vlan_mode == GL_VLAN_TRANSPARENT)
		return true;
	if (!config->promiscuous && !(frame[0] & 1) && memcmp(frame, config->mac, 6))
		return false;
	unsigned vid = 0;
	if (bytes >= 18 && frame[12] == 0x81 && frame[13] == 0x00)
		vid = (frame[14] << 8 | frame[15]) & 0xfff;
	if (config->vlan_mode == GL_VLAN_ACCESS)
		return vid == config->vid;
	if (config->vlan_mode == GL_VLAN_TRUNK) {
		if (!vid)
			return config->untagged;
		for (size_t i = 0; i < config->vid_count; i++)
			if (c->daemon->context[c->context].config.vids[i] == vid)
				return true;
		return false;
	}
	return true;
}

static void take(struct capture *c, const struct vnet_frame *f)
{
	uint8_t frame[9022];
	size_t bytes = 0;
	for (unsigned i = 0; i < f->parts; i++) {
		size_t n = f->part[i].iov_len;
		if (n > sizeof(frame) - bytes)
			n = sizeof(frame) - bytes;
		memcpy(frame + bytes, f->part[i].iov_base, n);
		bytes += n;
	}
	enum pcapng_direction direction;
	if (!concerns(c, frame, bytes, &direction))
		return;
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	size_t kept = c->snaplen && bytes > c->snaplen ? c->snaplen : bytes;
	if (BUFFER - c->to < kept + PCAPNG_FRAME_EXTRA && c->from) {
		memmove(c->buffer, c->buffer + c->from, c->to - c->from);
		c->to -= c->from;
		c->from = 0;
	}
	size_t n = pcapng_frame(c->buffer + c->to, BUFFER - c->to,
				(uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec, frame, kept,
				bytes, direction);
	if (n)
		c->frames++;
	else
		c->lost++;
	c->to += n;
}

static int on_again(sd_event_source *source, void *arg);

static void work(struct capture *c)
{
	struct vnet_frame frame;
	int n = 0, count = 0;
	if (!c->daemon->context[c->context].exists) {
		capture_end(c, "the context was removed");
		return;
	}
	while (count < BUDGET && (n = vnet_receive(&c->port.vnet, &frame)) == 1) {
		take(c, &frame);
		count++;
	}
	if (n < 0) {
		capture_end(c, c->port.vnet.error);
		return;
	}
	vnet_rx_release(&c->port.vnet);
	vnet_flush(&c->port.vnet);
	if (!write_out(c)) {
		capture_end(c, "its reader has closed");
		return;
	}
	if (count == BUDGET || vnet_arm(&c->port.vnet, false))
		sd_event_source_set_enabled(c->again, SD_EVENT_ONESHOT);
}

static int on_again(sd_event_source *source, void *arg)
{
	(void)source;
	work(arg);
	return 0;
}

static int on_irq(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct capture *c = arg;
	uint64_t count;
	(void)source;
	(void)events;
	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	if (vnet_check(&c->port.vnet))
		capture_end(c, c->port.vnet.error);
	else
		work(c);
	return 0;
}

static int on_out(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct capture *c = arg;
	(void)source;
	(void)fd;
	if ((events & (EPOLLERR | EPOLLHUP)) || !write_out(c))
		capture_end(c, "its reader has closed");
	return 0;
}

/* A descriptor that can be written without waiting, whatever the peer does to its own. */
static int open_out(int fd, bool *is_socket)
{
	struct stat status;
	int type;
	socklen_t size = sizeof(type);
	if (fstat(fd, &status))
		return -errno;
	*is_socket = S_ISSOCK(status.st_mode);
	if (*is_socket)
		return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) && type == SOCK_STREAM
			       ? fcntl(fd, F_DUPFD_CLOEXEC, 3)
			       : -EINVAL;
	if (!S_ISFIFO(status.st_mode))
		return -EINVAL;
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int out = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return out < 0 ? -errno : out;
}

int capture_start(struct daemon *d, unsigned k, unsigned snaplen, int fd, unsigned *via)
{
	struct context_config config;
	unsigned count = 0;
	int error = 0, spare = context_free(d);
	for (const struct capture *c = d->captures; c; c = c->next)
		count++;
	struct capture *c = calloc(1, sizeof(*c));
	uint8_t *buffer = malloc(BUFFER);
	bool is_socket = false;
	int out = open_out(fd, &is_socket);
	close(fd);
	if (!c || !buffer)
		error = daemon_fail(d, ENOMEM, "no memory");
	else if (out < 0)
		error = daemon_fail(
			d, EINVAL, "the descriptor is neither a pipe to write nor a stream socket");
	else if (count >= CAPTURES_MAX)
		error = daemon_fail(d, EBUSY, "there are %d captures already", CAPTURES_MAX);
	else if (spare < 0)
		error = daemon_fail(d, ENOSPC, "a capture needs a free context; all %u exist",
				    d->count);
	if (!error) {
		context_config_default(&config);
		config.gl.promiscuous = true;
		config.gl.no_wire = true;
		config.gl.mtu = 9000;
		c->daemon = d;
		error = port_open(&c->port, d, (unsigned)spare, OWNER_CAPTURE, &config);
	}
	if (error) {
		if (out >= 0)
			close(out);
		free(buffer);
		free(c);
		return error;
	}
	c->context = k;
	c->snaplen = snaplen;
	c->fd = out;
	c->is_socket = is_socket;
	c->buffer = buffer;
	c->next = d->captures;
	d->captures = c;
	char name[32];
	snprintf(name, sizeof(name), "context %u", k);
	c->to = pcapng_header(buffer, BUFFER, name, snaplen);
	error = sd_event_add_io(d->event, &c->out, out, EPOLLOUT, on_out, c);
	if (error >= 0)
		error = sd_event_add_defer(d->event, &c->again, on_again, c);
	if (error >= 0)
		error = sd_event_add_io(d->event, &c->irq, gl_irq_fd(d->nic, 1 + c->port.context),
					EPOLLIN, on_irq, c);
	if (error < 0) {
		capture_end(c, strerror(-error));
		return daemon_fail(d, -error, "the capture has no event source: %s",
				   strerror(-error));
	}
	*via = c->port.context;
	log_line(LOG_INFO, (int)k, "capture", "context %u: capture begins, through context %u", k,
		 *via);
	return 0;
}

void captures_stop(struct daemon *d)
{
	while (d->captures)
		capture_end(d->captures, "the daemon stops");
}
