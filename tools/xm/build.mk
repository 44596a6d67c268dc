USES := console conf rpc sxp
PACKAGES := json-glib-1.0
DEST := $(SBINDIR)
