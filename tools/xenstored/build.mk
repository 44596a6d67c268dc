USES := background gnttab evtchn foreignmemory call
PACKAGES := glib-2.0 zlib
DEST := $(SBINDIR)
