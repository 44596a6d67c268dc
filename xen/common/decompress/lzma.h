/* SPDX-License-Identifier: GPL-2.0-only */
/* The LZMA symbol decoder, shared by the containers that carry LZMA data. */

#ifndef DECOMPRESS_LZMA_H
#define DECOMPRESS_LZMA_H

#include "private.h"

#define LZMA_STATES    12
#define LZMA_POS_MAX   16 /* 1 << 4 position states at most */
#define LZMA_LIT_CODER 0x300

/* Most bytes that the range decoder reads for one symbol, renormalisation included. */
#define LZMA_SYMBOL_IN 20

/* What kinds the last symbols were; the probabilities that depend on it; and where it goes next. */
struct lzma_state {
	uint16_t is_match[LZMA_POS_MAX];
	uint16_t is_rep0_long[LZMA_POS_MAX];
	uint16_t is_rep, is_rep0, is_rep1, is_rep2;
	bool after_match; /* the last symbol was not a literal */
	struct lzma_state *on_literal, *on_match, *on_rep, *on_short_rep;
};

struct lzma_len {
	uint16_t choice, choice2;
	uint16_t low[LZMA_POS_MAX][8];
	uint16_t mid[LZMA_POS_MAX][8];
	uint16_t high[256];
};

/* Adaptive probabilities, each the chance of a 0 bit in units of 1/2048. */
struct lzma_probs {
	uint16_t dist_slot[4][64];
	uint16_t dist_special[128];
	uint16_t dist_align[16];
	struct lzma_len match_len, rep_len;
	uint16_t literal[LZMA_LIT_CODER << 4]; /* LZMA2 limits lc + lp to 4 */
};

struct lzma {
	size_t range, code;
	const uint8_t *in;   /* next byte for the range decoder */
	uint8_t *dict, *out; /* start of the window; next byte to write */
	uint8_t *fast_end;   /* of the whole buffer, see fast_end_of() */
	unsigned int lc;     /* bits of the byte before that select the literal coder */
	size_t lit_mask;     /* these bits and those of the position, in (position << 8 | byte) */
	size_t pb_mask;      /* position bits that select the other coders */
	uint32_t rep[4];     /* last distances, minus one */
	struct lzma_state *state;
	struct lzma_state states[LZMA_STATES];
	uint16_t adapt[2][2048]; /* by the bit that came: the probability that follows each one */
	struct lzma_probs probs;
};

/*
 * Set lc, lp and pb from the properties byte. Returns -EINVAL for impossible values, which include
 * lc + lp > 4.
 */
int lzma_set_props(struct lzma *s, uint8_t props);

/* Forget all statistics and distances: start of a stream, or of a chunk that asks for it. */
void lzma_reset_state(struct lzma *s);

/* Start the range decoder on the five bytes at @in. Returns -EINVAL if they are impossible. */
int lzma_start(struct lzma *s, const uint8_t *in);

/*
 * Decode symbols until s->out reaches @out_limit. @in_limit: no symbol may begin beyond it; at
 * least LZMA_SYMBOL_IN readable bytes must follow it.
 *
 * Returns 0, or -EINVAL for a bad distance, a symbol that crosses @out_limit, an end marker or
 * input used up.
 */
int lzma_decode(struct lzma *s, const uint8_t *in_limit, uint8_t *out_limit);

/* Whether the range decoder ended as the encoder leaves it; takes the last byte if one is due. */
bool lzma_finished(struct lzma *s);

#endif /* DECOMPRESS_LZMA_H */
