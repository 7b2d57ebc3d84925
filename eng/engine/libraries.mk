# The libraries PostgreSQL is built with, for wasm64: OUT/libz.a, liblz4.a, libzstd.a, libuuid.a and their headers in OUT/include.
CFLAGS := -O2 -g1 -fPIC -fvisibility=hidden -w
z := $(wildcard $(ZLIB)/*.c)
lz4 := $(addprefix $(LZ4)/lib/,lz4.c lz4hc.c lz4frame.c xxhash.c)
zstd := $(wildcard $(ZSTD)/lib/common/*.c $(ZSTD)/lib/compress/*.c $(ZSTD)/lib/decompress/*.c)
objects = $(patsubst $(2)/%,$(OUT)/lib.o/$(1)/%.o,$(3))

all: $(OUT)/libz.a $(OUT)/liblz4.a $(OUT)/libzstd.a $(OUT)/libuuid.a

$(OUT)/libz.a: $(call objects,z,$(ZLIB),$(z))
$(OUT)/liblz4.a: $(call objects,lz4,$(LZ4),$(lz4))
$(OUT)/libzstd.a: $(call objects,zstd,$(ZSTD),$(zstd))
$(OUT)/libuuid.a: $(OUT)/lib.o/uuid.c.o
$(OUT)/%.a:
	rm -f $@
	$(AR) rcs $@ $^
$(OUT)/lib.o/z/%.o: $(ZLIB)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DHAVE_UNISTD_H -I$(ZLIB) -c $< -o $@
$(OUT)/lib.o/lz4/%.o: $(LZ4)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DXXH_NAMESPACE=LZ4_ -I$(LZ4)/lib -c $< -o $@
$(OUT)/lib.o/zstd/%.o: $(ZSTD)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DZSTD_DISABLE_ASM=1 -DXXH_NAMESPACE=ZSTD_ -I$(ZSTD)/lib -c $< -o $@
$(OUT)/lib.o/uuid.c.o: $(PORT)/uuid.c $(PORT)/uuid.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I$(PORT) -c $< -o $@

headers:
	mkdir -p $(OUT)/include/uuid
	cp $(ZLIB)/zlib.h $(ZLIB)/zconf.h $(LZ4)/lib/lz4.h $(LZ4)/lib/lz4hc.h $(LZ4)/lib/lz4frame.h $(ZSTD)/lib/zstd.h $(ZSTD)/lib/zstd_errors.h $(OUT)/include/
	cp $(PORT)/uuid.h $(OUT)/include/uuid/uuid.h
all: headers
.PHONY: all headers
