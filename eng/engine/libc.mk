# Emscripten's C library (musl) for wasm64, compiled from its sources: system calls stay imports (__syscall_*, wasi fd_*), nothing is
# answered by a constant. What musl has of processes, semaphores, mappings and users is in port.c.
#   make -f libc.mk CC=... AR=... SYSTEM=DIR/system OUT=DIR
MUSL := $(SYSTEM)/lib/libc/musl
# A process has one thread; see below why real thread-local variables would be at the wrong place.
UNTHREADED := -D_Thread_local= -D__thread=
CFLAGS := $(TARGET) $(UNTHREADED) -O2 -fno-builtin -std=gnu99 -D_XOPEN_SOURCE=700 -DNDEBUG -w \
	-I$(MUSL)/src/internal -I$(MUSL)/src/include -I$(MUSL)/include -I$(SYSTEM)/lib/libc -I$(SYSTEM)/lib/pthread

# Folders of which only named files are for a program without threads and signals of a real kernel
PARTIAL := ipc passwd signal sched time linux aio exit legacy mq setjmp ldso malloc thread
# port.c, the host, or emscripten's variants have these
WITHOUT := memcpy memset memmove getaddrinfo getnameinfo res_query res_querydomain proto ppoll syscall popen pclose getgrouplist initgroups \
	wordexp timer_create getentropy getauxval lookup_name fork vfork posix_spawn posix_spawnp execve waitid system _Fork __reset_tls __init_tls \
	__libc_start_main pow_small log_small log2_small getpid getppid waitpid mmap munmap \
	fmal

whole := $(filter-out $(foreach d,$(PARTIAL),$(MUSL)/src/$(d)/%),$(wildcard $(MUSL)/src/*/*.c $(MUSL)/src/*/*/*.c))
whole := $(foreach f,$(whole),$(if $(filter $(WITHOUT),$(basename $(notdir $(f)))),,$(f)))
named := $(addprefix $(MUSL)/src/, \
	$(patsubst %,thread/%.c,pthread_self pthread_cleanup_push pthread_attr_init pthread_attr_destroy pthread_attr_get default_attr call_once) \
	$(patsubst %,time/%.c,clock clock_settime asctime_r asctime ctime difftime ftime gmtime localtime ctime_r timespec_get utime \
		__map_file strftime strptime __tz __tm_to_secs __year_to_secs __month_to_secs) \
	$(patsubst %,legacy/%.c,getpagesize err euidaccess) \
	$(patsubst %,linux/%.c,getdents gettid utimes statx) \
	$(patsubst %,sched/%.c,sched_yield) \
	$(patsubst %,exit/%.c,abort _Exit atexit at_quick_exit quick_exit exit) \
	$(patsubst %,ldso/%.c,dladdr dlerror) \
	$(patsubst %,signal/%.c,block getitimer killpg setitimer sigorset sigandset sigaddset sigdelset sigemptyset sigisemptyset \
		sigfillset sigismember siginterrupt signal sigprocmask sigrtmax sigrtmin sigwait sigwaitinfo psignal)) \
	$(patsubst %,$(SYSTEM)/lib/libc/%.c,emscripten_get_heap_size emscripten_memcpy emscripten_memmove emscripten_memset \
		emscripten_time mktime lookup_name pthread_sigmask raise sigaction sigtimedwait wasi-helpers sbrk) \
	$(patsubst %,$(SYSTEM)/lib/pthread/%.c,library_pthread_stub pthread_self_stub) \
	$(wildcard $(SYSTEM)/lib/libc/compat/*.c) $(SYSTEM)/lib/dlmalloc.c \
	$(SYSTEM)/lib/libc/emscripten_memcpy_bulkmem.S $(SYSTEM)/lib/libc/emscripten_memset_bulkmem.S

RT := $(SYSTEM)/lib/compiler-rt
rt := $(filter-out $(patsubst %,$(RT)/lib/builtins/%.c,gcc_personality_v0 extendbfsf2 truncdfbf2 truncsfbf2 crtbegin crtend divxc3 extendxftf2 \
	fixxfdi fixxfti fixunsxfdi fixunsxfsi fixunsxfti floatdixf floattixf floatundixf floatuntixf mulxc3 powixf2 trunctfxf2 \
	extendhfxf2 extendxfhf2 truncxfhf2 truncxfbf2 extendbfxf2 atomic),$(wildcard $(RT)/lib/builtins/*.c)) \
	$(RT)/stack_ops.S $(RT)/emscripten_setjmp.c $(RT)/emscripten_tempret.s $(RT)/__trap.c $(RT)/emscripten_exception_builtins.c

sources := $(wildcard $(whole) $(named) $(rt))
objects := $(patsubst $(SYSTEM)/lib/%,$(OUT)/libc.o/%.o,$(sources))

$(OUT)/libc.a: $(objects)
	rm -f $@
	$(file >$(OUT)/libc.rsp,$(objects))
	$(AR) rcs $@ @$(OUT)/libc.rsp

$(OUT)/libc.o/%.o: $(SYSTEM)/lib/%
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(EXTRA) -c $< -o $@
# Not part of musl
plain := $(TARGET) $(UNTHREADED) -O2 -fno-builtin -DNDEBUG -w -I$(SYSTEM)/lib/libc
$(OUT)/libc.o/compiler-rt/%.o $(OUT)/libc.o/dlmalloc.c.o: CFLAGS := $(plain)
# For malloc_trim of port.c
$(OUT)/libc.o/dlmalloc.c.o: EXTRA := -DMALLOC_INSPECT_ALL=1
# Buffers of stdio as large as sysroot.sh tells programs
$(patsubst %,$(OUT)/libc.o/libc/musl/src/stdio/%.c.o,__fdopen stdin stdout): EXTRA := -include $(PORT)/buffers.h
# The variables of setjmp, without atomics: with them the compiler makes them thread-local, and for memory that is not shared, wasm-ld 19 adds the base
# of their segment to what is an address already.
$(OUT)/libc.o/compiler-rt/emscripten_exception_builtins.c.o: EXTRA := -mno-atomics
# Its semaphores know one thread; port.c has real ones.
$(OUT)/libc.o/pthread/library_pthread_stub.c.o: EXTRA := $(foreach f,init destroy wait trywait post,-Dsem_$(f)=stub_sem_$(f))
