/* The limits and their names, which are those of xenstore-control's `quota` command. */
#include <string.h>

#include "quota.h"

struct quota_info quotas[QUOTA_COUNT] = {
	[QUOTA_NODES] = { "nodes", "Nodes per domain", 1000 },
	[QUOTA_WATCHES] = { "watches", "Watches per domain", 128 },
	[QUOTA_TRANSACTIONS] = { "transactions", "Transactions per domain", 10 },
	[QUOTA_OUTSTANDING] = { "outstanding", "Outstanding requests per domain", 20 },
	[QUOTA_TRANSACTION_NODES] = { "transaction-nodes",
		"Max. number of accessed nodes per transaction", 1024 },
	[QUOTA_MEMORY] = { "memory", "Memory per domain, in bytes", 2621440 },
	[QUOTA_VALUE_SIZE] = { "node-size", "Max. size of a value", 2048 },
	[QUOTA_PATH_MAX] = { "path-max", "Max. length of a node path", 3072 },
	[QUOTA_PERMISSIONS] = { "permissions", "Max. number of permissions per node", 5 },
};

bool quota_set(const char *name, unsigned value)
{
	for (unsigned i = 0; i < QUOTA_COUNT; i++) {
		if (!strcmp(quotas[i].name, name)) {
			quotas[i].value = value;
			return true;
		}
	}
	return false;
}
