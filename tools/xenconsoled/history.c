/* What a console has written last: a ring that grows with what is in it, up to a limit. */
#include "xenconsoled.h"

#include <string.h>

#define FIRST_SIZE 4096

void history_init(struct history *history, size_t limit)
{
	*history = (struct history){ .limit = limit };
}

void history_free(struct history *history)
{
	g_free(history->data);
	*history = (struct history){ 0 };
}

static void forget_oldest(struct history *history)
{
	if (history->end - history->start > history->limit)
		history->start = history->end - history->limit;
}

void history_set_limit(struct history *history, size_t limit)
{
	history->limit = limit;
	forget_oldest(history);
}

/* Where position @pos lies, and how many bytes from there to the edge of the ring. */
static char *place(const struct history *history, uint64_t pos, size_t *together)
{
	size_t offset = pos & (history->size - 1);

	*together = history->size - offset;
	return history->data + offset;
}

static void grow(struct history *history, size_t size)
{
	struct history old = *history;

	while (history->size < size)
		history->size = history->size ? history->size * 2 : FIRST_SIZE;
	history->data = g_malloc(history->size);
	history->end = history->start;
	if (old.data) {
		uint64_t pos = old.start;
		const char *data;
		size_t n;

		while ((n = history_peek(&old, &pos, &data))) {
			history_append(history, data, n);
			pos += n;
		}
		g_free(old.data);
	}
}

void history_append(struct history *history, const char *data, size_t len)
{
	size_t kept = history->end - history->start;
	size_t needed = MIN(kept + len, MAX(history->limit, kept));

	if (len > history->limit) {
		history->end += len - history->limit;
		history->start = history->end;
		data += len - history->limit;
		len = history->limit;
		needed = len;
	}
	if (needed > history->size)
		grow(history, needed);
	/* Room is made before it is used: the ring may be exactly as large as the limit. */
	if (history->end + len - history->start > history->limit)
		history->start = history->end + len - history->limit;
	while (len) {
		size_t together, n;
		char *to = place(history, history->end, &together);

		n = MIN(len, together);
		memcpy(to, data, n);
		history->end += n;
		data += n;
		len -= n;
	}
}

size_t history_peek(const struct history *history, uint64_t *pos, const char **data)
{
	size_t together;

	if (*pos < history->start)
		*pos = history->start;
	if (*pos >= history->end)
		return 0;
	*data = place(history, *pos, &together);
	return MIN(together, history->end - *pos);
}
