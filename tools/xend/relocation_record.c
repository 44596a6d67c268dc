#include "relocation_record.h"

#include <string.h>
#include <unistd.h>

#include "error.h"
#include "log.h"
#include "options.h"
#include "sxp.h"

static const char *const sides[] = { [MOVE_SOURCE] = "source", [MOVE_TARGET] = "target" };
static const char *const phases[] = { [MOVE_SENDING] = "sending",
	[MOVE_ASKED] = "asked",
	[MOVE_COMMITTED] = "committed",
	[MOVE_RUNNING] = "running" };

/* The directory comes and goes with its files. */
static GMutex lock;

static char *directory_path(void)
{
	g_autofree char *states = option_text("xend-state-path");

	return g_build_filename(states, "relocation", NULL);
}

/* By what is looked for: the source's domain, the target's move. */
static char *record_path(enum move_side side, const char *key)
{
	g_autofree char *directory = directory_path();

	return g_strdup_printf("%s/%s.%s.sxp", directory, key, sides[side]);
}

static char *path_of(const struct move_record *record)
{
	return record_path(record->side, record->side == MOVE_SOURCE ? record->uuid : record->id);
}

bool move_write(const struct move_record *record, GError **error)
{
	g_autofree char *path = path_of(record);
	g_autofree char *directory = directory_path();
	g_autoptr(GVariant) sxp = g_variant_ref_sink(sxp_list(sxp_atom("relocation"),
		sxp_pair("phase", phases[record->phase]), sxp_pair("id", record->id),
		sxp_pair("name", record->name), sxp_pair("uuid", record->uuid),
		sxp_pair("host", record->host), sxp_pair_int("port", record->port),
		sxp_pair_int("ssl", record->tls), sxp_pair_int("home", record->home), NULL));
	bool written;

	g_mutex_lock(&lock);
	g_mkdir_with_parents(directory, 0700);
	/* If this machine dies, so does the domain here; but the other one may ask for ever. */
	written = sxp_write_file(path, sxp, record->side == MOVE_TARGET, error);
	g_mutex_unlock(&lock);
	if (written)
		return true;
	g_prefix_error(error, "the move cannot be recorded: ");
	return false;
}

void move_remove(const struct move_record *record)
{
	g_autofree char *path = path_of(record);
	g_autofree char *directory = directory_path();

	g_mutex_lock(&lock);
	unlink(path);
	/* The last one takes the directory along. */
	rmdir(directory);
	g_mutex_unlock(&lock);
}

static bool read_flag(GVariant *sxp, const char *name)
{
	g_autofree char *text = sxp_child_text(sxp, name);

	return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}

static int phase_of(GVariant *sxp)
{
	g_autofree char *text = sxp_child_text(sxp, "phase");

	for (unsigned int i = 0; text && i < G_N_ELEMENTS(phases); i++)
		if (g_str_equal(phases[i], text))
			return i;
	return -1;
}

static struct move_record *parse_record(
	enum move_side side, const char *path, GVariant *sxp, GError **error)
{
	g_autoptr(move_record_t) record = g_new0(struct move_record, 1);
	g_autofree char *port = NULL;
	int phase = phase_of(sxp);

	record->side = side;
	record->phase = phase;
	record->id = sxp_child_text(sxp, "id");
	record->name = sxp_child_text(sxp, "name");
	record->uuid = sxp_child_text(sxp, "uuid");
	record->host = sxp_child_text(sxp, "host");
	if (phase < 0 || !record->id || !record->name || !record->uuid || !record->host)
		return fail(error, "%s: this is no record of a move", path), NULL;
	port = sxp_child_text(sxp, "port");
	record->port = port ? g_ascii_strtoull(port, NULL, 10) : 0;
	record->tls = read_flag(sxp, "ssl");
	record->home = read_flag(sxp, "home");
	return g_steal_pointer(&record);
}

/* As move_find(). */
static bool read_record(
	enum move_side side, const char *path, struct move_record **record, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GVariant) sxp = sxp_read_file(path, &cause);

	*record = sxp ? parse_record(side, path, sxp, error) : NULL;
	if (sxp)
		return *record;
	if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return true;
	g_propagate_error(error, g_steal_pointer(&cause));
	return false;
}

bool move_find(enum move_side side, const char *id, struct move_record **record, GError **error)
{
	g_autofree char *path = record_path(side, id);

	return read_record(side, path, record, error);
}

static struct move_record *unreadable(enum move_side side, const char *key)
{
	struct move_record *record = g_new0(struct move_record, 1);

	record->side = side;
	record->phase = MOVE_UNREADABLE;
	record->id = g_strdup(key);
	record->uuid = g_strdup(key);
	record->name = g_strdup(key);
	record->host = g_strdup("another host");
	return record;
}

GPtrArray *move_all(enum move_side side)
{
	GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)move_free);
	g_autofree char *directory = directory_path();
	g_autofree char *suffix = g_strdup_printf(".%s.sxp", sides[side]);
	g_autoptr(GError) none = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &none);
	const char *name;

	if (!dir && !g_error_matches(none, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		log_error("%s", none->message);
	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(directory, name, NULL);
		g_autofree char *key = g_strndup(name, strcspn(name, "."));
		struct move_record *record;
		g_autoptr(GError) error = NULL;

		if (!g_str_has_suffix(name, suffix))
			continue;
		if (!read_record(side, path, &record, &error)) {
			log_error("%s", error->message);
			record = unreadable(side, key);
		}
		if (record)
			g_ptr_array_add(all, record);
	}
	return all;
}

void move_free(struct move_record *record)
{
	if (!record)
		return;
	g_free(record->id);
	g_free(record->name);
	g_free(record->uuid);
	g_free(record->host);
	g_free(record);
}
