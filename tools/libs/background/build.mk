PACKAGES := glib-2.0
