USES := background ctrl foreignmemory call evtchn gnttab store
PACKAGES := glib-2.0
DEST := $(SBINDIR)
