USES := store ctrl foreignmemory call
PACKAGES := glib-2.0 ncursesw
DEST := $(SBINDIR)
