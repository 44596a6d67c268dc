USES := background rpc sxp guest ctrl foreignmemory gnttab call store
PACKAGES := glib-2.0 gio-2.0 gio-unix-2.0 json-glib-1.0 libsoup-3.0 libxml-2.0 uuid
DEST := $(SBINDIR)
