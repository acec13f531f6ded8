/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/guestlane (user.c), if this module has it; else -ENODEV. */
#ifndef GUESTLANE_USER_H
#define GUESTLANE_USER_H

#ifdef GUESTLANE_USER
int guestlane_user_init(void);
void guestlane_user_exit(void);
#else
static inline int guestlane_user_init(void)
{
	return -ENODEV;
}
static inline void guestlane_user_exit(void)
{
}
#endif

#endif
