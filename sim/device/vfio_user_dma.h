/* SPDX-License-Identifier: Apache-2.0 */
/* The client's memory as the vfio-user server knows it: disjoint ranges of bus addresses, with a descriptor (mapped here) or without. */
#ifndef VFIO_USER_DMA_H
#define VFIO_USER_DMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vfio_user_maps;

struct vfio_user_map {
	uint64_t address, bytes;
	bool readable, writable;
	uint8_t *data; /* NULL: reached by messages */
	/* what munmap() gets */
	void *mapped;
	size_t mapped_bytes;
};

struct vfio_user_maps *vfio_user_maps_new(size_t most);
void vfio_user_maps_free(struct vfio_user_maps *m);
size_t vfio_user_maps_count(const struct vfio_user_maps *m);

/* fd -1: by messages. Does not keep fd. -EINVAL, -EEXIST (overlap), -ENOSPC (too many), -ENOMEM, or what mmap() said. */
int vfio_user_maps_add(struct vfio_user_maps *m, uint64_t address, uint64_t bytes, bool readable,
		       bool writable, int fd, uint64_t offset);
/*
 * Removes all maps inside the range, which need not be any. -EINVAL if one lies only partly inside: nothing is removed then. `removed` (may be
 * NULL) is called for each before it goes.
 */
int vfio_user_maps_remove(struct vfio_user_maps *m, uint64_t address, uint64_t bytes,
			  void (*removed)(void *arg, const struct vfio_user_map *map), void *arg);
void vfio_user_maps_clear(struct vfio_user_maps *m);

/* The map that holds all of the range, or NULL. */
const struct vfio_user_map *vfio_user_maps_find(struct vfio_user_maps *m, uint64_t address,
						uint64_t bytes);

/*
 * Copies from or to mapped memory: aligned words of 8 bytes in rising order, the rest in aligned pieces of 4, 2 and 1, each a single access,
 * as a root complex does. -EFAULT if the memory is not there any more (its owner has cut the file).
 */
int vfio_user_map_copy(const struct vfio_user_map *map, uint64_t address, void *data,
		       uint32_t bytes, bool write);

#endif
