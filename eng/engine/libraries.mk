# The libraries PostgreSQL and contrib are built with, for wasm64, with a rule each in place of their own build systems: OUT/lib*.a and their
# headers in OUT/include. Those that only the server contains are not position-independent, the others are contained in side modules too.
#   make -f libraries.mk CC=... CXX=... AR=... LD=... OUT=DIR PORT=eng/engine SYSTEM=emscripten's ZLIB=... LZ4=... ZSTD=... ICU=... XML=... XML_VERSION=... XSLT=...
#     XSLT_VERSION=... ICU_DATA_DIR=where the programs find ICU's files [all: the default; first: what PostgreSQL's configure looks for; icu]
CFLAGS := -O2 -w
side := -fPIC -fvisibility=hidden
objects = $(patsubst $(2)/%,$(OUT)/lib.o/$(1)/%.o,$(3))
first_archives := $(patsubst %,$(OUT)/lib%.a,z lz4 zstd uuid cxx stdc++ xml2)
icu_archives := $(patsubst %,$(OUT)/lib%.a,icuuc icui18n icudata)

all: first icu $(OUT)/libxslt.a
first: $(first_archives)
icu: $(icu_archives)
$(OUT)/%.a:
	rm -f $@
	$(AR) rcs $@ $^

# ---- compression, uuid ----

$(OUT)/libz.a: $(call objects,z,$(ZLIB),$(wildcard $(ZLIB)/*.c))
$(OUT)/liblz4.a: $(call objects,lz4,$(LZ4),$(addprefix $(LZ4)/lib/,lz4.c lz4hc.c lz4frame.c xxhash.c))
$(OUT)/libzstd.a: $(call objects,zstd,$(ZSTD),$(wildcard $(ZSTD)/lib/common/*.c $(ZSTD)/lib/compress/*.c $(ZSTD)/lib/decompress/*.c))
$(OUT)/libuuid.a: $(OUT)/lib.o/uuid.c.o
$(OUT)/lib.o/z/%.o: $(ZLIB)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(side) -DHAVE_UNISTD_H -I$(ZLIB) -c $< -o $@
$(OUT)/lib.o/lz4/%.o: $(LZ4)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(side) -DXXH_NAMESPACE=LZ4_ -I$(LZ4)/lib -c $< -o $@
$(OUT)/lib.o/zstd/%.o: $(ZSTD)/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(side) -DZSTD_DISABLE_ASM=1 -DXXH_NAMESPACE=ZSTD_ -I$(ZSTD)/lib -c $< -o $@
$(OUT)/lib.o/uuid.c.o: $(PORT)/uuid.c $(PORT)/uuid.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(side) -I$(PORT) -c $< -o $@

# ---- ICU: collations, case, converters and names of locales ----

icu := $(ICU)/source
icu_cxxflags := $(CFLAGS) -fvisibility=hidden -std=c++17 -fno-exceptions -I$(icu)/common -I$(icu)/i18n -DU_STATIC_IMPLEMENTATION -DU_HAVE_MMAP=0 \
	-DU_ENABLE_DYLOAD=0 -DICU_DATA_DIR='"$(ICU_DATA_DIR)"' $(patsubst %,-DUCONFIG_NO_%=1,FORMATTING REGULAR_EXPRESSIONS TRANSLITERATION IDNA SERVICE MF2)
icu_without := bytestriebuilder bytestrieiterator cstr cwchar dtintrv filterednormalizer2 icudataver icuplug localematcher localeprioritylist \
	locdistance locdspnm locutil messagepattern mlbe normlzr pluralmap propsvec punycode resbund_cnv restrace schriter serv% simpleformatter \
	static_unicode_sets ubidi ubidiln ubiditransform ubidiwrt ubrk ucasemap% ucat ucnv_set ucnvdisp ucnvsel ucurr uhash_us uidna uinit ulocale \
	ulocbuilder unistr_cnv unistr_props unorm unormcmp ures_cnv usc_impl uscript ushape usprep ustr_wcs util_props uts46 wintz
icuuc := $(filter-out $(patsubst %,$(icu)/common/%.cpp,$(icu_without)),$(wildcard $(icu)/common/*.cpp))
icui18n := $(wildcard $(icu)/i18n/collation*.cpp $(icu)/i18n/*collationiterator.cpp) \
	$(patsubst %,$(icu)/i18n/%.cpp,bocsu coleitr coll rulebasedcollator sortkey ucln_in ucol ucol_res ucol_sit ucoleitr)
$(OUT)/libicuuc.a: $(call objects,icu,$(icu),$(icuuc))
$(OUT)/libicui18n.a: $(call objects,icu,$(icu),$(sort $(icui18n)))
# Reading the headers, the C++ library's above all, takes longer than compiling most files: they are read once.
icu_common := $(icu_cxxflags) -DU_COMMON_IMPLEMENTATION
icu_i18n := $(icu_cxxflags) -DU_I18N_IMPLEMENTATION
$(OUT)/lib.o/icu/%.pch:
	@mkdir -p $(@D)
	printf '#include "%s"\n' unicode/utypes.h unicode/unistr.h unicode/uniset.h umutex.h cmemory.h uassert.h >$(@:.pch=.h)
	$(CXX) $(icu_$(notdir $(@D))) -x c++-header -c $(@:.pch=.h) -o $@
$(OUT)/lib.o/icu/common/%.o: $(icu)/common/% $(OUT)/lib.o/icu/common/headers.pch
	@mkdir -p $(@D)
	$(CXX) $(icu_common) -include-pch $(OUT)/lib.o/icu/common/headers.pch -c $< -o $@
$(OUT)/lib.o/icu/i18n/%.o: $(icu)/i18n/% $(OUT)/lib.o/icu/i18n/headers.pch
	@mkdir -p $(@D)
	$(CXX) $(icu_i18n) -include-pch $(OUT)/lib.o/icu/i18n/headers.pch -c $< -o $@

# Its data: the root collation in the programs, all else as files in OUT/icu
icu_data := $(firstword $(wildcard $(icu)/data/in/icudt*l.dat))
icu_entry := $(patsubst %l.dat,%_dat,$(notdir $(icu_data)))
$(OUT)/libicudata.a: $(OUT)/lib.o/icudata.o
$(OUT)/lib.o/icudata.o: $(icu_data) $(PORT)/icu-data.pl
	@mkdir -p $(@D)
	rm -rf $(OUT)/icu
	perl $(PORT)/icu-data.pl $< $(OUT)/icu $(@D)/icudata.dat
	printf '_Alignas(16) const unsigned char %s[] = {\n#embed "icudata.dat"\n};\n' $(icu_entry) >$(@D)/icudata.c
	$(CC) $(CFLAGS) -c $(@D)/icudata.c -o $@

# What it needs of the C++ library: dynamic_cast of emscripten's, and cxx.cpp. By its other name for makefiles of extensions.
abi := $(SYSTEM)/lib/libcxxabi
$(OUT)/libcxx.a: $(OUT)/lib.o/cxx.cpp.o $(OUT)/lib.o/private_typeinfo.cpp.o
$(OUT)/libstdc++.a: $(OUT)/lib.o/cxx.cpp.o $(OUT)/lib.o/private_typeinfo.cpp.o
cxx_cxxflags := $(CFLAGS) $(side) -std=c++20 -fno-exceptions -D_LIBCPP_BUILDING_LIBRARY -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCXXABI_NO_EXCEPTIONS \
	-D_LIBCXXABI_HAS_NO_THREADS -I$(abi)/include -I$(SYSTEM)/lib/libcxx/src
$(OUT)/lib.o/cxx.cpp.o: $(PORT)/cxx.cpp
	@mkdir -p $(@D)
	$(CXX) $(cxx_cxxflags) -c $< -o $@
$(OUT)/lib.o/%.cpp.o: $(abi)/src/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(cxx_cxxflags) -c $< -o $@

# ---- libxml2: in the server, visible, whole, because contrib/xml2 and libxslt use the server's; libxslt: in contrib/xml2 ----

xml := buf chvalid dict entities encoding error globals hash list parser parserInternals SAX2 threads tree uri valid xmlIO xmlmemory xmlstring \
	HTMLparser HTMLtree pattern xmlregexp xmlsave xmlwriter xpath xpointer
xml_with := OUTPUT PUSH PATTERN WRITER SAX1 VALID HTML XPATH XPTR ISO8859X REGEXPS
xml_headers := $(OUT)/include/libxml/xmlversion.h
xml_flags := $(CFLAGS) -I$(OUT)/lib.o/xml -I$(XML)/include -I$(OUT)/include
$(OUT)/libxml2.a: $(OUT)/lib.o/xml2.o
$(OUT)/lib.o/xml2.o: $(patsubst %,$(OUT)/lib.o/xml/%.c.o,$(xml))
	$(LD) -r -o $@ $^
$(OUT)/lib.o/xml/%.c.o: $(XML)/%.c $(OUT)/lib.o/xml/config.h $(xml_headers)
	$(CC) $(xml_flags) -c $< -o $@
$(OUT)/lib.o/xml/config.h:
	@mkdir -p $(@D)
	printf '#define HAVE_DECL_GETENTROPY 0\n#define HAVE_DECL_GLOB 0\n#define HAVE_DECL_MMAP 0\n#define XML_SYSCONFDIR "/etc"\n#define XML_THREAD_LOCAL\n' >$@
version_number = $(shell printf '%d%02d%02d' $(subst ., ,$(1)))
$(xml_headers): $(XML)/include/libxml/xmlversion.h.in
	@mkdir -p $(@D)
	cp $(XML)/include/libxml/*.h $(@D)/
	sed -e 's/@VERSION@/$(XML_VERSION)/; s/@LIBXML_VERSION_NUMBER@/$(call version_number,$(XML_VERSION))/; s/@LIBXML_VERSION_EXTRA@//' \
		$(patsubst %,-e 's/@WITH_%@/1/',$(xml_with)) -e 's/@WITH_[A-Z0-9_]*@/0/' $< >$@

xslt := attrvt xslt xsltlocale xsltutils pattern templates variables keys numbers extensions extra functions namespaces imports attributes \
	documents preproc transform security
xslt_headers := $(OUT)/include/libxslt/xsltconfig.h
$(OUT)/libxslt.a: $(patsubst %,$(OUT)/lib.o/xslt/%.c.o,$(xslt))
$(OUT)/lib.o/xslt/%.c.o: $(XSLT)/libxslt/%.c $(OUT)/lib.o/xslt/config.h $(xslt_headers) $(xml_headers)
	$(CC) $(CFLAGS) $(side) -I$(OUT)/lib.o/xslt -I$(XSLT) -I$(OUT)/include -c $< -o $@
$(OUT)/lib.o/xslt/config.h:
	@mkdir -p $(@D)
	printf '#define HAVE_%s 1\n' SYS_TYPES_H SYS_STAT_H SYS_TIME_H STDINT_H LOCALE_H STAT LOCALTIME_R GMTIME_R GETTIMEOFDAY SNPRINTF VSNPRINTF >$@
$(xslt_headers): $(XSLT)/libxslt/xsltconfig.h.in
	@mkdir -p $(@D)
	cp $(XSLT)/libxslt/*.h $(@D)/
	sed -e 's/@VERSION@/$(XSLT_VERSION)/; s/@LIBXSLT_VERSION_NUMBER@/$(call version_number,$(XSLT_VERSION))/; s/@LIBXSLT_VERSION_EXTRA@//' \
		-e 's/@WITH_[A-Z_]*@/0/' $< >$@

# ---- headers ----

headers := $(OUT)/include/.complete
$(headers): $(xml_headers) $(xslt_headers) $(PORT)/uuid.h $(MAKEFILE_LIST)
	mkdir -p $(OUT)/include/uuid $(OUT)/include/unicode
	cp $(ZLIB)/zlib.h $(ZLIB)/zconf.h $(LZ4)/lib/lz4.h $(LZ4)/lib/lz4hc.h $(LZ4)/lib/lz4frame.h $(ZSTD)/lib/zstd.h $(ZSTD)/lib/zstd_errors.h $(OUT)/include/
	cp $(icu)/common/unicode/*.h $(icu)/i18n/unicode/*.h $(OUT)/include/unicode/
	cp $(PORT)/uuid.h $(OUT)/include/uuid/uuid.h
	touch $@
first: $(headers)
.PHONY: all first icu
