# The C++ library with exceptions, streams and locales, for side modules that want it: emscripten's libc++ and libc++abi with exceptions.cpp for what unwinds.
#   make -f cxx.mk AR=... OUT=DIR PORT=eng/engine SYSTEM=emscripten's
# Made when the first such extension is compiled (extension.sh); the server and its own extensions have the small one of libraries.mk.
CXX := $(PORT)/cxx/wasm-c++
abi := $(SYSTEM)/lib/libcxxabi
cxx := $(SYSTEM)/lib/libcxx
# Not there: threads that wait for each other, zones of time
without := atomic barrier tz tzdb_list
sources := $(filter-out $(patsubst %,$(cxx)/src/%.cpp,$(without)),$(wildcard $(cxx)/src/*.cpp)) $(wildcard $(cxx)/src/ryu/*.cpp) \
	$(filter-out %/int128_builtins.cpp,$(wildcard $(cxx)/src/filesystem/*.cpp)) \
	$(patsubst %,$(abi)/src/%.cpp,abort_message cxa_aux_runtime cxa_default_handlers cxa_demangle cxa_handlers cxa_virtual fallback_malloc stdlib_exception stdlib_new_delete \
		stdlib_stdexcept stdlib_typeinfo private_typeinfo)
objects := $(patsubst $(SYSTEM)/lib/%,$(OUT)/%.o,$(sources)) $(OUT)/exceptions.cpp.o
flags := -O2 -w -std=c++20 -fPIC -fvisibility=hidden -D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI=1 -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCXXABI_HAS_NO_THREADS \
	-D__EMSCRIPTEN_EXCEPTIONS__ -DLIBCXXABI_SILENT_TERMINATE -I$(abi)/include -I$(abi)/src -I$(cxx)/src

# emscripten's has a function of exceptions in it, which exceptions.cpp has for its own header of them
$(OUT)/libcxxabi/src/private_typeinfo.cpp.o: flags += -D__cxa_get_exception_ptr=unused_get_exception_ptr
$(OUT)/libc++.a: $(objects)
	rm -f $@
	$(AR) rcs $@ $^
$(OUT)/%.cpp.o: $(SYSTEM)/lib/%.cpp $(PORT)/cxx/wasm-cc $(PORT)/cxx/longjmp.h
	@mkdir -p $(@D)
	$(CXX) $(flags) -c $< -o $@
$(OUT)/exceptions.cpp.o: $(PORT)/exceptions.cpp $(PORT)/cxx/wasm-cc
	@mkdir -p $(@D)
	$(CXX) $(flags) -fno-exceptions -c $< -o $@
