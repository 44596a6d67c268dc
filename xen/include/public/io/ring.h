/*
 * Shared rings of split drivers. The frontend produces requests, the backend consumes them and puts
 * responses into the slots that are free again. Indices run freely; the ring's size, a power of
 * two, masks them. A side is notified only when its event index is passed.
 *
 * Users provide memory barriers xen_mb(), xen_rmb(), xen_wmb(), and memset() and memcpy() where
 * those are needed.
 */
#ifndef __XEN_PUBLIC_IO_RING_H__
#define __XEN_PUBLIC_IO_RING_H__

#include "../xen-compat.h"
#include "../grant_table.h"

#if __XEN_INTERFACE_VERSION__ < 0x00030208
#define xen_mb()  mb()
#define xen_rmb() rmb()
#define xen_wmb() wmb()
#endif

typedef unsigned int RING_IDX;

/* Round down to a power of two, at compile time: halve the width where the upper half is zero. */
#define __RD2(_x)  (((_x)&0x2) ? 0x2 : ((_x)&0x1))
#define __RD4(_x)  (((_x)&0xc) ? __RD2((_x) >> 2) << 2 : __RD2(_x))
#define __RD8(_x)  (((_x)&0xf0) ? __RD4((_x) >> 4) << 4 : __RD4(_x))
#define __RD16(_x) (((_x)&0xff00) ? __RD8((_x) >> 8) << 8 : __RD8(_x))
#define __RD32(_x) (((_x)&0xffff0000) ? __RD16((_x) >> 16) << 16 : __RD16(_x))

/* Entries that fit into _sz bytes: of a ring type, and of a ring. */
#define __CONST_RING_SIZE(_s, _sz)                                                                 \
	(__RD32(((_sz)-offsetof(struct _s##_sring, ring)) /                                        \
		sizeof(((struct _s##_sring *)0)->ring[0])))
#define __RING_SIZE(_s, _sz)                                                                       \
	(__RD32(((_sz) - ((long)(_s)->ring - (long)(_s))) / sizeof((_s)->ring[0])))

/* Types of a ring: the shared page, and what each side keeps to itself. */
#define DEFINE_RING_TYPES(__name, __req_t, __rsp_t)                                                \
	union __name##_sring_entry {                                                               \
		__req_t req;                                                                       \
		__rsp_t rsp;                                                                       \
	};                                                                                         \
	struct __name##_sring {                                                                    \
		RING_IDX req_prod, req_event;                                                      \
		RING_IDX rsp_prod, rsp_event;                                                      \
		union {                                                                            \
			struct {                                                                   \
				uint8_t smartpoll_active;                                          \
			} netif;                                                                   \
			struct {                                                                   \
				uint8_t msg;                                                       \
			} tapif_user;                                                              \
			uint8_t pvt_pad[4];                                                        \
		} pvt;                                                                             \
		uint8_t __pad[44];                                                                 \
		union __name##_sring_entry ring[1];                                                \
	};                                                                                         \
	struct __name##_front_ring {                                                               \
		RING_IDX req_prod_pvt;                                                             \
		RING_IDX rsp_cons;                                                                 \
		unsigned int nr_ents;                                                              \
		struct __name##_sring *sring;                                                      \
	};                                                                                         \
	struct __name##_back_ring {                                                                \
		RING_IDX rsp_prod_pvt;                                                             \
		RING_IDX req_cons;                                                                 \
		unsigned int nr_ents;                                                              \
		struct __name##_sring *sring;                                                      \
	};                                                                                         \
	typedef struct __name##_sring __name##_sring_t;                                            \
	typedef struct __name##_front_ring __name##_front_ring_t;                                  \
	typedef struct __name##_back_ring __name##_back_ring_t

/* Before use: the shared part, then one side's own. ATTACH continues at index _i. */
#define SHARED_RING_INIT(_s)                                                                       \
	do {                                                                                       \
		(_s)->req_prod = 0;                                                                \
		(_s)->rsp_prod = 0;                                                                \
		(_s)->req_event = 1;                                                               \
		(_s)->rsp_event = 1;                                                               \
		memset(&(_s)->pvt, 0, sizeof((_s)->pvt));                                          \
		memset((_s)->__pad, 0, sizeof((_s)->__pad));                                       \
	} while (0)

#define FRONT_RING_ATTACH(_r, _s, _i, __size)                                                      \
	do {                                                                                       \
		(_r)->sring = (_s);                                                                \
		(_r)->nr_ents = __RING_SIZE(_s, __size);                                           \
		(_r)->req_prod_pvt = (_i);                                                         \
		(_r)->rsp_cons = (_i);                                                             \
	} while (0)
#define FRONT_RING_INIT(_r, _s, __size) FRONT_RING_ATTACH(_r, _s, 0, __size)
#define XEN_FRONT_RING_INIT(r, s, size)                                                            \
	do {                                                                                       \
		SHARED_RING_INIT(s);                                                               \
		FRONT_RING_INIT(r, s, size);                                                       \
	} while (0)

#define BACK_RING_ATTACH(_r, _s, _i, __size)                                                       \
	do {                                                                                       \
		(_r)->sring = (_s);                                                                \
		(_r)->nr_ents = __RING_SIZE(_s, __size);                                           \
		(_r)->rsp_prod_pvt = (_i);                                                         \
		(_r)->req_cons = (_i);                                                             \
	} while (0)
#define BACK_RING_INIT(_r, _s, __size) BACK_RING_ATTACH(_r, _s, 0, __size)

#define RING_SIZE(_r)          ((_r)->nr_ents)
#define RING_FREE_REQUESTS(_r) (RING_SIZE(_r) - ((_r)->req_prod_pvt - (_r)->rsp_cons))
#define RING_FULL(_r)          (RING_FREE_REQUESTS(_r) == 0)

/* Waiting entries. Of requests, never more than there are slots to answer in. */
#define XEN_RING_NR_UNCONSUMED_RESPONSES(_r) ((_r)->sring->rsp_prod - (_r)->rsp_cons)
#define __RING_UNANSWERED(_r)                ((_r)->req_cons - (_r)->rsp_prod_pvt)
#ifdef __GNUC__
#define XEN_RING_NR_UNCONSUMED_REQUESTS(_r)                                                        \
	__extension__({                                                                            \
		unsigned int __waiting = (_r)->sring->req_prod - (_r)->req_cons;                   \
		unsigned int __room = RING_SIZE(_r) - __RING_UNANSWERED(_r);                       \
		__waiting < __room ? __waiting : __room;                                           \
	})
#else
#define XEN_RING_NR_UNCONSUMED_REQUESTS(_r)                                                        \
	((_r)->sring->req_prod - (_r)->req_cons < RING_SIZE(_r) - __RING_UNANSWERED(_r)            \
			? (_r)->sring->req_prod - (_r)->req_cons                                   \
			: RING_SIZE(_r) - __RING_UNANSWERED(_r))
#endif

/* True if there are any; older users also take the number from it. */
#ifdef XEN_RING_HAS_UNCONSUMED_IS_BOOL
#define RING_HAS_UNCONSUMED_RESPONSES(_r) (!!XEN_RING_NR_UNCONSUMED_RESPONSES(_r))
#define RING_HAS_UNCONSUMED_REQUESTS(_r)  (!!XEN_RING_NR_UNCONSUMED_REQUESTS(_r))
#else
#define RING_HAS_UNCONSUMED_RESPONSES(_r) XEN_RING_NR_UNCONSUMED_RESPONSES(_r)
#define RING_HAS_UNCONSUMED_REQUESTS(_r)  XEN_RING_NR_UNCONSUMED_REQUESTS(_r)
#endif

/* In place, for one's own entries; COPY takes another's at once, before it can change. */
#define RING_GET_REQUEST(_r, _idx)  (&(_r)->sring->ring[(_idx) & (RING_SIZE(_r) - 1)].req)
#define RING_GET_RESPONSE(_r, _idx) (&(_r)->sring->ring[(_idx) & (RING_SIZE(_r) - 1)].rsp)
#define RING_COPY_(type, r, idx, dest)                                                             \
	do {                                                                                       \
		*(dest) = *(volatile __typeof__(dest))RING_GET_##type(r, idx);                     \
	} while (0)
#define RING_COPY_REQUEST(r, idx, req)  RING_COPY_(REQUEST, r, idx, req)
#define RING_COPY_RESPONSE(r, idx, rsp) RING_COPY_(RESPONSE, r, idx, rsp)

/* Is the other side's index beyond belief? */
#define RING_REQUEST_CONS_OVERFLOW(_r, _cons)  (((_cons) - (_r)->rsp_prod_pvt) >= RING_SIZE(_r))
#define RING_REQUEST_PROD_OVERFLOW(_r, _prod)  (((_prod) - (_r)->rsp_prod_pvt) > RING_SIZE(_r))
#define RING_RESPONSE_PROD_OVERFLOW(_r, _prod) (((_prod) - (_r)->rsp_cons) > RING_SIZE(_r))

/* Show what was produced. */
#define RING_PUSH_REQUESTS(_r)                                                                     \
	do {                                                                                       \
		xen_wmb();                                                                         \
		(_r)->sring->req_prod = (_r)->req_prod_pvt;                                        \
	} while (0)
#define RING_PUSH_RESPONSES(_r)                                                                    \
	do {                                                                                       \
		xen_wmb();                                                                         \
		(_r)->sring->rsp_prod = (_r)->rsp_prod_pvt;                                        \
	} while (0)

/* The same; _notify: did that pass the event index, read after the new index is visible? */
#define __RING_PASSED(_was, _now, _event)                                                          \
	((RING_IDX)((_now) - (_event)) < (RING_IDX)((_now) - (_was)))
#define RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(_r, _notify)                                           \
	do {                                                                                       \
		RING_IDX __was = (_r)->sring->req_prod;                                            \
		RING_PUSH_REQUESTS(_r);                                                            \
		xen_mb();                                                                          \
		(_notify) = __RING_PASSED(__was, (_r)->req_prod_pvt, (_r)->sring->req_event);      \
	} while (0)
#define RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(_r, _notify)                                          \
	do {                                                                                       \
		RING_IDX __was = (_r)->sring->rsp_prod;                                            \
		RING_PUSH_RESPONSES(_r);                                                           \
		xen_mb();                                                                          \
		(_notify) = __RING_PASSED(__was, (_r)->rsp_prod_pvt, (_r)->sring->rsp_event);      \
	} while (0)

/* Before going to sleep: ask for a notification, then look once more. */
#define RING_FINAL_CHECK_FOR_REQUESTS(_r, _work_to_do)                                             \
	do {                                                                                       \
		(_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r);                                  \
		if (!(_work_to_do)) {                                                              \
			(_r)->sring->req_event = (_r)->req_cons + 1;                               \
			xen_mb();                                                                  \
			(_work_to_do) = RING_HAS_UNCONSUMED_REQUESTS(_r);                          \
		}                                                                                  \
	} while (0)
#define RING_FINAL_CHECK_FOR_RESPONSES(_r, _work_to_do)                                            \
	do {                                                                                       \
		(_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r);                                 \
		if (!(_work_to_do)) {                                                              \
			(_r)->sring->rsp_event = (_r)->rsp_cons + 1;                               \
			xen_mb();                                                                  \
			(_work_to_do) = RING_HAS_UNCONSUMED_RESPONSES(_r);                         \
		}                                                                                  \
	} while (0)

/*
 * Rings of bytes, one for each direction, in 2^order granted pages. Consumers and producers keep
 * their indices masked while they copy.
 */
#ifndef XEN_PAGE_SHIFT
#define XEN_PAGE_SHIFT 12
#endif
#define XEN_FLEX_RING_SIZE(order) (1UL << ((order) + XEN_PAGE_SHIFT - 1))

#define DEFINE_XEN_FLEX_RING(name)                                                                 \
	static inline RING_IDX name##_mask(RING_IDX idx, RING_IDX ring_size)                       \
	{                                                                                          \
		return idx & (ring_size - 1);                                                      \
	}                                                                                          \
	static inline unsigned char *name##_get_ring_ptr(                                          \
		unsigned char *buf, RING_IDX idx, RING_IDX ring_size)                              \
	{                                                                                          \
		return &buf[name##_mask(idx, ring_size)];                                          \
	}                                                                                          \
	static inline void name##_read_packet(void *opaque, const unsigned char *buf, size_t size, \
		RING_IDX masked_prod, RING_IDX *masked_cons, RING_IDX ring_size)                   \
	{                                                                                          \
		size_t to_end = ring_size - *masked_cons;                                          \
		size_t head = size;                                                                \
                                                                                                   \
		if (*masked_cons >= masked_prod && size > to_end)                                  \
			head = to_end;                                                             \
		memcpy(opaque, buf + *masked_cons, head);                                          \
		if (head < size)                                                                   \
			memcpy((unsigned char *)opaque + head, buf, size - head);                  \
		*masked_cons = name##_mask(*masked_cons + size, ring_size);                        \
	}                                                                                          \
	static inline void name##_write_packet(unsigned char *buf, const void *opaque,             \
		size_t size, RING_IDX *masked_prod, RING_IDX masked_cons, RING_IDX ring_size)      \
	{                                                                                          \
		size_t to_end = ring_size - *masked_prod;                                          \
		size_t head = size;                                                                \
                                                                                                   \
		if (*masked_prod >= masked_cons && size > to_end)                                  \
			head = to_end;                                                             \
		memcpy(buf + *masked_prod, opaque, head);                                          \
		if (head < size)                                                                   \
			memcpy(buf, (const unsigned char *)opaque + head, size - head);            \
		*masked_prod = name##_mask(*masked_prod + size, ring_size);                        \
	}                                                                                          \
	static inline RING_IDX name##_queued(RING_IDX prod, RING_IDX cons, RING_IDX ring_size)     \
	{                                                                                          \
		if (prod == cons)                                                                  \
			return 0;                                                                  \
		/* Equal once masked: not empty, so full. */                                       \
		return name##_mask(prod - cons - 1, ring_size) + 1;                                \
	}                                                                                          \
	struct name##_data {                                                                       \
		unsigned char *in;                                                                 \
		unsigned char *out;                                                                \
	}

/* With the page that holds the indices and grants the others. */
#define DEFINE_XEN_FLEX_RING_AND_INTF(name)                                                        \
	struct name##_data_intf {                                                                  \
		RING_IDX in_cons, in_prod;                                                         \
		uint8_t pad1[56];                                                                  \
		RING_IDX out_cons, out_prod;                                                       \
		uint8_t pad2[56];                                                                  \
		RING_IDX ring_order;                                                               \
		grant_ref_t ref[];                                                                 \
	};                                                                                         \
	DEFINE_XEN_FLEX_RING(name)

#endif /* __XEN_PUBLIC_IO_RING_H__ */
