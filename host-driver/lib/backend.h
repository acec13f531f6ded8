/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a back end of libguestlane does: reach one PCI function. Everything above it (nic.c, tables.c, context.c ...) is the same for all.
 * Functions return 0 or a negative errno and leave a sentence with gl_fail().
 */
#ifndef GL_BACKEND_H
#define GL_BACKEND_H

#include "guestlane.h"

struct gl_backend_ops {
	const char *scheme; /* before the colon of gl_config.device */
	/* For memfd_create of memory that dma_map gets: MFD_HUGETLB where it must stay in one place (sizes are then multiples of 2 MiB). */
	unsigned memfd_flags;
	/* Opens what `address` (behind the colon) names; the private part goes to *backend. */
	int (*open)(struct gl_nic *nic, const char *address, void **backend);
	/* Goes on with descriptors of an earlier open (gl_adopt), found by name; does not touch the NIC. */
	int (*adopt)(struct gl_nic *nic, const char *address, const struct gl_fd *fds, size_t count,
		     void **backend);
	void (*close)(void *backend);
	/* Descriptors that keep the function alive ("device", "group", "container"), for gl_fds. */
	size_t (*fds)(void *backend, struct gl_fd *fds, size_t room);
	/* region: 0 to 5 a BAR, GL_REGION_CONFIG configuration space; size 1, 2, 4. */
	int (*read)(void *backend, unsigned region, uint32_t offset, unsigned size,
		    uint32_t *value);
	int (*write)(void *backend, unsigned region, uint32_t offset, unsigned size,
		     uint32_t value);
	/* Many words to consecutive offsets: firmware load. */
	int (*write_block)(void *backend, unsigned region, uint32_t offset, const void *data,
			   size_t bytes);
	/* Makes bytes of fd reachable at the bus address (an IOVA) *bus; a back end that cannot choose writes it. `data`: where they are mapped here, or NULL. */
	int (*dma_map)(void *backend, int fd, void *data, size_t bytes, uint64_t *bus);
	int (*dma_unmap)(void *backend, uint64_t bus, size_t bytes);
	/* Connects vectors first.. to these eventfds (-1: none), and enables MSI-X. In bit-vector mode vectors 0 and 1 only (docs/interrupts.md): those
	 * behind them are not used then, and may be given back. */
	int (*set_irqs)(void *backend, unsigned first, unsigned count, const int *eventfds);
	/* Vectors that the function has and the host can serve; fewer than contexts + 1 are enough for bit-vector mode. */
	unsigned (*irq_count)(void *backend);
	bool irqs_end; /* interrupts end with the process: a successor connects them again */
	/* An eventfd that writes `value` (4 bytes) to offset of a region; -ENOTSUP. */
	int (*write_fd)(void *backend, unsigned region, uint32_t offset, uint32_t value, int *fd);
	int (*reset)(void *backend);

	/* Physical address of a BAR. */
	int (*bar_address)(void *backend, unsigned bar, uint64_t *address);
	/*
	 * A back end whose memory has no address in one piece has these in place of dma_map and dma_unmap. It makes memory itself, and knows it by name, which
	 * outlives the process: bus[i] is the bus address of page i. pages_free with fd -1 and data NULL: of a process that is no more. pages_sweep: all of them.
	 */
	int (*pages_new)(void *backend, const char *name, size_t count, int *fd, void **data,
			 uint64_t *bus);
	int (*pages_find)(void *backend, const char *name, size_t count, int fd, void **data,
			  uint64_t *bus);
	int (*pages_bus)(void *backend, const char *name, size_t count, uint64_t *bus);
	int (*pages_free)(void *backend, const char *name, int fd, void *data, size_t count);
	int (*pages_sweep)(void *backend);
	/* A vector, whose eventfd that is, goes to an event channel of a guest; and back to its eventfd. */
	int (*irq_to_guest)(void *backend, unsigned vector, int eventfd, unsigned domain,
			    uint32_t port);
	int (*irq_to_host)(void *backend, unsigned vector);
	/* As if the vector had come, if it goes to a guest; false: it does not. */
	bool (*irq_pass)(void *backend, unsigned vector);
	uint64_t (*irq_passed)(void *backend, unsigned vector);
	/* For tests: ends what of the back end lives in this process beside its descriptors, as its death would. */
	void (*leave)(void *backend);
};

enum { GL_REGION_CONFIG = 7 };

extern const struct gl_backend_ops gl_backend_vfio, gl_backend_vfio_noiommu, gl_backend_vfio_user,
	gl_backend_xen, gl_backend_vfio_noiommu_xen;

/* Stores the sentence and returns -error. nic NULL: for gl_error(NULL). */
int gl_fail(struct gl_nic *nic, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
