/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration: file, command line, and the keys of contexts as the control protocol has them (docs/control.md). */
#ifndef GLANED_CONFIG_H
#define GLANED_CONFIG_H

#include "guestlane.h"

#include <jansson.h>
#include <limits.h>
#include <sys/types.h>

#define CONTEXTS_MAX	      256
#define VIDS_MAX	      63      /* VLAN entries of the switch */
#define IRQ_MODERATION_MAX_US 100000u /* whatever the NIC's clock, up to 160 MHz */

struct context_config {
	struct gl_context_config gl; /* gl.vids: see context_config_gl() */
	uint16_t vids[VIDS_MAX];
	bool mac_given;
};

void context_config_default(struct context_config *config);
/* Changes one key from JSON. 0, or -EINVAL and a sentence that names key and value; -ENOENT: no such key. */
int context_config_set(struct context_config *config, const char *key, const json_t *value,
		       char *error, size_t room);
/* Whether the keys fit together. 0, or -EINVAL with a sentence. */
int context_config_check(const struct context_config *config, char *error, size_t room);
/* All keys. */
json_t *context_config_json(const struct context_config *config);
/* For libguestlane; points into config. */
const struct gl_context_config *context_config_gl(struct context_config *config);
/* The same with words as in the file ("10M", "yes", "1,2"); key with '-' or '_'. */
int context_config_set_text(struct context_config *config, const char *key, const char *value,
			    char *error, size_t room);

void mac_text(const uint8_t mac[6], char text[18]);
bool mac_parse(const char *text, uint8_t mac[6]);
json_t *features_json(uint64_t features); /* names */

struct config {
	char *file; /* NULL: none */
	bool check_only, release, no_hold, keep;
	char *device;
	char *socket;
	mode_t socket_mode;
	gid_t socket_group; /* (gid_t)-1: the daemon's */
	char *state_dir;
	char *firmware;
	char *metrics_listen; /* NULL: nowhere */
	enum { LOG_AUTO, LOG_TEXT, LOG_JSON } log_format;
	char tap[16]; /* "": none */
	bool tap_split;
	unsigned attach_timeout_s;
	uint64_t attach_bytes_max;
	unsigned watchdog_ms; /* of the firmware; 0: none */
	enum { IRQ_AUTO, IRQ_PER_CONTEXT, IRQ_BIT_VECTOR } irq_mode;
	unsigned irq_moderation_us;
	unsigned timeout_ms;
	uint64_t table_bytes;
	bool wanted[CONTEXTS_MAX];
	int line[CONTEXTS_MAX];		/* of the section, for errors that come later */
	struct context_config *context; /* CONTEXTS_MAX */
};

/*
 * Takes the command line and the file apart. 0: go on; 1: done (--help, --version), exit 0; negative: refused, a sentence is on stderr. Touches nothing.
 */
int config_read(struct config *config, int argc, char **argv);
void config_free(struct config *config);

#endif
