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

/* What changes with every bit. */
struct rc {
	uint32_t range, code;
	const uint8_t *in;
	struct lzma *const lzma;
};

/* Keeps the compiler from computing @v before the branch that it is used behind. */
#define STAY_HERE(v) __asm__("" : "+r"(v))

static always_inline void rc_normalise(struct rc *rc)
{
	if (rc->range < RC_TOP) {
		rc->range <<= 8;
		rc->code = rc->code << 8 | *rc->in++;
	}
}

/* The part of the range that stands for a 0 bit of probability @p. */
static always_inline uint32_t rc_bound(struct rc *rc, size_t p)
{
	rc_normalise(rc);
	return (rc->range >> PROB_BITS) * (uint32_t)p;
}

static always_inline void rc_zero(struct rc *rc, uint16_t *prob, size_t p, uint32_t bound)
{
	rc->range = bound;
	*prob = rc->lzma->adapt[0][p];
}

static always_inline void rc_one(struct rc *rc, uint16_t *prob, size_t p, uint32_t bound)
{
	rc->range -= bound;
	rc->code -= bound;
	*prob = rc->lzma->adapt[1][p];
}

/* Decode one bit with probability *@prob and adapt it. */
static always_inline bool rc_bit(struct rc *rc, uint16_t *prob)
{
	size_t p = *prob;
	uint32_t bound = rc_bound(rc, p);

	if (rc->code < bound) {
		rc_zero(rc, prob, p, bound);
		return false;
	}
	rc_one(rc, prob, p, bound);
	return true;
}

/* Decode a bit with the probability at @node and move to @node + @if_zero or @node + @if_one. */
static always_inline size_t rc_step(
	struct rc *rc, uint16_t *tree, size_t node, size_t if_zero, size_t if_one)
{
	size_t p = tree[node];
	uint32_t bound = rc_bound(rc, p);

	if (rc->code < bound) {
		STAY_HERE(node);
		rc_zero(rc, &tree[node], p, bound);
		return node + if_zero;
	}
	STAY_HERE(node);
	rc_one(rc, &tree[node], p, bound);
	return node + if_one;
}

/* One step down a bit tree whose node numbers begin at 1. */
static always_inline size_t rc_tree_step(struct rc *rc, uint16_t *tree, size_t node)
{
	return rc_step(rc, tree, node, node, node + 1);
}

static always_inline uint32_t rc_tree3(struct rc *rc, uint16_t *tree)
{
	size_t node = rc_tree_step(rc, tree, 1);

	node = rc_tree_step(rc, tree, node);
	return rc_tree_step(rc, tree, node) - 8;
}

static always_inline uint32_t rc_tree6(struct rc *rc, uint16_t *tree)
{
	size_t node = rc_tree_step(rc, tree, 1);

	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	node = rc_tree_step(rc, tree, node);
	return rc_tree_step(rc, tree, node) - 64;
}

/*
 * Bit trees whose bits come lowest first, as the low parts of distances do. How the nodes are
 * numbered is the decoder's own affair: with 2^depth + (bits so far) the last number holds the value.
 */
static always_inline uint32_t rc_reverse4(struct rc *rc, uint16_t *tree)
{
	size_t node = rc_step(rc, tree, 1, 1, 2);

	node = rc_step(rc, tree, node, 2, 4);
	node = rc_step(rc, tree, node, 4, 8);
	return rc_step(rc, tree, node, 8, 16) - 16;
}

static always_inline uint32_t rc_reverse(struct rc *rc, uint16_t *tree, unsigned int bits)
{
	size_t node = 1, weight = 1, end = (size_t)1 << bits;

	do {
		node = rc_step(rc, tree, node, weight, weight * 2);
		weight *= 2;
	} while (weight < end);
	return node - weight;
}

/* Bits at even odds. */
static always_inline uint32_t rc_direct(struct rc *rc, unsigned int bits)
{
	uint32_t value = -1U; /* shifts in the complement, which is what the borrow is */

	do {
		uint32_t rest;
		bool below;

		rc_normalise(rc);
		rc->range >>= 1;
		below = __builtin_sub_overflow(rc->code, rc->range, &rest);
		rc->code = below ? rc->code : rest;
		value = value * 2 + below;
	} while (--bits);
	return ~value;
}

/* One bit of a literal after a match. Returns whether it equals the bit of @match. */
static always_inline bool rc_matched_step(
	struct rc *rc, uint16_t *probs, size_t *node, uint32_t *match)
{
	size_t expect = (*match <<= 1) & 0x100;
	uint16_t *tree = probs + 0x100 + expect;
	size_t p = tree[*node];
	uint32_t bound = rc_bound(rc, p);

	if (rc->code < bound) {
		rc_zero(rc, &tree[*node], p, bound);
		*node = *node * 2;
		return !expect;
	}
	rc_one(rc, &tree[*node], p, bound);
	*node = *node * 2 + 1;
	return expect;
}

/*
 * A literal. Just after a match (@after_match) its bits have statistics of their own for as long as
 * they equal those of @match_at, the byte that would continue the match.
 */
static always_inline uint8_t decode_literal(
	struct rc *rc, uint16_t *probs, bool after_match, const uint8_t *match_at)
{
	size_t node = 1;

	if (after_match) {
		uint32_t match = *match_at;

		if (!rc_matched_step(rc, probs, &node, &match))
			goto left7;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left6;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left5;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left4;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left3;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left2;
		if (!rc_matched_step(rc, probs, &node, &match))
			goto left1;
		rc_matched_step(rc, probs, &node, &match);
		return node;
	}
	node = rc_tree_step(rc, probs, node);
left7:
	node = rc_tree_step(rc, probs, node);
left6:
	node = rc_tree_step(rc, probs, node);
left5:
	node = rc_tree_step(rc, probs, node);
left4:
	node = rc_tree_step(rc, probs, node);
left3:
	node = rc_tree_step(rc, probs, node);
left2:
	node = rc_tree_step(rc, probs, node);
left1:
	return rc_tree_step(rc, probs, node);
}

static always_inline uint32_t decode_len(struct rc *rc, struct lzma_len *l, uint32_t pos)
{
	size_t node = 1;

	if (!rc_bit(rc, &l->choice))
		return MATCH_MIN + rc_tree3(rc, l->low[pos]);
	if (!rc_bit(rc, &l->choice2))
		return MATCH_MIN + 8 + rc_tree3(rc, l->mid[pos]);
	while (node < 0x100)
		node = rc_tree_step(rc, l->high, node);
	return MATCH_MIN + 16 + node - 0x100;
}

static always_inline uint32_t decode_dist(struct rc *rc, struct lzma_probs *p, uint32_t len)
{
	uint32_t slot = rc_tree6(rc, p->dist_slot[min(len - MATCH_MIN, 3U)]);
	unsigned int bits;
	uint32_t base;

	if (slot < 4)
		return slot;
	bits = (slot >> 1) - 1;
	base = (2 | (slot & 1)) << bits;
	if (slot < SLOT_DIRECT)
		return base + rc_reverse(rc, p->dist_special + base - slot, bits);
	base += rc_direct(rc, bits - ALIGN_BITS) << ALIGN_BITS;
	return base + rc_reverse4(rc, p->dist_align);
}

/* A symbol that repeats an earlier distance. Moves that to the front of the list; returns the length. */
static always_inline uint32_t decode_rep(struct rc *rc, struct lzma *s, size_t state, size_t pos)
{
	struct lzma_probs *p = &s->probs;
	uint32_t dist;

	if (!rc_bit(rc, &p->is_rep0[state])) {
		if (!rc_bit(rc, &p->is_rep0_long[state][pos]))
			return 1;
	} else {
		if (!rc_bit(rc, &p->is_rep1[state])) {
			dist = s->rep[1];
		} else {
			if (!rc_bit(rc, &p->is_rep2[state])) {
				dist = s->rep[2];
			} else {
				dist = s->rep[3];
				s->rep[3] = s->rep[2];
			}
			s->rep[2] = s->rep[1];
		}
		s->rep[1] = s->rep[0];
		s->rep[0] = dist;
	}
	return decode_len(rc, &p->rep_len, pos);
}

int lzma_decode(struct lzma *s, const uint8_t *in_limit, uint8_t *out_limit)
{
	static const uint8_t after_literal[LZMA_STATES] = {0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5};
	struct rc rc = {s->range, s->code, s->in, s};
	struct lzma_probs *p = &s->probs;
	uint8_t *out = s->out, *const dict = s->dict;
	uint32_t prev = out > dict ? out[-1] : 0;
	size_t state = s->state;
	int ret = 0;

	while (out < out_limit) {
		size_t pos = (out - dict) & s->pb_mask;
		uint32_t len, dist;

		if (rc.in > in_limit)
			goto corrupt;
		if (!rc_bit(&rc, &p->is_match[state][pos])) {
			size_t row = (((out - dict) & s->lp_mask) << s->lc) +
				     (prev >> s->prev_shift);

			prev = decode_literal(&rc, &p->literal[LZMA_LIT_CODER * row], state >= 7,
				out - s->rep[0] - 1);
			*out++ = prev;
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
			len = decode_rep(&rc, s, state, pos);
			dist = s->rep[0];
			state = (state < 7 ? 8 : 11) + (len == 1 && state < 7);
		}
		if (dist >= (size_t)(out - dict) || len > (size_t)(out_limit - out))
			goto corrupt;
		if ((size_t)(s->out_end - out) >= len + COPY_SLACK)
			copy_match_fast(out, (size_t)dist + 1, len);
		else
			copy_match_exact(out, (size_t)dist + 1, len);
		out += len;
		prev = out[-1];
	}
out:
	s->range = rc.range;
	s->code = rc.code;
	s->in = rc.in;
	s->out = out;
	s->state = state;
	return ret;
corrupt:
	ret = -EINVAL;
	goto out;
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
	for (uint32_t v = 0; v < 1 << PROB_BITS; v++) {
		s->adapt[0][v] = v + (((1 << PROB_BITS) - v) >> PROB_SHIFT);
		s->adapt[1][v] = v - (v >> PROB_SHIFT);
	}
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
	s->prev_shift = 8 - lc;
	s->lp_mask = (1U << lp) - 1;
	s->pb_mask = (1U << pb) - 1;
	return 0;
}
