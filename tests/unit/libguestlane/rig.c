// SPDX-License-Identifier: Apache-2.0
// The surroundings of tests of libguestlane (rig.h).
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "rig.h"

uint64_t rig_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void rig_new(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	snprintf(r->directory, sizeof(r->directory), "/tmp/libguestlane.XXXXXX");
	assert_non_null(mkdtemp(r->directory));
	snprintf(r->socket, sizeof(r->socket), "%s/nic.sock", r->directory);
	snprintf(r->device, sizeof(r->device), "vfio-user:%s", r->socket);
	snprintf(r->image, sizeof(r->image), "%s/image.fw", r->directory);
	r->m = model_new();
	model_image(r->image, GL_MBOX_VERSION);
	r->server = model_serve(r->m, r->socket);
}

void rig_kill_server(struct rig *r)
{
	if (r->server > 0) {
		kill(r->server, SIGKILL);
		waitpid(r->server, NULL, 0);
	}
	r->server = 0;
}

void rig_free(struct rig *r)
{
	gl_close(r->nic);
	gl_firmware_free(r->firmware);
	rig_kill_server(r);
	unlink(r->socket);
	unlink(r->image);
	rmdir(r->directory);
	model_free(r->m);
}

void rig_open(struct rig *r, const struct gl_config *config)
{
	struct gl_config own = config ? *config : (struct gl_config){ 0 };
	own.device = r->device;
	if (gl_open(&r->nic, &own))
		fail_msg("gl_open: %s", gl_error(NULL));
	if (gl_firmware_read(&r->firmware, r->image, NULL))
		fail_msg("gl_firmware_read: %s", gl_error(NULL));
	if (gl_firmware_load(r->nic, r->firmware))
		fail_msg("gl_firmware_load: %s", gl_error(r->nic));
}

void rig_check(struct rig *r)
{
	if (r->nic)
		gl_alive(r->nic); /* everything posted has arrived */
	if (r->m->faults)
		fail_msg("%u rules broken, the first: %s", r->m->faults, r->m->fault);
}
