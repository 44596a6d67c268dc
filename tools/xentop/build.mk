USES := ctrl foreignmemory call
PACKAGES := glib-2.0 ncurses
DEST := $(SBINDIR)
ifneq ($(wildcard libs/store/*.c),)
USES += store
else
LIBS := -lxenstore
endif
