// SPDX-License-Identifier: Apache-2.0
// Prometheus text format, over the control socket and over a minimal HTTP/1.0 of its own: one GET for each connection, a few at a time.
#include "glaned.h"
#include "guestlane_regs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS	     8
#define REQUEST_MAX  4096
#define CLIENT_LIMIT 5000000 /* microseconds for the whole exchange */

char *metrics_text(struct daemon *d)
{
	char *text = NULL;
	size_t bytes = 0;
	const char *name;
	FILE *f = open_memstream(&text, &bytes);
	if (!f)
		return NULL;
#define HEAD(metric, type, help) \
	fprintf(f, "# HELP guestlane_%s %s\n# TYPE guestlane_%s %s\n", metric, help, metric, type)
	HEAD("up", "gauge", "Whether the NIC answers");
	fprintf(f, "guestlane_up %d\n", gl_alive(d->nic) == 0);
	HEAD("start_time_seconds", "gauge", "When the NIC was opened, since 1970");
	fprintf(f, "guestlane_start_time_seconds %.3f\n", d->started);
	HEAD("firmware_restarts_total", "counter", "Firmware hangs that the watchdog ended");
	fprintf(f, "guestlane_firmware_restarts_total %llu\n",
		(unsigned long long)d->firmware_restarts);
	HEAD("control_connections", "gauge", "Connections of the control socket");
	fprintf(f, "guestlane_control_connections %zu\n", d->peer_count);
	HEAD("cycles_total", "counter", "Cycles of the NIC's clock since its reset");
	fprintf(f, "guestlane_cycles_total %llu\n",
		(unsigned long long)gl_read64(d->nic, GL_BAR0, GL_BAR0_CYCLES_LO));
	HEAD("clock_hertz", "gauge", "Clock of the NIC");
	fprintf(f, "guestlane_clock_hertz %u\n", gl_clock_hz(d->nic));
	for (unsigned i = 0; (name = gl_stat_name(i)); i++) {
		fprintf(f, "# TYPE guestlane_nic_%s_total counter\nguestlane_nic_%s_total %llu\n",
			name, name, (unsigned long long)gl_stat(d->nic, i));
	}
	HEAD("context_info", "gauge", "State and owner of each context that exists");
	for (unsigned k = 0; k < d->count; k++)
		if (d->context[k].exists)
			fprintf(f,
				"guestlane_context_info{context=\"%u\",state=\"%s\",owner=\"%s\"} "
				"1\n",
				k, context_state_name(&d->context[k].seen),
				owner_name(d->context[k].owner));
	HEAD("context_faults_total", "counter",
	     "Addresses of the context's device that were refused");
	for (unsigned k = 0; k < d->count; k++)
		if (d->context[k].exists)
			fprintf(f, "guestlane_context_faults_total{context=\"%u\"} %llu\n", k,
				(unsigned long long)d->context[k].faults);
	HEAD("vif_info", "gauge", "State and path of each guest's vif");
	HEAD("vif_grants", "gauge", "Pages of a guest that its device can reach");
	HEAD("vif_interrupts_total", "counter", "Interrupts passed on to a guest");
	for (unsigned k = 0; d->vifs.timer && k < d->count; k++) {
		const struct vif *v = &d->context[k].vif;
		if (!d->context[k].exists || d->context[k].owner != OWNER_VIF)
			continue;
		fprintf(f,
			"guestlane_vif_info{domain=\"%u\",handle=\"%u\",context=\"%u\",state=\"%"
			"s\"} 1\n"
			"guestlane_vif_grants{domain=\"%u\",handle=\"%u\"} %llu\n"
			"guestlane_vif_interrupts_total{domain=\"%u\",handle=\"%u\"} %llu\n",
			v->domain, v->handle, k, vif_phase_name(v->phase), v->domain, v->handle,
			(unsigned long long)v->grants, v->domain, v->handle,
			(unsigned long long)gl_irq_passed(d->nic, k));
	}
	HEAD("vif_connects_total", "counter", "Front ends that were connected");
	fprintf(f, "guestlane_vif_connects_total %llu\n", (unsigned long long)d->vifs.connects);
	HEAD("vif_refusals_total", "counter", "Front ends that were not, for what they asked");
	fprintf(f, "guestlane_vif_refusals_total %llu\n", (unsigned long long)d->vifs.refusals);
	HEAD("vif_cut_off_total", "counter", "Guests that did not stop their driver in time");
	fprintf(f, "guestlane_vif_cut_off_total %llu\n", (unsigned long long)d->vifs.cut_off);
	for (unsigned i = 0; (name = gl_context_stat_name(i)); i++) {
		fprintf(f, "# TYPE guestlane_context_%s_total counter\n", name);
		for (unsigned k = 0; k < d->count; k++)
			if (d->context[k].exists)
				fprintf(f, "guestlane_context_%s_total{context=\"%u\"} %llu\n",
					name, k, (unsigned long long)gl_context_stat(d->nic, k, i));
	}
#undef HEAD
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

struct client {
	struct daemon *daemon;
	sd_event_source *io, *timer;
	int fd;
	char request[REQUEST_MAX];
	size_t got;
	char *answer;
	size_t bytes, sent;
};

struct metrics {
	int listener;
	sd_event_source *source;
	bool path; /* to be unlinked */
	struct client *client[CLIENTS];
};

static void client_close(struct client *c)
{
	for (int i = 0; i < CLIENTS; i++)
		if (c->daemon->metrics->client[i] == c)
			c->daemon->metrics->client[i] = NULL;
	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->timer);
	close(c->fd);
	free(c->answer);
	free(c);
}

static void compose(struct client *c)
{
	char *body = NULL;
	const char *status = "200 OK";
	char method[8], path[64];
	if (sscanf(c->request, "%7s %63s", method, path) != 2)
		status = "400 Bad Request";
	else if (strcmp(method, "GET"))
		status = "405 Method Not Allowed";
	else if (strcmp(path, "/metrics") && strcmp(path, "/"))
		status = "404 Not Found";
	else if (!(body = metrics_text(c->daemon)))
		status = "503 Service Unavailable";
	int n = asprintf(&c->answer,
			 "HTTP/1.0 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
			 "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 status, body ? strlen(body) : 0, body ? body : "");
	if (n < 0)
		c->answer = NULL;
	c->bytes = n < 0 ? 0 : (size_t)n;
	free(body);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct client *c = arg;
	(void)events;
	if (!c->answer) {
		ssize_t n = recv(fd, c->request + c->got, sizeof(c->request) - 1 - c->got,
				 MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (n > 0)
			c->got += (size_t)n;
		c->request[c->got] = 0;
		bool whole = strstr(c->request, "\r\n\r\n") || strstr(c->request, "\n\n");
		if (n <= 0 || (!whole && c->got == sizeof(c->request) - 1)) {
			client_close(c);
			return 0;
		}
		if (!whole)
			return 0;
		compose(c);
		if (!c->answer) {
			client_close(c);
			return 0;
		}
		sd_event_source_set_io_events(source, EPOLLOUT);
	}
	ssize_t n = send(fd, c->answer + c->sent, c->bytes - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		c->sent += (size_t)n;
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || c->sent == c->bytes)
		client_close(c);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	(void)source;
	(void)usec;
	client_close(arg);
	return 0;
}

static int on_listener(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct daemon *d = arg;
	(void)source;
	(void)events;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (connection < 0)
		return 0;
	int place = 0;
	while (place < CLIENTS && d->metrics->client[place])
		place++;
	struct client *c = place < CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(connection);
		return 0;
	}
	c->daemon = d;
	c->fd = connection;
	d->metrics->client[place] = c;
	if (sd_event_add_io(d->event, &c->io, connection, EPOLLIN, on_client, c) < 0 ||
	    sd_event_add_time_relative(d->event, &c->timer, CLOCK_MONOTONIC, CLIENT_LIMIT, 0,
				       on_timer, c) < 0)
		client_close(c);
	return 0;
}

int metrics_listen(struct daemon *d)
{
	const char *where = d->config.metrics_listen;
	if (!where)
		return 0;
	struct metrics *m = calloc(1, sizeof(*m));
	if (!m)
		return daemon_fail(d, ENOMEM, "no memory");
	m->path = where[0] == '/';
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in port = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const struct sockaddr *address = (const void *)&path;
	socklen_t size = sizeof(path);
	int one = 1, error = 0;
	if (m->path) {
		struct stat status;
		if (strlen(where) >= sizeof(path.sun_path))
			error = ENAMETOOLONG;
		else
			strcpy(path.sun_path, where);
		if (!error && !lstat(where, &status) && S_ISSOCK(status.st_mode))
			unlink(where);
	} else {
		port.sin_port = htons((uint16_t)strtoul(strchr(where, ':') + 1, NULL, 10));
		address = (const void *)&port;
		size = sizeof(port);
	}
	m->listener =
		socket(m->path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listener < 0)
		error = errno;
	else
		setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!error &&
	    (bind(m->listener, address, size) || (m->path && chmod(where, d->config.socket_mode)) ||
	     listen(m->listener, CLIENTS)))
		error = errno;
	if (!error) {
		d->metrics = m;
		error = -sd_event_add_io(d->event, &m->source, m->listener, EPOLLIN, on_listener,
					 d);
	}
	if (error > 0) {
		d->metrics = NULL;
		if (m->listener >= 0)
			close(m->listener);
		free(m);
		return daemon_fail(d, error, "cannot offer metrics at %s: %s", where,
				   strerror(error));
	}
	return 0;
}

void metrics_close(struct daemon *d)
{
	struct metrics *m = d->metrics;
	if (!m)
		return;
	for (int i = 0; i < CLIENTS; i++)
		if (m->client[i])
			client_close(m->client[i]);
	sd_event_source_disable_unref(m->source);
	close(m->listener);
	if (m->path)
		unlink(d->config.metrics_listen);
	free(m);
	d->metrics = NULL;
}
