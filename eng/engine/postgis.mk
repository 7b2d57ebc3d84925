# The libraries that PostGIS is built with, for side modules, with a rule each in place of their own build systems: GEOS, PROJ with SQLite, json-c; and PROJ's database.
#   make -f postgis.mk AR=... HOSTCC=... OUT=DIR PORT=eng/engine GEOS=... GEOS_VERSION=... PROJ=... PROJ_VERSION=... SQLITE=... JSON=... JSON_VERSION=... PROJ_DATA=where PROJ finds its files
# OUT gets lib/*.a, include/, bin/geos-config and proj/.
CC := $(PORT)/cxx/wasm-cc
CXX := $(PORT)/cxx/wasm-c++
part = $(word $(2),$(subst ., ,$(1)))
side := -O2 -w -fPIC -fvisibility=hidden -DNDEBUG
objects = $(patsubst $(2)/%,$(OUT)/$(1)/%.o,$(3))

all: $(patsubst %,$(OUT)/lib/lib%.a,geos_c proj json-c) $(OUT)/proj/proj.db $(OUT)/bin/geos-config
$(OUT)/lib/%.a:
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

# ---- GEOS: its C interface and all below in one archive ----

geos_sources := $(shell find $(GEOS)/src $(GEOS)/capi -name '*.cpp') $(wildcard $(GEOS)/src/deps/ryu/*.c)
geos_headers := $(OUT)/include/geos/version.h $(OUT)/include/geos_c.h $(OUT)/include/geos/export.h
geos_flags := $(side) -std=c++17 -DUSE_UNSTABLE_GEOS_CPP_API -I$(OUT)/include -I$(GEOS)/include -I$(GEOS)/src/deps
from_geos = $(shell sed -nE 's/^$(1)=//p' $(GEOS)/Version.txt)
capi_age := $(call from_geos,CAPI_INTERFACE_AGE)
capi_revision := $(call from_geos,CAPI_INTERFACE_REVISION)
capi_major := $(shell expr $(call from_geos,CAPI_INTERFACE_CURRENT) - $(capi_age))
$(OUT)/lib/libgeos_c.a: $(call objects,geos,$(GEOS),$(geos_sources))
$(OUT)/include/geos/version.h: $(GEOS)/include/geos/version.h.in
$(OUT)/include/geos_c.h: $(GEOS)/capi/geos_c.h.in
$(OUT)/include/geos/export.h: $(GEOS)/include/geos/export.h
$(geos_headers):
	@mkdir -p $(@D)
	sed -e 's/@VERSION@/$(GEOS_VERSION)/; s/@VERSION_MAJOR@/$(call part,$(GEOS_VERSION),1)/; s/@VERSION_MINOR@/$(call part,$(GEOS_VERSION),2)/' \
		-e 's/@VERSION_PATCH@/$(call part,$(GEOS_VERSION),3)/; s/@JTS_PORT@/$(call from_geos,JTS_PORT)/; s/@CAPI_VERSION_MAJOR@/$(capi_major)/' \
		-e 's/@CAPI_VERSION_MINOR@/$(capi_age)/; s/@CAPI_VERSION_PATCH@/$(capi_revision)/; s/@CAPI_VERSION@/$(capi_major).$(capi_age).$(capi_revision)/' $< >$@
# Reading the headers takes longer than compiling most files: they are read once.
$(OUT)/geos/headers.pch: $(geos_headers)
	@mkdir -p $(@D)
	printf '#include <%s>\n' algorithm cassert cmath iostream map memory set sstream string vector geos/geom/Coordinate.h geos/geom/Geometry.h geos/geom/GeometryFactory.h \
		geos/geom/LineString.h geos/geom/Polygon.h geos/util/IllegalArgumentException.h >$(@:.pch=.h)
	$(CXX) $(geos_flags) -x c++-header -c $(@:.pch=.h) -o $@
$(OUT)/geos/%.cpp.o: $(GEOS)/%.cpp $(OUT)/geos/headers.pch
	@mkdir -p $(@D)
	$(CXX) $(geos_flags) -include-pch $(OUT)/geos/headers.pch -c $< -o $@
$(OUT)/geos/%.c.o: $(GEOS)/%.c
	@mkdir -p $(@D)
	$(CC) $(side) -I$(GEOS)/src/deps -c $< -o $@
$(OUT)/bin/geos-config: $(MAKEFILE_LIST)
	@mkdir -p $(@D)
	printf '#!/bin/sh\ncase "$$1" in --version) echo $(GEOS_VERSION) ;; --cflags) echo -I$(OUT)/include ;; --clibs | --ldflags) echo -L$(OUT)/lib -lgeos_c ;; esac\n' >$@
	chmod +x $@

# ---- SQLite: reads PROJ's database; and, for this machine, makes it ----

sqlite_flags := -w -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_MAX_MMAP_SIZE=0
$(OUT)/sqlite/sqlite3.c.o: $(SQLITE)/sqlite3.c
	@mkdir -p $(@D)
	$(CC) $(side) $(sqlite_flags) -c $< -o $@

# ---- PROJ: without network and TIFF ----

proj_names = $(addprefix $(PROJ)/src/,$(shell sed -nE 's/^  ([A-Za-z0-9_\/]+\.(cpp|c))$$/\1/p' $(PROJ)/src/lib_proj.cmake))
proj_flags := $(side) -I$(OUT)/proj-config -I$(PROJ)/include -I$(PROJ)/src -I$(SQLITE) -DMUTEX_stub -DPROJ_DATA='"$(PROJ_DATA)"'
# Whoever links PROJ links SQLite.
$(OUT)/lib/libproj.a: $(call objects,proj-objects,$(PROJ)/src,$(proj_names)) $(OUT)/sqlite/sqlite3.c.o
proj_config := $(OUT)/proj-config/proj_config.h
$(proj_config): $(PROJ)/src/proj.h
	@mkdir -p $(@D) $(OUT)/include
	printf '#define HAVE_LOCALECONV 1\n#define HAVE_STRERROR 1\n#define VERSION "$(PROJ_VERSION)"\n' >$@
	cp $(PROJ)/src/proj.h $(PROJ)/src/proj_experimental.h $(PROJ)/src/proj_constants.h $(PROJ)/src/geodesic.h $(OUT)/include/
$(OUT)/proj-objects/headers.pch: $(proj_config)
	@mkdir -p $(@D)
	printf '#include "%s"\n' proj/common.hpp proj/coordinateoperation.hpp proj/crs.hpp proj/io.hpp proj/metadata.hpp proj/util.hpp >$(@:.pch=.h)
	$(CXX) $(proj_flags) -DFROM_PROJ_CPP -x c++-header -c $(@:.pch=.h) -o $@
$(OUT)/proj-objects/iso19111/%.cpp.o: $(PROJ)/src/iso19111/%.cpp $(OUT)/proj-objects/headers.pch
	@mkdir -p $(@D)
	$(CXX) $(proj_flags) -DFROM_PROJ_CPP -include-pch $(OUT)/proj-objects/headers.pch -c $< -o $@
$(OUT)/proj-objects/%.cpp.o: $(PROJ)/src/%.cpp $(proj_config)
	@mkdir -p $(@D)
	$(CXX) $(proj_flags) -c $< -o $@
$(OUT)/proj-objects/%.c.o: $(PROJ)/src/%.c $(proj_config)
	@mkdir -p $(@D)
	$(CC) $(proj_flags) -c $< -o $@
# The order of its parts is that of sql_filelist.cmake; half of what it needs of time is writing to disk, which nobody waits for.
proj_sql = $(addprefix $(PROJ)/data/sql/,$(shell sed -nE 's/.*\/([a-z0-9_]+\.sql)"$$/\1/p' $(PROJ)/data/sql_filelist.cmake))
$(OUT)/proj/proj.db: $(OUT)/sqlite/make-database $(PROJ)/data/sql_filelist.cmake
	@mkdir -p $(@D)
	rm -f $@
	cat $(proj_sql) | sed 's/$${PROJ_VERSION}/$(PROJ_VERSION)/' >$(OUT)/sqlite/all.sql
	$(OUT)/sqlite/make-database $@ $(OUT)/sqlite/all.sql
	cp $(addprefix $(PROJ)/data/,proj.ini world other.extra nad27 GL27 nad83 nad.lst CH ITRF2000 ITRF2008 ITRF2014) $(@D)/
$(OUT)/sqlite/make-database: $(PORT)/proj-database.c $(SQLITE)/sqlite3.c
	@mkdir -p $(@D)
	$(HOSTCC) -O1 $(sqlite_flags) -I$(SQLITE) -o $@ $^ -lm

# ---- json-c: for GeoJSON ----

json := arraylist debug json_c_version json_object json_object_iterator json_pointer json_tokener json_util json_visit linkhash printbuf random_seed strerror_override
json_headers := $(OUT)/include/json-c/json.h
$(OUT)/lib/libjson-c.a: $(patsubst %,$(OUT)/json/%.c.o,$(json))
$(OUT)/json/%.c.o: $(JSON)/%.c $(json_headers)
	@mkdir -p $(@D)
	$(CC) $(side) -D_GNU_SOURCE -I$(OUT)/json-config -I$(OUT)/include/json-c -I$(JSON) -c $< -o $@
$(json_headers): $(JSON)/json.h.cmakein
	@mkdir -p $(@D) $(OUT)/json-config
	cp $(JSON)/*.h $(@D)/
	sed -e 's/@[A-Z_]*@//' $< >$@
	printf '#define JSON_C_HAVE_INTTYPES_H 1\n#define JSON_C_HAVE_STDINT_H 1\n' >$(@D)/json_config.h
	printf '#define %s 1\n' HAVE_STDARG_H HAVE_STDINT_H HAVE_INTTYPES_H HAVE_STDLIB_H HAVE_STRING_H HAVE_STRINGS_H HAVE_UNISTD_H HAVE_FCNTL_H HAVE_LIMITS_H HAVE_LOCALE_H \
		HAVE_SYS_TYPES_H HAVE_SYS_STAT_H HAVE_SYS_PARAM_H HAVE_DECL_INFINITY HAVE_DECL_NAN HAVE_DECL_ISINF HAVE_DECL_ISNAN HAVE_OPEN HAVE_SNPRINTF HAVE_VSNPRINTF HAVE_VASPRINTF \
		HAVE_STRCASECMP HAVE_STRNCASECMP HAVE_STRDUP HAVE_STRERROR HAVE_STRTOLL HAVE_STRTOULL HAVE_SETLOCALE HAVE_USELOCALE HAVE_DUPLOCALE STDC_HEADERS \
		>$(OUT)/json-config/config.h
	printf '#define SIZEOF_%s\n' 'INT 4' 'INT64_T 8' 'LONG 8' 'LONG_LONG 8' 'SIZE_T 8' 'SSIZE_T 8' >>$(OUT)/json-config/config.h
.PHONY: all
