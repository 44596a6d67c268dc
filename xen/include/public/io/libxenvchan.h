/* Byte streams between domains: the page that holds the indices of both rings. */
#ifndef XEN_PUBLIC_IO_LIBXENVCHAN_H
#define XEN_PUBLIC_IO_LIBXENVCHAN_H

#include <stdint.h>

struct ring_shared {
	uint32_t cons, prod;
};

#define VCHAN_NOTIFY_WRITE 0x1
#define VCHAN_NOTIFY_READ  0x2

struct vchan_interface {
	/* client to server, server to client */
	struct ring_shared left, right;
	/* log2 of bytes; 10 and 11 lie in this page, larger ones in granted pages */
	uint16_t left_order, right_order;
	uint8_t cli_live, srv_live;     /* 0 closed, 1 open, 2 waits */
	uint8_t cli_notify, srv_notify; /* VCHAN_NOTIFY_*: wants to be told */
	uint32_t grants[0];             /* of the left ring, then of the right one */
};

#endif /* XEN_PUBLIC_IO_LIBXENVCHAN_H */
