PACKAGES := gio-2.0 zlib liblzma libzstd liblz4
LIBS := -lbz2
SHARED := $(addprefix xen/common/decompress/,bcj_x86.c crc.c lzma.c unxz.c)
# Of libxxhash the header alone is used. Pages are looked at in vectors.
$(OUT)/libs/guest/stream_sum.o $(OUT)/libs/guest/stream_holes.o: CFLAGS += -O3
