USES := console store
PACKAGES := glib-2.0
DEST := $(LIBEXECDIR)/bin
