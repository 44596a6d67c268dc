USES := ctrl foreignmemory call evtchn gnttab
PACKAGES := glib-2.0
DEST := $(SBINDIR)
ifneq ($(wildcard libs/store/*.c),)
USES += store
else
LIBS := -lxenstore
endif
