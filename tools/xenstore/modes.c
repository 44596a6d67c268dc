/* The modes that deal with single nodes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static struct expanding_buffer text;

int run_read(xs_transaction_t t, char **args, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned len;
		char *value = xs_read(store, t, args[i], &len);

		if (!value)
			fail(0, "couldn't read path %s", args[i]);
		if (settings.prefix)
			printf("%s: ", args[i]);
		if (settings.raw)
			fwrite(value, 1, len, stdout);
		else
			puts(sanitise_value(&text, value, len));
		free(value);
	}
	return 0;
}

int run_write(xs_transaction_t t, char **args, int count)
{
	for (int i = 0; i < count; i += 2) {
		char *value = strdup(args[i + 1]);
		unsigned len = strlen(value);

		if (!settings.raw)
			unsanitise_value(value, &len, args[i + 1]);
		if (!xs_write(store, t, args[i], value, len))
			fail(0, "could not write path %s", args[i]);
		free(value);
	}
	return 0;
}

int run_list(xs_transaction_t t, char **args, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned num;
		char **names = xs_directory(store, t, args[i], &num);
		const char *above = strcmp(args[i], "/") ? args[i] : "";

		if (!names)
			fail(0, "could not list path %s", args[i]);
		for (unsigned j = 0; j < num; j++)
			printf("%s%s%s\n", settings.prefix ? above : "", settings.prefix ? "/" : "",
				names[j]);
		free(names);
	}
	return 0;
}

/* Removes the nodes above that have become useless: no value, no children. */
static void tidy_above(xs_transaction_t t, const char *path)
{
	char *above = strdup(path), *slash;

	while ((slash = strrchr(above, '/')) && slash > above) {
		unsigned len, num;
		char *value, **names;
		bool empty;

		*slash = 0;
		value = xs_read(store, t, above, &len);
		names = xs_directory(store, t, above, &num);
		empty = value && names && !len && !num;
		free(value);
		free(names);
		if (!empty)
			break;
		if (!xs_rm(store, t, above))
			fail(0, "could not remove path %s", above);
	}
	free(above);
}

int run_rm(xs_transaction_t t, char **args, int count)
{
	for (int i = 0; i < count; i++) {
		if (!xs_rm(store, t, args[i]))
			fail(0, "could not remove path %s", args[i]);
		if (settings.tidy)
			tidy_above(t, args[i]);
	}
	return 0;
}

int run_exists(xs_transaction_t t, char **args, int count)
{
	for (int i = 0; i < count; i++) {
		char *value = xs_read(store, t, args[i], NULL);

		if (!value && errno != ENOENT)
			fail(errno, "could not read path %s", args[i]);
		if (!value)
			return 1;
		free(value);
	}
	return 0;
}

static void set_perms(
	xs_transaction_t t, const char *path, struct xs_permissions *perms, unsigned count)
{
	if (!xs_set_permissions(store, t, path, perms, count))
		fail(errno, "Error occurred setting permissions on '%s'", path);
}

static void set_below(
	xs_transaction_t t, const char *path, struct xs_permissions *perms, unsigned count)
{
	unsigned num;
	char **names = xs_directory(store, t, path, &num);

	if (!names)
		fail(errno, "could not list path %s", path);
	for (unsigned i = 0; i < num; i++) {
		char *below = path_below(path, names[i]);

		set_perms(t, below, perms, count);
		set_below(t, below, perms, count);
		free(below);
	}
	free(names);
}

static void set_above(
	xs_transaction_t t, const char *path, struct xs_permissions *perms, unsigned count)
{
	char *above = strdup(path), *slash;

	while ((slash = strrchr(above, '/')) && slash > above) {
		*slash = 0;
		set_perms(t, above, perms, count);
	}
	free(above);
}

int run_chmod(xs_transaction_t t, char **args, int count)
{
	struct xs_permissions *perms = calloc(count, sizeof(*perms));
	const char *path = args[0];

	for (int i = 1; i < count; i++)
		if (!xs_strings_to_perms(&perms[i - 1], 1, args[i]))
			fail(0, "Invalid permission specification: '%s'", args[i]);
	set_perms(t, path, perms, count - 1);
	if (settings.recursive)
		set_below(t, path, perms, count - 1);
	if (settings.upto)
		set_above(t, path, perms, count - 1);
	free(perms);
	return 0;
}

int run_watch(xs_transaction_t t, char **args, int count)
{
	(void)t;
	for (int i = 0; i < count; i++)
		if (!xs_watch(store, args[i], args[i]))
			fail(errno, "Unable to add watch on %s", args[i]);
	while (settings.events--) {
		unsigned num;
		char **event = xs_read_watch(store, &num);

		if (!event)
			fail(errno, "the store is gone");
		puts(event[XS_WATCH_PATH]);
		fflush(stdout);
		free(event);
	}
	return 0;
}

int run_control(xs_transaction_t t, char **args, int count)
{
	size_t size = 0;
	char *data = NULL, *answer;

	(void)t;
	for (int i = 1; i < count; i++) {
		size_t more = strlen(args[i]) + 1;

		data = realloc(data, size + more);
		if (!data)
			fail(errno, "%s", args[i]);
		memcpy(data + size, args[i], more);
		size += more;
	}
	answer = xs_control_command(store, args[0], data, size);
	free(data);
	if (!answer) {
		fprintf(stderr, "%s: %s: %s\n", program, args[0], strerror(errno));
		return 3;
	}
	puts(answer);
	free(answer);
	return 0;
}
