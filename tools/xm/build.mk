USES := conf rpc sxp
DEST := $(SBINDIR)
