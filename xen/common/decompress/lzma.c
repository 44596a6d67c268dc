/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * LZMA symbol decoder.
 *
 * Unpacking dom0's kernel is the longest single computation of a boot, so lzma_decode() is written
 * for the number of instructions per coded bit: all state that changes per bit lives in one local
 * struct that the compiler keeps in registers, bit trees are unrolled, and bounds are checked once
 * per symbol, not once per byte.
 */

#include "lzma.h"

#define RC_TOP	     (1U << 24)
#define PROB_BITS    11
#define PROB_INIT    (1 << (PROB_BITS - 1))
#define PROB_SHIFT   5
#define MATCH_MIN    2
#define SLOT_DIRECT  14 /* from here on a slot has bits coded without statistics */
#define ALIGN_BITS   4

struct rc {
	uint32_t range, code;
	const uint8_t *in;
};

static ALWAYS_INLINE void rc_normalise(struct rc *rc)
{
	if (rc->range < RC_TOP) {
		rc->range <<= 8;
		rc->code = rc->code << 8 | *rc->in++;
	}
}

/*
 * Decode one bit with probability *@prob and adapt it. Adapting upwards is
 * p + ((2048 - p) >> 5), which equals p - ((p - 2017) >> 5) with an arithmetic shift and takes one
 * instruction less.
 */
static ALWAYS_INLINE bool rc_bit(struct rc *rc, uint16_t *prob)
{
	uint32_t p = *prob, bound;

	rc_normalise(rc);
	bound = (rc->range >> PROB_BITS) * p;
	if (rc->code < bound) {
		int32_t down = (int32_t)p - ((1 << PROB_BITS) - (1 << PROB_SHIFT) + 1);

		rc->range = bound;
		*prob = p - (down >> PROB_SHIFT);
		return false;
	}
	rc->range -= bound;
	rc->code -= bound;
	*prob = p - (p >> PROB_SHIFT);
	return true;
}

/* One step down a bit tree whose node numbers begin at 1. */
static ALWAYS_INLINE uint32_t rc_tree_step(struct rc *rc, uint16_t *tree, uint32_t node)
{
	return rc_bit(rc, &tree[node]) ? node * 2 + 1 : node * 2;
}

static ALWAYS_INLINE uint32_t rc_tree3(struct rc *rc, uint16_t *tree)
{
	uint32_t node = rc_tree_step(rc, tree, 1);

	node = rc_tree_step(rc, tree, node);
	return rc_tree_step(rc, tree, node) - 8;
}

static ALWAYS_INLINE uint32_t rc_tree6(struct rc *rc, uint16_t *tree)
{
	uint32_t node = rc_tree_step(rc, tree, 1);

	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	return rc_tree_step(rc, tree, node) - 64;
}

/* Bit tree whose bits come lowest first, as the low parts of distances do. */
static ALWAYS_INLINE uint32_t rc_tree_reverse(struct rc *rc, uint16_t *tree, unsigned int bits)
{
	uint32_t node = 1, value = 0;

	for (unsigned int i = 0; i < bits; i++) {
		if (rc_bit(rc, &tree[node])) {
			node = node * 2 + 1;
			value |= 1U << i;
		} else {
			node = node * 2;
		}
	}
	return value;
}

/* Bits at even odds. */
static ALWAYS_INLINE uint32_t rc_direct(struct rc *rc, unsigned int bits)
{
	uint32_t value = 0;

	do {
		uint32_t below;

		rc_normalise(rc);
		rc->range >>= 1;
		rc->code -= rc->range;
		below = -(rc->code >> 31);
		rc->code += rc->range & below;
		value = value * 2 + 1 + below;
	} while (--bits);
	return value;
}

/* A literal whose context is the byte before it. */
static ALWAYS_INLINE uint8_t literal_plain(struct rc *rc, uint16_t *probs, uint32_t node)
{
	while (node < 0x100)
		node = rc_tree_step(rc, probs, node);
	return node;
}

/*
 * A literal just after a match: as long as its bits equal those of the byte that continues the
 * match, they have statistics of their own. Returns the tree node reached: a whole symbol, or
 * where the first unequal bit led.
 */
static ALWAYS_INLINE uint32_t literal_matched(struct rc *rc, uint16_t *probs, uint32_t match)
{
	uint32_t node = 1;

	do {
		uint32_t expect;

		match <<= 1;
		expect = match & 0x100;
		node = rc_tree_step(rc, probs + 0x100 + expect, node);
		if ((node & 1) != expect >> 8)
			break;
	} while (node < 0x100);
	return node;
}

static ALWAYS_INLINE uint32_t decode_len(struct rc *rc, struct lzma_len *l, uint32_t pos)
{
	uint32_t node = 1;

	if (!rc_bit(rc, &l->choice))
		return MATCH_MIN + rc_tree3(rc, l->low[pos]);
	if (!rc_bit(rc, &l->choice2))
		return MATCH_MIN + 8 + rc_tree3(rc, l->mid[pos]);
	while (node < 0x100)
		node = rc_tree_step(rc, l->high, node);
	return MATCH_MIN + 16 + node - 0x100;
}

static ALWAYS_INLINE uint32_t decode_dist(struct rc *rc, struct lzma_probs *p, uint32_t len)
{
	uint32_t slot = rc_tree6(rc, p->dist_slot[min(len - MATCH_MIN, 3U)]);
	unsigned int bits;
	uint32_t base;

	if (slot < 4)
		return slot;
	bits = (slot >> 1) - 1;
	base = (2 | (slot & 1)) << bits;
	if (slot < SLOT_DIRECT)
		return base + rc_tree_reverse(rc, p->dist_special + base - slot, bits);
	base += rc_direct(rc, bits - ALIGN_BITS) << ALIGN_BITS;
	return base + rc_tree_reverse(rc, p->dist_align, ALIGN_BITS);
}

/* Distance of a symbol that repeats an earlier one; moves it to the front of the list. */
static ALWAYS_INLINE uint32_t take_rep(struct rc *rc, struct lzma *s, unsigned int state)
{
	uint32_t dist;

	if (!rc_bit(rc, &s->probs.is_rep1[state])) {
		dist = s->rep[1];
	} else {
		if (!rc_bit(rc, &s->probs.is_rep2[state])) {
			dist = s->rep[2];
		} else {
			dist = s->rep[3];
			s->rep[3] = s->rep[2];
		}
		s->rep[2] = s->rep[1];
	}
	s->rep[1] = s->rep[0];
	return dist;
}

int lzma_decode(struct lzma *s, const uint8_t *in_limit, uint8_t *out_limit)
{
	static const uint8_t after_literal[LZMA_STATES] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5};
	struct rc rc = {s->range, s->code, s->in};
	struct lzma_probs *p = &s->probs;
	uint8_t *out = s->out, *const dict = s->dict;
	unsigned int state = s->state;
	const unsigned int prev_shift = 8 - s->lc;
	int ret = -EINVAL;

	while (out < out_limit) {
		uint32_t pos = (uint32_t)(out - dict) & s->pb_mask;
		uint32_t len, dist;

		if (rc.in > in_limit)
			goto out;
		if (!rc_bit(&rc, &p->is_match[state][pos])) {
			uint32_t prev = out > dict ? out[-1] : 0, node = 1;
			uint32_t ctx = (((uint32_t)(out - dict) & s->lp_mask) << s->lc) +
				       (prev >> prev_shift);
			uint16_t *lit = &p->literal[LZMA_LIT_CODER * ctx];

			if (state >= 7)
				node = literal_matched(&rc, lit, out[-(ptrdiff_t)s->rep[0] - 1]);
			*out++ = literal_plain(&rc, lit, node);
			state = after_literal[state];
			continue;
		}
		if (!rc_bit(&rc, &p->is_rep[state])) {
			len = decode_len(&rc, &p->match_len, pos);
			dist = decode_dist(&rc, p, len);
			s->rep[3] = s->rep[2];
			s->rep[2] = s->rep[1];
			s->rep[1] = s->rep[0];
			s->rep[0] = dist;
			state = state < 7 ? 7 : 10;
		} else {
			if (rc_bit(&rc, &p->is_rep0[state])) {
				s->rep[0] = take_rep(&rc, s, state);
			} else if (!rc_bit(&rc, &p->is_rep0_long[state][pos])) {
				if (s->rep[0] >= (size_t)(out - dict))
					goto out;
				*out = out[-(ptrdiff_t)s->rep[0] - 1];
				out++;
				state = state < 7 ? 9 : 11;
				continue;
			}
			dist = s->rep[0];
			len = decode_len(&rc, &p->rep_len, pos);
			state = state < 7 ? 8 : 11;
		}
		if (dist >= (size_t)(out - dict) || len > (size_t)(out_limit - out))
			goto out;
		if ((size_t)(s->out_end - out) >= len + COPY_SLACK)
			copy_match_fast(out, (size_t)dist + 1, len);
		else
			copy_match_exact(out, (size_t)dist + 1, len);
		out += len;
	}
	ret = 0;
out:
	s->range = rc.range;
	s->code = rc.code;
	s->in = rc.in;
	s->out = out;
	s->state = state;
	return ret;
}

bool lzma_finished(struct lzma *s)
{
	if (s->range < RC_TOP) {
		s->range <<= 8;
		s->code = s->code << 8 | *s->in++;
	}
	return s->code == 0;
}

int lzma_start(struct lzma *s, const uint8_t *in)
{
	if (in[0] != 0)
		return -EINVAL;
	s->range = UINT32_MAX;
	s->code = (uint32_t)in[1] << 24 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 8 | in[4];
	s->in = in + 5;
	return 0;
}

void lzma_reset_state(struct lzma *s)
{
	uint16_t *p = (uint16_t *)&s->probs;

	for (size_t i = 0; i < sizeof(s->probs) / sizeof(*p); i++)
		p[i] = PROB_INIT;
	memset(s->rep, 0, sizeof(s->rep));
	s->state = 0;
}

int lzma_set_props(struct lzma *s, uint8_t props)
{
	unsigned int lc, lp, pb;

	if (props > (4 * 5 + 4) * 9 + 8)
		return -EINVAL;
	lc = props % 9;
	lp = props / 9 % 5;
	pb = props / 45;
	if (lc + lp > 4)
		return -EINVAL;
	s->lc = lc;
	s->lp_mask = (1U << lp) - 1;
	s->pb_mask = (1U << pb) - 1;
	return 0;
}
