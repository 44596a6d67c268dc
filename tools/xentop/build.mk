USES := ctrl foreignmemory call
PACKAGES := glib-2.0 ncursesw xenstore
DEST := $(SBINDIR)
