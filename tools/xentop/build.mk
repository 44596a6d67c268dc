# Names come from the store: by our library, or while there is none by Debian's of the same interface.
USES := $(if $(wildcard libs/store),store) ctrl foreignmemory call
PACKAGES := glib-2.0 ncursesw $(if $(wildcard libs/store),,xenstore)
DEST := $(SBINDIR)
