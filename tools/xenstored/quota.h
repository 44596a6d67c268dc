/* Limits on what an unprivileged domain may use. */
#ifndef XENSTORED_QUOTA_H
#define XENSTORED_QUOTA_H

#include <stdbool.h>

enum quota {
	QUOTA_NODES,
	QUOTA_WATCHES,
	QUOTA_TRANSACTIONS,
	QUOTA_OUTSTANDING,
	QUOTA_TRANSACTION_NODES,
	QUOTA_MEMORY,
	QUOTA_VALUE_SIZE,
	QUOTA_PATH_MAX,
	QUOTA_PERMISSIONS,
	QUOTA_COUNT,
};

struct quota_info {
	const char *name;
	const char *text;
	unsigned value;
};

extern struct quota_info quotas[QUOTA_COUNT];

static inline unsigned quota(enum quota which)
{
	return quotas[which].value;
}

/** Sets the limit called `name`; false when there is none of that name. */
bool quota_set(const char *name, unsigned value);

#endif
