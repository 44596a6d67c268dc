USES := ctrl foreignmemory call
PACKAGES := glib-2.0
NAMES := lsevtchn xen-detect xenperf
DEST := $(SBINDIR)
