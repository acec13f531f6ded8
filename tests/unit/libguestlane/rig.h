/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of libguestlane over the model share: a directory, the model's process, a firmware image. */
#ifndef LIBGUESTLANE_RIG_H
#define LIBGUESTLANE_RIG_H

#include "guestlane.h"
#include "model.h"

struct rig {
	char directory[64], socket[96], device[112], image[96];
	struct model *m;
	int server; /* process */
	struct gl_nic *nic;
	struct gl_firmware *firmware;
};

void rig_new(struct rig *r);
/* The model's process ends without a word. */
void rig_kill_server(struct rig *r);
void rig_free(struct rig *r);
/* Opens it, with the firmware running. */
void rig_open(struct rig *r, const struct gl_config *config);
/* That the host has kept the rules that the model knows. */
void rig_check(struct rig *r);
uint64_t rig_now_ms(void);

#endif
