/* How a sample looks: lines of text. */
#ifndef VIEW_H
#define VIEW_H

#include "sample.h"

struct view {
	bool networks, disks, vcpus; /* lines below each domain */
	bool repeat_header;
	bool full_names;
	unsigned sort; /* number of the column */
	const char *version;
};

/** How many columns there are; any smaller number may be view->sort. */
unsigned view_columns(void);

/** The column of that name, or -1. */
int view_find_column(const char *name);

/** Appends the summary of the machine, up to three lines, to @lines (of char *). */
void view_summary(const struct view *view, const struct sample *sample, GPtrArray *lines);

/** The line of column names. Freed with g_free(). */
char *view_header(void);

/** Appends the lines of all domains, sorted. */
void view_domains(const struct view *view, const struct sample *sample, GPtrArray *lines);

#endif /* VIEW_H */
