/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server of the vfio-user protocol 0.0 for one PCI device: messages and their checks, DMA maps, interrupts, ioeventfds, one client at a
 * time. It knows nothing of what the device is: that stands behind struct vfio_user_device. One thread, nothing blocks: the caller
 * sleeps on vfio_user_server_fd() and calls vfio_user_server_run().
 *
 * Requests are served in order, one at a time. While the device works on an access (a read, a configuration access), later requests
 * wait, replies to our DMA messages do not, and no DMA message is sent: a client may be unable to serve one until it has its answer.
 */
#ifndef VFIO_USER_SERVER_H
#define VFIO_USER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VFIO_USER_REGIONS = 9, /* VFIO_PCI_NUM_REGIONS */
	VFIO_USER_IRQS = 5,    /* VFIO_PCI_NUM_IRQS */
	VFIO_USER_MAX_MAPS = 65535,
	VFIO_USER_DMA_BYTES = 4096, /* most of one vfio_user_dma_*() */
};

struct vfio_user_server;

/* A part of a region that an eventfd may write to: `bytes` of `value`. */
struct vfio_user_doorbell {
	uint64_t offset;
	uint32_t bytes;
	uint64_t value;
};

/* The device. All but region_size and vectors may be NULL: then nothing is there to do. */
struct vfio_user_device {
	uint64_t region_size[VFIO_USER_REGIONS]; /* 0: the region is not there */
	unsigned vectors;			 /* of MSI-X, at most 2048 */
	unsigned doorbells;			 /* of doorbell_region */
	unsigned doorbell_region;
	/* No DMA map may touch [reserved, reserved + reserved_bytes): the device's own use of that address. */
	uint64_t reserved, reserved_bytes;

	/* Whether the device takes another request now; while it does not, requests wait in the socket. */
	bool (*ready)(void *device);
	/*
	 * Begins an access inside one region (checked). `data` stays until it is done and holds what is written or gets what is read. The device
	 * calls vfio_user_access_done() once, now or later.
	 */
	void (*access)(void *device, unsigned region, uint64_t offset, uint32_t bytes, bool write,
		       uint8_t *data);
	/* Begins a reset of the function; vfio_user_access_done() ends it. */
	void (*reset)(void *device);
	/* Parts of doorbell_region, 0 to doorbells - 1; and: the eventfd of one was written. */
	void (*doorbell)(void *device, unsigned index, struct vfio_user_doorbell *doorbell);
	void (*ring)(void *device, unsigned index);
	/* Vectors that have an eventfd may have changed (vfio_user_irq_wanted()); and: mask or unmask one. */
	void (*irqs_changed)(void *device);
	void (*irq_mask)(void *device, unsigned vector, bool mask);
	/* A client has come; or has left: an access under way is forgotten, and so are all DMA tokens, maps and eventfds. */
	void (*client)(void *device, bool connected);
	/* The end of a vfio_user_dma_read() that returned 1: data, or NULL with an error. */
	void (*dma_done)(void *device, uint64_t token, int error, const void *data);
};

/*
 * Listens on the socket `path`. A file that is there already is replaced if it is a socket on which nobody listens. NULL on failure, with a
 * sentence in error[room].
 */
struct vfio_user_server *vfio_user_server_new(const char *path, const struct vfio_user_device *ops,
					      void *device, char *error, size_t room);
/* The same for a client that is connected already, by a socket of type SOCK_STREAM (which the server closes): no other one will come. For tests. */
struct vfio_user_server *vfio_user_server_on(int socket, const struct vfio_user_device *ops,
					     void *device);
/* Drops the client and removes the socket's file. */
void vfio_user_server_free(struct vfio_user_server *v);

/* Readable when there is work for vfio_user_server_run(). */
int vfio_user_server_fd(const struct vfio_user_server *v);
/* Does what can be done without waiting. Also to be called after the device has done something (an access, room for requests). */
void vfio_user_server_run(struct vfio_user_server *v);
/* Whether vfio_user_server_run() has more to do already, whatever the descriptor says: ask before sleeping on it. */
bool vfio_user_server_ready(const struct vfio_user_server *v);
bool vfio_user_connected(const struct vfio_user_server *v);
/* Ends the connection, as if the client had left. */
void vfio_user_disconnect(struct vfio_user_server *v, const char *reason);

/* Why the last client is gone, for people: "it closed the socket". */
const char *vfio_user_left(const struct vfio_user_server *v);

/* --- For the device ----------------------------------------------------------------------------------------------------------- */

/* The access or reset under way is done; error: 0 or an errno that the client gets. */
void vfio_user_access_done(struct vfio_user_server *v, int error);
bool vfio_user_access_pending(const struct vfio_user_server *v);

/*
 * Memory of the client, at most VFIO_USER_DMA_BYTES. 0: done. 1: asked for by a message, dma_done(token) follows. -EFAULT: not mapped, not with that
 * permission, or gone. Writes of 1, 2, 4 and 8 aligned bytes are single stores, longer ones go upwards in such.
 */
int vfio_user_dma_read(struct vfio_user_server *v, uint64_t address, void *data, uint32_t bytes,
		       uint64_t token);
/* 0: done, or on its way by a message: an interrupt that follows is held until the client has acknowledged it. */
int vfio_user_dma_write(struct vfio_user_server *v, uint64_t address, const void *data,
			uint32_t bytes);
/* Ends all reads that wait for a message with -ECANCELED. */
void vfio_user_dma_cancel(struct vfio_user_server *v);
/* DMA messages not answered or not sent yet. */
unsigned vfio_user_dma_pending(const struct vfio_user_server *v);

/* Raises an MSI-X vector; without an eventfd it is lost (and counted). */
void vfio_user_irq(struct vfio_user_server *v, unsigned vector);
bool vfio_user_irq_wanted(const struct vfio_user_server *v, unsigned vector);

struct vfio_user_stats {
	uint64_t clients, refused_clients;
	uint64_t requests, errors; /* messages of clients; those answered with an error */
	uint64_t region_reads, region_writes;
	uint64_t dma_reads, dma_writes, dma_read_bytes, dma_write_bytes;
	uint64_t dma_messages; /* of the reads and writes: by message */
	uint64_t refused_reads, refused_writes;
	uint64_t interrupts, lost_interrupts, doorbells;
	uint64_t maps; /* now */
};
struct vfio_user_stats vfio_user_stats(const struct vfio_user_server *v);

#endif
