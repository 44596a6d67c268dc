/* How far it is with what takes long, for who asks beside the call that does it. */
#ifndef XEND_PROGRESS_H
#define XEND_PROGRESS_H

#include <stdint.h>

/* As xg_progress_fn; @file names the work and is a text. Any thread. */
void progress_set(const char *stage, uint64_t done, uint64_t total, void *file);
void progress_end(const char *file);

#endif
