PACKAGES := glib-2.0
DEST := $(LIBEXECDIR)/bin
ifneq ($(wildcard libs/store/*.c),)
USES := store
else
LIBS := -lxenstore
endif
