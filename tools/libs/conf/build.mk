PACKAGES := glib-2.0 python3-embed
