USES := sxp
PACKAGES := gio-2.0 libseccomp
DEST := $(LIBEXECDIR)/bin
