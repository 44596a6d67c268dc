/*
 * Exercise the code in public headers (rings, byte rings, hashing, widening of saved records) with
 * pseudo-random steps and print what happens. The output must be the same with every header set.
 */
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define xen_mb()  __sync_synchronize()
#define xen_rmb() __sync_synchronize()
#define xen_wmb() __sync_synchronize()
#define XEN_NETIF_DEFINE_TOEPLITZ
#include <xen/xen.h>
#include <xen/io/netif.h>
#include <xen/hvm/save.h>

struct request {
	uint64_t a, b;
};
struct response {
	uint32_t c;
};
DEFINE_RING_TYPES(demo, struct request, struct response);
DEFINE_XEN_FLEX_RING_AND_INTF(stream);

static uint32_t state = 1;

static uint32_t next(uint32_t bound)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % bound;
}

static union {
	demo_sring_t ring;
	unsigned char bytes[4096];
} page;

static void show(const demo_front_ring_t *front, const demo_back_ring_t *back)
{
	printf("%u %u %u %u | %u %u %d %u %u %u\n", page.ring.req_prod, page.ring.rsp_prod,
		page.ring.req_event, page.ring.rsp_event, RING_SIZE(front),
		RING_FREE_REQUESTS(front), RING_FULL(front),
		XEN_RING_NR_UNCONSUMED_RESPONSES(front), XEN_RING_NR_UNCONSUMED_REQUESTS(back),
		RING_HAS_UNCONSUMED_REQUESTS(back));
}

static void slots(RING_IDX start)
{
	demo_front_ring_t front;
	demo_back_ring_t back;
	struct request copy;
	uint32_t sum = 0;
	int i, notify, more;

	memset(&page, 0x5a, sizeof(page));
	SHARED_RING_INIT(&page.ring);
	page.ring.req_prod = page.ring.rsp_prod = start;
	page.ring.req_event = page.ring.rsp_event = start + 1;
	FRONT_RING_ATTACH(&front, &page.ring, start, sizeof(page));
	BACK_RING_ATTACH(&back, &page.ring, start, sizeof(page));
	for (i = 0; i < 4000; i++) {
		notify = more = -1;
		switch (next(6)) {
		case 0:
			while (!RING_FULL(&front) && next(40))
				RING_GET_REQUEST(&front, front.req_prod_pvt++)->a = i;
			break;
		case 1:
			RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);
			break;
		case 2:
			while (RING_HAS_UNCONSUMED_REQUESTS(&back) && next(40)) {
				RING_COPY_REQUEST(&back, back.req_cons++, &copy);
				sum += copy.a;
			}
			break;
		case 3:
			while (back.rsp_prod_pvt != back.req_cons && next(40))
				RING_GET_RESPONSE(&back, back.rsp_prod_pvt++)->c = sum;
			RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back, notify);
			break;
		case 4:
			while (RING_HAS_UNCONSUMED_RESPONSES(&front) && next(40))
				more = RING_GET_RESPONSE(&front, front.rsp_cons++)->c;
			break;
		default:
			RING_FINAL_CHECK_FOR_REQUESTS(&back, notify);
			RING_FINAL_CHECK_FOR_RESPONSES(&front, more);
		}
		printf("%d %d ", notify, more);
		show(&front, &back);
	}
	for (i = -70; i < 70; i++)
		printf("%d %d %d\n", RING_REQUEST_CONS_OVERFLOW(&back, back.req_cons + i),
			RING_REQUEST_PROD_OVERFLOW(&back, back.req_cons + i),
			RING_RESPONSE_PROD_OVERFLOW(&front, front.rsp_cons + i));
}

static void streams(RING_IDX size)
{
	unsigned char buf[64] = {0}, in[64], out[64];
	RING_IDX prod = 0, cons = 0, i, n, p, c;

	for (i = 0; i < 4000; i++) {
		n = stream_queued(prod, cons, size);
		p = stream_mask(prod, size);
		c = stream_mask(cons, size);
		if (next(2)) {
			n = next(size - n + 1);
			memset(out, i, n);
			stream_write_packet(buf, out, n, &p, c, size);
			prod += n;
		} else {
			n = next(n + 1);
			memset(in, 0, sizeof(in));
			stream_read_packet(in, buf, n, p, &c, size);
			cons += n;
			printf("%u %u ", in[0], in[n ? n - 1 : 0]);
		}
		printf("%u %u %u %u %u %d\n", n, p, c, prod, stream_queued(prod, cons, size),
			(int)(stream_get_ring_ptr(buf, prod, size) - buf));
	}
}

static void hashes(void)
{
	uint8_t key[48], data[40];
	unsigned int i, j;

	for (i = 0; i < 200; i++) {
		for (j = 0; j < sizeof(key); j++)
			key[j] = next(256);
		for (j = 0; j < sizeof(data); j++)
			data[j] = next(256);
		printf("%08x\n", xen_netif_toeplitz_hash(key, next(49), data, next(41)));
	}
}

static void records(void)
{
	union {
		struct hvm_hw_cpu now;
		struct hvm_hw_cpu_compat then;
		unsigned char bytes[sizeof(struct hvm_hw_cpu)];
	} rec;
	size_t i;

	for (i = 0; i < sizeof(rec); i++)
		rec.bytes[i] = next(256);
	printf("%d", _hvm_hw_fix_cpu(&rec, sizeof(rec.then)));
	for (i = 0; i < sizeof(rec); i++)
		printf(" %u", i >= offsetof(struct hvm_hw_cpu, pad0) ? 0 : rec.bytes[i]);
	printf("\n");
}

int main(void)
{
	slots(0);
	slots(0xffffffc0);
	streams(16);
	streams(64);
	hashes();
	records();
	return 0;
}
