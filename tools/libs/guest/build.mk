PACKAGES := gio-2.0 zlib liblzma libzstd liblz4
LIBS := -lbz2
