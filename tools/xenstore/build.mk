USES := store
DEST := $(BINDIR)
