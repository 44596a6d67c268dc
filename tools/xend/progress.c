#include "progress.h"

#include "error.h"
#include "ops.h"
#include "sxp.h"

struct state {
	char *stage;
	uint64_t done, total;
};

static GMutex mutex;
static GHashTable *all; /* struct state by file */

static void state_free(void *data)
{
	struct state *state = data;

	g_free(state->stage);
	g_free(state);
}

void progress_set(const char *stage, uint64_t done, uint64_t total, void *file)
{
	struct state *state;

	g_mutex_lock(&mutex);
	if (!all)
		all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, state_free);
	state = g_hash_table_lookup(all, file);
	if (!state) {
		state = g_new0(struct state, 1);
		g_hash_table_insert(all, g_strdup(file), state);
	}
	g_free(state->stage);
	state->stage = g_strdup(stage);
	/* Between two records with pages there is nothing to count. */
	if (total) {
		state->done = done;
		state->total = total;
	}
	g_mutex_unlock(&mutex);
}

void progress_end(const char *file)
{
	g_mutex_lock(&mutex);
	if (all)
		g_hash_table_remove(all, file);
	g_mutex_unlock(&mutex);
}

GVariant *op_progress(struct call *call, GError **error)
{
	const struct state *state;
	GVariant *result = NULL;

	g_mutex_lock(&mutex);
	state = all ? g_hash_table_lookup(all, call_text(call, 0)) : NULL;
	if (state)
		result = sxp_list(sxp_atom("progress"), sxp_pair("stage", state->stage),
			sxp_pair_int("done", state->done), sxp_pair_int("total", state->total),
			NULL);
	g_mutex_unlock(&mutex);
	if (!result)
		fail(error, "%s: nobody works at it", call_text(call, 0));
	return result;
}
