USES := store
DEST := $(BINDIR)
LINKS := xenstore-read xenstore-write xenstore-list xenstore-ls xenstore-rm xenstore-exists xenstore-chmod \
	xenstore-watch xenstore-control
